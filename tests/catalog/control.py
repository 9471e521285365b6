"""A control repository in git that a test changes as an operator would, and the plans of its changes."""

import shutil
import subprocess
from pathlib import Path

from fleet_cli.machine import paths
from fleet_cli.planning import factsets, planner
from fleet_cli.planning.factsets import FactSets
from fleet_cli.planning.plan import Plan
from fleet_cli.planning.planner import Choice, Settings

CODE = (
    "Puppetfile", "environment.conf", "hiera.yaml", "hieradata", "lab.yaml", "manifests", "modules", "nodes.yaml",
    "scripts/config_version", "site",
)  # fmt: skip
FACTS = "tests/catalog/debian13.json"


class Control:
    """A repository with what is checked out here as the newest commit of its branch `main`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        listing = ["git", "-C", str(paths.control_repo()), "ls-files", "-co", "--exclude-standard", "--", *CODE, FACTS]
        for name in subprocess.run(listing, capture_output=True, text=True, check=True).stdout.splitlines():
            if (paths.control_repo() / name).exists():
                (directory / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(paths.control_repo() / name, directory / name)
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("config", "user.name", "Operator")
        self.git("config", "user.email", "operator@fleet.test")
        self.commit()

    def git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.directory), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=A state")

    def restore(self) -> None:
        """Take back all that is not committed."""
        self.git("reset", "--quiet", "--hard")
        self.git("clean", "--quiet", "--force", "-d")

    def read(self, path: str) -> str:
        return (self.directory / path).read_text(encoding="utf-8")

    def write(self, path: str, text: str) -> None:
        (self.directory / path).parent.mkdir(parents=True, exist_ok=True)
        (self.directory / path).write_text(text, encoding="utf-8")

    def replace(self, path: str, old: str, new: str) -> None:
        assert old in self.read(path)
        self.write(path, self.read(path).replace(old, new))

    @property
    def facts(self) -> FactSets:
        return FactSets({}, self.directory, factsets.addresses(self.directory))

    def plan(self, base: str | None = "main", head: str | None = None, *, choice: Choice | None = None) -> Plan:
        return planner.make(self.directory, base, head, Settings(choice or Choice(), self.facts))
