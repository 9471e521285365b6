"""Starts the checks: pytest, in a process of its own, that writes nothing but what it is asked for."""

import os
import subprocess
import sys
from pathlib import Path

from fleet_cli.fleet.description import Fleet
from fleet_cli.fleet.nodes import Choice
from fleet_cli.machine import paths

OWN = "tests/verify"
"""Where a control repository has tests of its own for `fleet verify`."""

HERE = Path(__file__).parent
_NOTHING_TO_TEST = 5
"""pytest's status."""


def run(fleet: Fleet, repo: Path, choice: Choice, junit: Path | None) -> int:
    """Check the nodes that are meant; return the exit status: 0 all is as declared, 1 it is not, or that is not known.

    Args:
        repo: the control repository, whose own tests are run, too.
        junit: the file for the results as JUnit has them.
    """
    folders = [HERE, *([repo / OWN] if (repo / OWN).is_dir() else [])]
    options = [
        "-c", HERE / "pytest.ini", f"--rootdir={repo}", "-p", "no:cacheprovider", "-p", "no:hypothesispytest",
        "-p", "fleet_cli.verification.plugin", "--fleet", fleet.file.absolute(),
        *([f"--junitxml={junit.absolute()}"] if junit else []),
        *(f"--fleet-node={word}" for word in choice.words),
        *(f"--fleet-role={role}" for role in choice.roles),
        *(f"--fleet-tier={tier}" for tier in choice.tiers),
        *([f"--fleet-query={choice.query}"] if choice.query else []),
    ]  # fmt: skip
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment = {
        **inherited, "PYTHONPATH": str(paths.control_repo() / "scripts"), "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    sys.stdout.flush()
    command = [sys.executable, "-m", "pytest", *map(str, options), *map(str, folders)]
    status = subprocess.run(command, cwd=repo, env=environment, check=False).returncode
    return 0 if status in (0, _NOTHING_TO_TEST) else 1
