"""Catalogs that are kept save time, and are never trusted further than what they were made from."""

from pathlib import Path

from fleet_cli.planning import store


def test_a_catalog_is_given_back_with_what_it_was_made_from(tmp_path: Path) -> None:
    with store.opened(tmp_path / "kept.sqlite") as kept:
        number = kept.put("node", {"file:a": "1"}, {"resources": ["é"]})
    with store.opened(tmp_path / "kept.sqlite") as kept:
        (found,) = kept.candidates("node")
        assert (found.number, found.inputs) == (number, {"file:a": "1"})
        assert kept.get(number) == {"resources": ["é"]}
        assert kept.candidates("other node") == []


def test_no_more_catalogs_of_a_node_are_kept_than_are_looked_at(tmp_path: Path) -> None:
    with store.opened(tmp_path / "kept.sqlite") as kept:
        numbers = [kept.put("node", {}, {}) for _ in range(store.CANDIDATES + 5)]
        other = kept.put("other node", {}, {})
        kept.get(numbers[0])
    with store.opened(tmp_path / "kept.sqlite") as kept:
        assert [one.number for one in kept.candidates("other node")] == [other]
        assert len(kept.candidates("node")) == store.CANDIDATES


def test_a_damaged_file_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "kept.sqlite").write_bytes(b"no database at all" * 100)
    with store.opened(tmp_path / "kept.sqlite") as kept:
        assert kept.candidates("node") == []


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    with store.opened(tmp_path / "kept.sqlite"):
        assert (tmp_path / "kept.sqlite").stat().st_mode & 0o077 == 0
