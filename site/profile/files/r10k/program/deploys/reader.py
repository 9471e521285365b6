"""Has Puppet itself read an environment before any node is given it: reader.rb, started beside r10k.

It runs as the account of Puppet Server: it loads the resource types of the commit, to generate their metadata.
"""

import json
import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from deploys import files
from deploys.errors import DeployError
from deploys.layout import Layout

PROGRAM = Path(__file__).with_name("reader.rb")
TYPES = ".resource_types"


class Reader:
    """A process that has loaded Puppet and reads environments; to be used in a `with`."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def __enter__(self) -> Self:
        self._home = Path(tempfile.mkdtemp(prefix="deploy-"))
        shutil.chown(self._home, self._layout.user)
        self._process = subprocess.Popen(
            ["ruby", str(PROGRAM), str(self._home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            user=self._layout.user,
            group=pwd.getpwnam(self._layout.user).pw_gid,
            extra_groups=[],
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "HOME": str(self._home)},
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                if pipe:
                    pipe.close()
        shutil.rmtree(self._home, ignore_errors=True)

    def problems(self, environment: Path, commit: str) -> list[str]:
        """Read an environment; return what is wrong with it, a sentence each.

        If nothing is wrong, the metadata of its resource types is put in it.

        Files that were in order in a deploy before are not read again.

        Raises:
            DeployError: Puppet could not be asked.
        """
        known = self._known()
        question = {"directory": str(environment), "commit": commit, "known": known}
        try:
            assert self._process.stdin and self._process.stdout  # noqa: S101 - opened as pipes above
            print(json.dumps(question), file=self._process.stdin, flush=True)
            answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        except (OSError, ValueError) as error:
            raise DeployError(f"Puppet could not read {environment.name}: see above; nothing has changed") from error
        found = [str(problem) for problem in answer["problems"]]
        if not found:
            (environment / TYPES).mkdir(exist_ok=True)
            for name, text in answer["types"].items():
                (environment / TYPES / name).write_text(text, encoding="utf-8")
            self._remember(answer["version"], answer["digests"])
        return found

    def _known(self) -> dict[str, list[str]]:
        try:
            found: dict[str, list[str]] = json.loads(self._layout.checked.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found

    def _remember(self, version: str, digests: list[str]) -> None:
        # Without them the next deploy reads everything.
        with suppress(OSError):
            files.replace(self._layout.checked, json.dumps({version: digests}))
