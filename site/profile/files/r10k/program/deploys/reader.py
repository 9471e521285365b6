"""Has Puppet itself read an environment before any node is given it: reader.rb, started beside r10k.

It runs as the account that r10k runs as, since it loads the resource types of the commit, to generate their metadata,
and runs its config_version. What it answers is not trusted either.
"""

import json
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from deploys import files
from deploys.account import Account
from deploys.errors import DeployError
from deploys.layout import Layout

PROGRAM = Path(__file__).with_name("reader.rb")
TYPES = ".resource_types"
TYPE_FILE = re.compile(r"[a-z][a-z0-9_]*\.pp")
LONGEST = 64 * 1024 * 1024
"""No answer is longer, in bytes."""

SECONDS = 300
"""What reads longer hangs. A first deploy with many modules takes some seconds."""


class Reader:
    """A process that has loaded Puppet and reads environments; to be used in a `with`."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def __enter__(self) -> Self:
        self._home = Path(tempfile.mkdtemp(prefix="deploy-"))
        account = Account.of(self._layout)
        account.own(self._home)
        codedir = self._layout.environments.parent
        command = ["ruby", str(PROGRAM), str(self._home), str(self._layout.confdir), str(codedir)]
        self._process = account.start(command, env={"HOME": str(self._home)}, stdin=subprocess.PIPE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # With all that the commit's own code may have started.
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                if pipe:
                    pipe.close()
        shutil.rmtree(self._home, ignore_errors=True)

    def problems(self, environment: Path, commit: str) -> list[str]:
        """Read an environment; return what is wrong with it, a sentence each.

        If nothing is wrong, the metadata of its resource types is put in it. Files that were in order in a deploy
        before are not read again.

        Raises:
            DeployError: Puppet could not be asked, or does not answer.
        """
        answer = self._ask({
            "directory": str(environment),
            "served_in": str(self._layout.environments),
            "commit": commit,
            "known": self._known(),
        })  # fmt: skip
        try:
            found = [str(problem) for problem in answer["problems"]]
            types: dict[str, str] = {name: str(text) for name, text in answer["types"].items()}
            version, digests = str(answer["version"]), [str(digest) for digest in answer["digests"]]
        except (KeyError, TypeError, AttributeError) as error:
            raise DeployError(f"{environment.name}: Puppet's answer makes no sense: nothing has changed") from error
        if not found:
            self._write_types(environment / TYPES, types)
            self._remember(version, digests)
        return found

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin and self._process.stdout  # noqa: S101 - opened as pipes above
        name = Path(question["directory"]).name
        try:
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
            self._process.stdin.flush()
            if not select.select([self._process.stdout], [], [], SECONDS)[0]:
                raise DeployError(
                    f"{name}: Puppet has not read it in {SECONDS} s: does its config_version or a resource type hang?"
                    " Nothing has changed"
                )
            answer: dict[str, Any] = json.loads(self._process.stdout.readline(LONGEST))
        except (OSError, ValueError) as error:
            raise DeployError(f"{name}: Puppet could not read it, see above; nothing has changed") from error
        return answer

    def _write_types(self, directory: Path, types: dict[str, str]) -> None:
        files.remove_tree(directory)
        directory.mkdir()
        for name, text in types.items():
            if not TYPE_FILE.fullmatch(name):
                raise DeployError(f"{name!r} is no name of a resource type: nothing has changed")
            (directory / name).write_text(text, encoding="utf-8")

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
