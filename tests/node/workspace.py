"""The fleet command and a control repository, as an operator has them."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployed import REPO, TO_LEAVE


@dataclass(frozen=True)
class Fleet:
    """The command as a user types it, on a control repository of the test's own."""

    repo: Path = REPO

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        if arguments[:1] in (("deploy",), ("rollout",), ("rollback",)) or arguments[:2] == ("lab", "up"):
            assert TO_LEAVE, f"fleet {' '.join(arguments)}: mark this test with `deploys`"
        return subprocess.run(
            [str(REPO / "scripts/fleet"), "-C", str(self.repo), *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )

    def ok(self, *arguments: str) -> str:
        """Run a command that must succeed; return its standard output."""
        result = self(*arguments)
        assert result.returncode == 0, f"fleet {' '.join(arguments)}\n{result.stdout}\n{result.stderr}"
        return result.stdout

    def agent(self, *arguments: str) -> list[dict[str, Any]]:
        """Run the agent by `fleet run --json`; return a dictionary a node."""
        runs: list[dict[str, Any]] = json.loads(self("run", "--json", *arguments).stdout)
        return runs


@dataclass(frozen=True)
class Workspace:
    """A clone of the control repository in which a test plays the operator."""

    directory: Path

    @classmethod
    def clone(cls, directory: Path) -> "Workspace":
        """Make one of the commit that tests are to leave deployed; where they deploy nothing, of HEAD."""
        subprocess.run(["git", "clone", "-q", str(REPO), str(directory)], check=True)
        made = cls(directory)
        made.git("checkout", "-q", "--detach", TO_LEAVE or "HEAD")
        return made

    @property
    def fleet(self) -> Fleet:
        return Fleet(self.directory)

    def write(self, path: str, text: str) -> None:
        """Write a file that the next commit is to have."""
        target = self.directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        self.git("add", path)

    def commit(self, path: str, text: str) -> None:
        """Write a file and commit it."""
        self.write(path, text)
        self.git(
            "-c",
            "user.name=Operator",
            "-c",
            "user.email=operator@fleet.test",
            "commit",
            "--allow-empty",
            "-qm",
            f"Change {path}",
        )

    def read(self, path: str) -> str:
        return (self.directory / path).read_text(encoding="utf-8")

    def branch(self, name: str) -> None:
        self.git("switch", "-q", "-C", name)

    def git(self, *arguments: str) -> None:
        subprocess.run(["git", "-C", str(self.directory), *arguments], check=True, capture_output=True)
