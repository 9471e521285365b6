"""`fleet log` tells who did what, from all machines, in the order of time; and whose records are missing."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fleet_cli.fleet import asking, records
from fleet_cli.fleet.description import Fleet
from fleet_cli.machine.errors import FleetError
from fleet_machines import Machines, ago


def record(  # noqa: PLR0917 - the columns of a table
    time: str, host: str, action: str, who: str, what: str, outcome: str = "done"
) -> dict[str, str]:
    return {"time": time, "host": host, "action": action, "who": who, "from": "10.0.0.9", "what": what,
            "outcome": outcome}  # fmt: skip


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machines:
    found = Machines(tmp_path, monkeypatch)
    found.server_log = [
        record(ago(days=20), "puppet", "deploy", "anna", "production --commit 0123456789"),
        record(ago(hours=5), "puppet", "publish", "bert", "orders_1.1.0-1_amd64.deb"),
        record(ago(hours=1), "puppet", "trial", "anna", "faster --for 1h --node app1.example.org"),
    ]
    for number in (1, 2):
        found.add(f"app{number}.example.org")
    found.nodes["app1.example.org"].log = [record(ago(hours=3), "app1", "run", "anna", "", "failed: exit status 1")]
    found.nodes["app2.example.org"].log = [record(ago(minutes=9), "app2", "rollback", "carl", "orders")]
    return found


def told(machines: Machines, *arguments: str, status: int = 0) -> list[tuple[str, str]]:
    """Host and action of each record."""
    data = json.loads(machines.fleet("log", "--json", *arguments, status=status).partition("\nfleet:")[0])
    return [(one["host"], one["action"]) for one in data["records"]]


def test_records_of_all_machines_are_in_the_order_of_time(machines: Machines) -> None:
    assert told(machines) == [("puppet", "publish"), ("app1", "run"), ("puppet", "trial"), ("app2", "rollback")]
    printed = machines.fleet("log").splitlines()
    assert re.fullmatch(
        r"[-0-9]{10} [:0-9]{8}  app1    anna \(10\.0\.0\.9\)  run       failed: exit status 1", printed[1]
    )
    assert printed[3].endswith("  rollback  orders: done")


def test_records_are_chosen_by_time_action_and_person(machines: Machines) -> None:
    assert told(machines, "--since", "4w")[0] == ("puppet", "deploy")
    assert told(machines, "--since", "2h") == [("puppet", "trial"), ("app2", "rollback")]
    assert told(machines, "--action", "run") == [("app1", "run")]
    assert told(machines, "--who", "anna") == [("app1", "run"), ("puppet", "trial")]
    assert told(machines, "app2") == [("puppet", "publish"), ("puppet", "trial"), ("app2", "rollback")]
    assert machines.fleet("log", "--who", "zoe") == "no record\n"


def test_a_machine_that_is_not_reached_is_named_at_the_end(machines: Machines) -> None:
    machines.nodes["app1.example.org"].unreachable = "anna@app1.example.org: Permission denied (publickey)."
    printed = machines.fleet("log", status=1).splitlines()
    assert printed[-1].startswith("fleet: app1: its records are not here: ssh has no key that it takes")
    assert len(printed) == 4, "the others go on"


def test_no_record_moves_the_cursor_of_who_reads_it(machines: Machines) -> None:
    machines.nodes["app2.example.org"].log = [record(ago(minutes=9), "app2", "run", "carl", "\x1b[2J\rorders")]
    assert "\x1b" not in machines.fleet("log")
    assert "\ufffd[2J\ufffdorders" in machines.fleet("log")


def test_what_is_no_record_is_left_out(machines: Machines) -> None:
    machines.save()
    file = machines.directory / "app1.example.org/fleet-log"
    machines.nodes["app1.example.org"].log = []
    machines.fleet("log")
    file.write_text('{"time": "yesterday"}\n[]\nnonsense\n{"action": "run"}\n', encoding="utf-8")
    fleet = Fleet(machines.repo / "fleet.yaml", "puppet.example.org", "")
    (said,) = asking.ask(fleet, ["app1.example.org"], "fleet-log")
    assert records.read(said["app1.example.org"]) == []


NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("90m", "2026-11-28T10:30:00"), ("2h", "2026-11-28T10:00:00"), ("3d", "2026-11-25T12:00:00"),
     ("1w", "2026-11-21T12:00:00")],
)  # fmt: skip
def test_how_long_ago_is_a_time(text: str, wanted: str) -> None:
    assert records.since(text, NOW) == datetime.fromisoformat(wanted).replace(tzinfo=UTC)


def test_a_date_is_one_of_this_place() -> None:
    assert records.since("2026-11-27") == datetime(2026, 11, 27).astimezone()
    assert records.since("2026-11-27 14:30") == datetime(2026, 11, 27, 14, 30).astimezone()


@pytest.mark.parametrize("text", ["", "soon", "3y", "-1d", "99999d", "2026-13-01", "1d2h"])
def test_what_is_no_time_is_refused_with_those_that_are(text: str) -> None:
    with pytest.raises(FleetError, match="no time: write 90m"):
        records.since(text, NOW)


def test_json_has_the_words_of_the_machines_own_program() -> None:
    record = records.Record("2026-11-28T09:00:00Z", "puppet", "deploy", "anna", "192.0.2.7", "production", "done")
    assert record.as_dict() == {
        "time": "2026-11-28T09:00:00Z", "host": "puppet", "action": "deploy", "who": "anna", "from": "192.0.2.7",
        "what": "production", "outcome": "done",
    }  # fmt: skip
