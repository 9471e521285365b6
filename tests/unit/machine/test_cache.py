"""Results of earlier calls save time, and never do harm."""

import errno
import os
from pathlib import Path

import pytest
from fleet_cli.machine.cache import Cache


@pytest.fixture
def cache(tmp_path: Path) -> Cache[list[int]]:
    return Cache(tmp_path / "not/yet/there", 2)


def test_an_entry_is_there_for_the_next_call(cache: Cache[list[int]]) -> None:
    assert cache.get("a") is None
    cache.put("a", [1, 2])
    assert cache.get("a") == [1, 2]
    cache.put("a", [3])
    assert cache.get("a") == [3]


@pytest.mark.parametrize("content", [b"", b"half of i", b"\x80\x05cno.such.module\nvalue\n."])
def test_a_damaged_entry_is_made_again_and_stops_nothing(cache: Cache[list[int]], content: bytes) -> None:
    cache.put("a", [1])
    (cache.directory / "a").write_bytes(content)
    assert cache.get("a") is None
    cache.put("a", [2])
    assert cache.get("a") == [2]


def test_an_entry_that_another_user_wrote_is_not_read(cache: Cache[list[int]], monkeypatch: pytest.MonkeyPatch) -> None:
    cache.put("a", [1])
    own = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: own + 1)
    assert cache.get("a") is None


def test_the_disk_does_not_fill_up_and_what_is_used_stays(cache: Cache[list[int]]) -> None:
    for second, name in enumerate(["a", "b"]):
        cache.put(name, [second])
        os.utime(cache.directory / name, (second, second))
    cache.get("a")
    cache.put("c", [2])
    assert sorted(entry.name for entry in cache.directory.iterdir()) == ["a", "c"]


def test_where_nothing_can_be_written_nothing_fails(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache: Cache[list[int]] = Cache(tmp_path / "file", 2)
    cache.put("a", [1])
    assert cache.get("a") is None


def test_a_disk_that_is_full_gets_no_half_entries(cache: Cache[list[int]], monkeypatch: pytest.MonkeyPatch) -> None:
    cache.put("a", [1])

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    cache.put("b", [2])
    assert [entry.name for entry in cache.directory.iterdir()] == ["a"]
