"""What was read once is not read again, and what another release of fleet read is not trusted."""

from pathlib import Path

import pytest
from fleet_cli.machine.cache import Cache
from fleet_cli.validation.shards import MAX_NEWER, Shard

NAMES = {f"{number}.yaml" for number in range(MAX_NEWER + 50)}


@pytest.fixture
def cache(tmp_path: Path) -> Cache[tuple[str, dict[str, int]]]:
    return Cache(tmp_path, 10)


def loaded(cache: Cache[tuple[str, dict[str, int]]], version: str = "1") -> Shard[int]:
    shard: Shard[int] = Shard(cache, "hieradata", version)
    shard.load()
    return shard


def saved(cache: Cache[tuple[str, dict[str, int]]], entries: dict[str, int], names: set[str] = NAMES) -> None:
    shard = loaded(cache)
    for name, entry in entries.items():
        shard.put(name, entry)
    shard.save(names)


def test_the_next_call_has_the_entries(cache: Cache[tuple[str, dict[str, int]]]) -> None:
    assert loaded(cache).entries == {}
    everything = dict.fromkeys(NAMES, 1)
    saved(cache, everything)
    assert loaded(cache).entries == everything


def test_few_changes_are_cheap_to_write_and_count_like_many(cache: Cache[tuple[str, dict[str, int]]]) -> None:
    saved(cache, dict.fromkeys(NAMES, 1))
    before = (cache.directory / "hieradata").stat()
    saved(cache, {"1.yaml": 2})
    saved(cache, {"2.yaml": 3})
    assert (cache.directory / "hieradata").stat().st_ino == before.st_ino  # not written again
    assert loaded(cache).entries == {**dict.fromkeys(NAMES, 1), "1.yaml": 2, "2.yaml": 3}
    saved(cache, dict.fromkeys(NAMES, 4))
    assert loaded(cache).entries == dict.fromkeys(NAMES, 4)


def test_files_that_are_gone_do_not_stay_for_ever(cache: Cache[tuple[str, dict[str, int]]]) -> None:
    saved(cache, dict.fromkeys(NAMES, 1))
    saved(cache, dict.fromkeys(NAMES, 2), {"1.yaml"})
    assert loaded(cache).entries == {"1.yaml": 2}


def test_another_release_of_fleet_starts_anew(cache: Cache[tuple[str, dict[str, int]]]) -> None:
    saved(cache, {"1.yaml": 1})
    assert loaded(cache, "2").entries == {}
