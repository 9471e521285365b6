"""Who did what, when: the records that machines have in their journals, as fleet-log prints them."""

import json
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from fleet_cli.fleet import asking, ssh
from fleet_cli.fleet.asking import Said
from fleet_cli.fleet.description import Fleet
from fleet_cli.fleet.nodes import SERVER_ROLE, Node
from fleet_cli.machine.errors import FleetError

PROGRAM = "fleet-log"
ACTIONS = ("deploy", "back", "end", "trial", "rollout", "publish", "run", "rollback", "enroll", "certificate")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, order=True)
class Record:
    """What somebody did on a machine.

    Attributes:
        time: when, as ISO 8601 has it, in UTC.
        host: the machine.
        origin: the address that the person came from; empty if it is not known.
        what: to what it was done, as it was asked for.
        outcome: `done` or `failed`, and what is to be said of it after a colon.
    """

    time: str
    host: str
    action: str
    who: str
    origin: str
    what: str
    outcome: str

    @property
    def done(self) -> bool:
        """Whether it was done."""
        return self.outcome.startswith("done")

    def as_dict(self) -> dict[str, str]:
        """The record as JSON has it, with the words of fleet-log."""
        return {"from" if name == "origin" else name: value for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Log:
    """The records of several machines, the newest last, and the machines that told none, with why."""

    records: Sequence[Record]
    missing: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The log as JSON has it."""
        return {"records": [record.as_dict() for record in self.records], "missing": self.missing}


@dataclass(frozen=True)
class Wanted:
    """Which records are meant; without words, all of them.

    Attributes:
        since: none before that time.
        action: what was done.
        who: the account that did it.
    """

    since: datetime | None = None
    action: str | None = None
    who: str | None = None

    def has(self, record: Record) -> bool:
        """Whether a record is one of them."""
        return (
            (self.since is None or datetime.fromisoformat(record.time) >= self.since)
            and self.action in (None, record.action)
            and self.who in (None, record.who)
        )


def collect(fleet: Fleet, nodes: Sequence[Node], wanted: Wanted) -> Log:
    """Ask the Puppet server and nodes for their records, in parallel."""
    others = [node for node in nodes if node.role != SERVER_ROLE]
    with ThreadPoolExecutor(max_workers=1) as pool:
        server = pool.submit(_ask_server, fleet)
        (said,) = asking.ask(fleet, [node.certname for node in others], PROGRAM)
        answers = {fleet.server: server.result(), **{node.name: said[node.certname] for node in others}}
    found: set[Record] = set()
    missing = {}
    for machine, answer in answers.items():
        try:
            found.update(read(answer))
        except FleetError as error:
            missing[machine] = str(error)
    return Log(sorted(filter(wanted.has, found)), missing)


def of_nodes(fleet: Fleet, certnames: Sequence[str]) -> dict[str, list[Record]]:
    """Return the records of nodes, by certname; none of one that tells none."""
    (said,) = asking.ask(fleet, certnames, PROGRAM)
    return {certname: [] if answer.error else sorted(read(answer)) for certname, answer in said.items()}


def _ask_server(fleet: Fleet) -> Said:
    try:
        done = ssh.run(fleet, fleet.server, PROGRAM, check=False)
    except FleetError as error:
        return Said(error=str(error).removeprefix(f"{fleet.server}: "))
    complaint = done.stderr.strip() or f"exit status {done.returncode}"
    return Said(done.stdout, f"{PROGRAM} failed there: {complaint}" if done.returncode else "")


def read(said: Said) -> list[Record]:
    """Read what fleet-log printed; a line that is no record is left out.

    Raises:
        FleetError: the machine told nothing.
    """
    if said.error:
        raise FleetError(said.error)
    found = []
    for line in said.text.splitlines():
        try:
            entry = json.loads(line)
            datetime.fromisoformat(entry["time"])
            words = (str(entry.get(key) or "") for key in ("time", "host", "action", "who", "from", "what", "outcome"))
            found.append(Record(*words))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return found


def since(text: str, now: datetime | None = None) -> datetime:
    """Return the time that a text means: how long ago (`90m`, `2h`, `3d`, `1w`), a date, or a date and a time.

    Raises:
        FleetError: it means none.
    """
    if ago := re.fullmatch(r"(\d{1,4})([mhdw])", text):
        return (now or datetime.now(UTC)) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise FleetError(f"--since {text}: no time: write 90m, 2h, 3d, 1w, 2026-11-27 or '2026-11-27 14:30'") from None


def lines(records: Iterable[Record]) -> list[str]:
    """Return what a person reads: a line a record, in columns, with the time of this place."""
    rows = [
        (
            datetime.fromisoformat(record.time).astimezone().strftime("%Y-%m-%d %H:%M:%S"),
            record.host.partition(".")[0],
            record.who + (f" ({record.origin})" if record.origin else ""),
            record.action,
            f"{record.what}: {record.outcome}" if record.what else record.outcome,
        )
        for record in records
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
    return [
        asking.printable("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]))
        for row in rows
    ]
