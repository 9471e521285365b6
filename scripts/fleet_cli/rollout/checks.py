"""A control repository's own checks of a rollout: the executables in rollout/checks/, as they are in its commit.

They run on the machine of whoever rolls out, once for each service on each node that changed. docs/rollout.md says what
they are given, and what their exit status means.
"""

import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from fleet_cli.machine import interruptible, process, temporary
from fleet_cli.machine.errors import FleetError, LimitError
from fleet_cli.machine.printable import printable
from fleet_cli.repository.clones import git

DIRECTORY = "rollout/checks"
AT_ONCE = 16
"""How many run at a time."""
LINES = 20
"""How many of the last lines of a check's output are kept."""
LINE_LENGTH = 500
MOST_OUTPUT = 8 * 2**20
"""Bytes that a check may print until it is ended."""

_WITH = "rollout"
"""What of a commit a check has around it: its own files may be beside checks/."""
_EXECUTABLE, _PLAIN = "100755", "100644"


class Verdict(Enum):
    """What a check came to: the new version is good, is bad, or the check itself failed and nothing is known."""

    GOOD = "good"
    BAD = "bad"
    FAILED = "failed"


@dataclass(frozen=True)
class Change:
    """A service that changed on a node.

    Attributes:
        node: the certname.
        old: the version of before; empty if the service is new there.
        new: the version that serves now; the same as `old` if only the config changed.
    """

    node: str
    service: str
    old: str
    new: str


@dataclass(frozen=True)
class Result:
    """What a check said of a change.

    Attributes:
        check: its name.
        reason: how it ended, such as `exit status 1`.
        output: the last lines of what it printed, as a terminal may have them.
    """

    check: str
    change: Change
    verdict: Verdict
    reason: str
    output: tuple[str, ...]

    def __str__(self) -> str:
        said = f": {self.output[-1]}" if self.output else ""
        return f"{self.check}: {self.change.service} on {self.change.node}: {self.reason}{said}"


@dataclass(frozen=True)
class Checks:
    """The checks of a commit, unpacked.

    Attributes:
        directory: what the commit has in rollout/.
        names: of the checks, in order; none if the commit has none.
    """

    directory: Path
    names: tuple[str, ...] = ()

    def run(self, changes: Sequence[Change], *, tier: str, rollout: int, seconds: int) -> list[Result]:
        """Run every check for every change, some at a time; return what came of each, in that order.

        Args:
            changes: what changed in a wave.
            tier, rollout: the tier, and the number of the rollout, which checks are told.
            seconds: what each may take until it is killed, with all that it started.
        """
        work = [(change, name) for change in changes for name in self.names]
        if not work:
            return []
        told = {"FLEET_TIER": tier, "FLEET_ROLLOUT": str(rollout)}

        def run_all() -> list[Result]:
            with ThreadPoolExecutor(max_workers=min(AT_ONCE, len(work))) as pool:
                return list(pool.map(lambda one: self._one(one[0], one[1], told, seconds), work))

        # Who interrupts it does not wait until the slowest check has ended.
        return interruptible.call(run_all)

    def _one(self, change: Change, name: str, told: Mapping[str, str], seconds: int) -> Result:
        environment = {
            **told, "FLEET_NODE": change.node, "FLEET_SERVICE": change.service,
            "FLEET_OLD_VERSION": change.old, "FLEET_NEW_VERSION": change.new,
        }  # fmt: skip
        lines: deque[str] = deque(maxlen=LINES)
        program = str(self.directory / "checks" / name)
        command = [program, change.node, change.service, change.old, change.new]
        try:
            ended = process.run(
                command, env=environment, cwd=self.directory, check=False, on_line=lines.append, seconds=seconds,
                most=MOST_OUTPUT, group=True,
            )  # fmt: skip
            verdict, reason = _judged(ended.returncode)
        except LimitError as error:
            verdict, reason = Verdict.FAILED, str(error)
        except (FleetError, OSError) as error:
            verdict, reason = Verdict.FAILED, f"it could not be started: {error}"
        output = tuple(printable(line[:LINE_LENGTH].rstrip()) for line in lines)
        return Result(name, change, verdict, reason, output)


def _judged(status: int) -> tuple[Verdict, str]:
    if status < 0:
        return Verdict.FAILED, f"ended by signal {-status}"
    return {0: Verdict.GOOD, 1: Verdict.BAD}.get(status, Verdict.FAILED), f"exit status {status}"


@contextmanager
def at(repo: Path, commit: str) -> Iterator[Checks]:
    """The checks of a commit of a clone, until the block is left.

    Raises:
        FleetError: a file there begins with `#!` and is not executable: somebody thinks that it is a check.
    """
    names = _names(repo, commit)
    if not names:
        yield Checks(Path(os.devnull))
        return
    with temporary.directory() as scratch:
        archive = scratch / "rollout.tar"
        git(repo, "archive", "--format=tar", f"--output={archive}", commit, "--", _WITH)
        process.run(["tar", "--extract", "--file", archive, "--directory", scratch])
        yield Checks(scratch / _WITH, names)


def _names(repo: Path, commit: str) -> tuple[str, ...]:
    found = []
    listing = git(repo, "ls-tree", "-z", "--full-tree", commit, "--", f"{DIRECTORY}/", strip=False)
    for line in filter(None, listing.split("\0")):
        mode, _, rest = line.partition(" ")
        name = rest.partition("\t")[2].removeprefix(f"{DIRECTORY}/")
        if mode == _EXECUTABLE:
            found.append(name)
        elif mode == _PLAIN and git(repo, "cat-file", "blob", f"{commit}:{DIRECTORY}/{name}").startswith("#!"):
            raise FleetError(
                f"{DIRECTORY}/{name} begins with #! and is not executable, so it would not be run:"
                f" `git update-index --chmod=+x {DIRECTORY}/{name}`, or take the first line out"
            )
    return tuple(sorted(found))
