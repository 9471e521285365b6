"""Catalogs of earlier plans save time, and are never trusted further than what they were made from."""

import time
from pathlib import Path

import pytest
from fleet_cli.machine.errors import FleetError
from fleet_cli.planning import store


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "catalogs.sqlite"


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = time.time() + seconds
    monkeypatch.setattr(time, "time", lambda: now)


def test_a_catalog_is_given_back_with_what_it_was_made_from(file: Path) -> None:
    with store.opened(file) as catalogs:
        number = catalogs.put("node", {"file:a": "1"}, {"resources": ["é"]})
    with store.opened(file) as catalogs:
        (found,) = catalogs.candidates("node")
        assert (found.number, found.inputs) == (number, {"file:a": "1"})
        assert catalogs.get(number) == {"resources": ["é"]}
        assert catalogs.candidates("other node") == []


def test_no_more_catalogs_of_a_node_stay_than_are_looked_at(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with store.opened(file) as catalogs:
        numbers = [catalogs.put("node", {}, {}) for _ in range(store.CANDIDATES + 5)]
        other = catalogs.put("other node", {}, {})
    later(monkeypatch, store.IN_USE_SECONDS + 1)
    with store.opened(file) as catalogs:
        catalogs.get(numbers[0])
    with store.opened(file) as catalogs:
        assert [one.number for one in catalogs.candidates("other node")] == [other]
        assert [one.number for one in catalogs.candidates("node")] == [numbers[0], *numbers[: -store.CANDIDATES : -1]]
        with pytest.raises(FleetError, match="is gone: try again"):
            catalogs.get(numbers[1])


def test_what_another_plan_has_looked_up_stays_until_it_is_done(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with store.opened(file) as catalogs:
        number = catalogs.put("node", {}, {"resources": []})
    later(monkeypatch, store.KEEP_SECONDS - 1)
    with store.opened(file) as catalogs:
        catalogs.get(number)
        later(monkeypatch, 60)
        with store.opened(file) as another:
            for _ in range(store.CANDIDATES):
                another.put("node", {}, {})
        assert catalogs.get(number) == {"resources": []}


def test_what_nobody_used_for_two_weeks_goes(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with store.opened(file) as catalogs:
        catalogs.put("node", {}, {})
    later(monkeypatch, store.KEEP_SECONDS + 1)
    with store.opened(file):
        pass
    with store.opened(file) as catalogs:
        assert catalogs.candidates("node") == []


def test_a_damaged_file_is_begun_anew(file: Path) -> None:
    file.write_bytes(b"no database at all" * 100)
    file.with_name(f"{file.name}-wal").write_bytes(b"of another one")
    with store.opened(file) as catalogs:
        assert catalogs.candidates("node") == []


def test_a_file_that_turns_out_to_be_damaged_is_told_and_removed(file: Path) -> None:
    with store.opened(file) as catalogs:
        for number in range(200):
            catalogs.put(f"node{number}", {"a": "x" * 50}, {"resources": [str(number)] * 50})
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    file.write_bytes(content)
    with pytest.raises(FleetError, match=r"was damaged .* try again"), store.opened(file) as catalogs:
        catalogs.candidates("node7")
    with store.opened(file) as catalogs:
        assert catalogs.candidates("node7") == []


def test_where_nothing_can_be_written_a_plan_is_made_without_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with store.opened(tmp_path / "file/catalogs.sqlite") as catalogs:
        number = catalogs.put("node", {}, {"resources": []})
        assert catalogs.get(number) == {"resources": []}


def test_nobody_else_may_read_it(file: Path) -> None:
    with store.opened(file):
        assert file.stat().st_mode & 0o077 == 0
