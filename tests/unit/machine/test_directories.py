"""Directories that take long to make are made once, and nobody loses one that is in use."""

import os
import threading
from pathlib import Path

import pytest
from fleet_cli.machine import cache, paths
from fleet_cli.machine.cache import Directories


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(paths, "WORK", tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "entries"


def fill(directory: Path) -> None:
    (directory / "file").write_text("x", encoding="utf-8")


def make(directories: Directories, name: str, second: int) -> None:
    with directories.made(name, name, fill):
        pass
    os.utime(directories.directory / f"{name}.json", (second, second))


def names(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir() if path.is_dir())


def test_what_is_in_use_stays_however_old_it_is(place: Path) -> None:
    directories = Directories(place, 1)
    with directories.made("old", "old", fill):
        os.utime(place / "old.json", (1, 1))
        for second, name in enumerate(["new1", "new2"]):
            make(directories, name, second + 2)
        assert names(place) == ["new2", "old"]
    with directories.made("new3", "new3", fill):
        assert sorted(path.name for path in place.iterdir()) == ["new3", "new3.json", "new3.lock"]


def test_what_was_used_last_stays(place: Path) -> None:
    directories = Directories(place, 2)
    make(directories, "a", 1)
    make(directories, "b", 2)
    with directories.made("a", "a", fill):
        pass
    with directories.made("c", "c", fill):
        assert names(place) == ["a", "c"]


def test_a_directory_is_made_once_and_used_by_several_at_once(place: Path) -> None:
    made: list[Path] = []
    directories = Directories(place)
    with directories.made("one", "one", made.append), directories.made("one", "one", made.append) as path:
        assert path.is_dir()
    with directories.made("one", "another recipe", made.append):
        assert len(made) == 2


def test_two_calls_that_want_it_at_once_make_it_once(place: Path) -> None:
    made: list[Path] = []
    begun, go_on = threading.Event(), threading.Event()

    def slowly(new: Path) -> None:
        made.append(new)
        begun.set()
        assert go_on.wait(60)

    def want() -> None:
        with Directories(place).made("one", "one", slowly):
            pass

    threads = [threading.Thread(target=want) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert begun.wait(60)
    assert not (place / "one").exists()
    go_on.set()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_what_fails_half_way_leaves_nothing_and_is_made_again(place: Path, work: Path) -> None:
    def fail(new: Path) -> None:
        fill(new)
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space left"), Directories(place).made("one", "one", fail):
        pass
    assert (names(place), list(work.iterdir())) == ([], [])
    with Directories(place).made("one", "one", fill) as path:
        assert (path / "file").exists()


@pytest.mark.parametrize("content", ["", "half of i", "[]", '{"made_from": "another"}'])
def test_one_that_does_not_say_what_it_is_made_from_is_made_again(place: Path, content: str) -> None:
    make(Directories(place), "one", 1)
    (place / "one.json").write_text(content, encoding="utf-8")
    (place / "one/file").unlink()
    with Directories(place).made("one", "one", fill) as path:
        assert (path / "file").exists()


def test_one_whose_content_is_gone_is_made_again(place: Path) -> None:
    make(Directories(place), "one", 1)
    (place / "one/file").unlink()
    (place / "one").rmdir()
    assert cache.recipe_of(place / "one") == ""
    with Directories(place).made("one", "one", fill) as path:
        assert (path / "file").exists()
