"""A package of before is taken only if nothing has changed that goes into it: a release has to be its source."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from fleet_cli.machine import paths
from fleet_cli.machine.cache import Directories
from fleet_cli.machine.errors import FleetError
from fleet_cli.sandbox import images
from fleet_cli.services import kept_builds


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "WORK", tmp_path / "work")
    monkeypatch.setattr(kept_builds, "CACHE", Directories(tmp_path / "packages", 20))


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What Debian's dpkg says is installed where packages are built."""
    upper = tmp_path / "image"
    (upper / "var/lib/dpkg").mkdir(parents=True)
    monkeypatch.setattr(images, "ensure", lambda _: [upper])
    monkeypatch.setattr(images, "made_from", lambda _: "a recipe")
    status = upper / "var/lib/dpkg/status"
    status.write_text("Package: debhelper\nVersion: 13.24\n", encoding="utf-8")
    return status


@pytest.fixture
def source(tmp_path: Path) -> Path:
    made = tmp_path / "source"
    (made / "debian").mkdir(parents=True)
    (made / "debian/rules").write_text("rules", encoding="utf-8")
    (made / "link").symlink_to("debian")
    return made


@pytest.fixture
def given(tmp_path: Path) -> Path:
    made = tmp_path / "given"
    made.mkdir()
    (made / "library-1.0-py3-none-any.whl").write_bytes(b"wheel")
    return made


def write(name: str) -> Callable[[Path], object]:
    return lambda top: (top / name).write_text("another", encoding="utf-8")


def replace_link(source: Path) -> None:
    (source / "link").unlink()
    (source / "link").symlink_to("elsewhere")


CHANGES: dict[str, Callable[[Path], object]] = {
    "a file's content": write("debian/rules"),
    "a new file": write("new"),
    "an empty folder": lambda source: (source / "folder").mkdir(),
    "a file's permissions": lambda source: (source / "debian/rules").chmod(0o755),
    "a file's name": lambda source: (source / "debian/rules").rename(source / "debian/rule"),
    "where a link leads": replace_link,
}


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_any_change_of_the_source_is_another_build(source: Path, given: Path, change: Callable[[Path], object]) -> None:
    before = kept_builds.inputs(source, given)
    change(source)
    assert kept_builds.inputs(source, given) != before


@pytest.mark.usefixtures("installed")
def test_when_and_in_which_order_files_were_written_is_no_change(source: Path, given: Path, tmp_path: Path) -> None:
    before = kept_builds.inputs(source, given)
    copy = tmp_path / "elsewhere"
    copy.mkdir()
    (copy / "link").symlink_to("debian")
    (copy / "debian").mkdir()
    (copy / "debian/rules").write_text("rules", encoding="utf-8")
    os.utime(copy / "debian/rules", (1, 1))
    assert kept_builds.inputs(copy, given) == before


def test_another_wheel_of_the_same_lock_another_tool_and_another_debian_are_other_builds(
    source: Path, given: Path, installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {kept_builds.inputs(source, given), kept_builds.inputs(source, None)}
    (given / "library-1.0-py3-none-any.whl").write_bytes(b"another wheel")
    found.add(kept_builds.inputs(source, given))
    installed.write_text("Package: debhelper\nVersion: 13.25\n", encoding="utf-8")
    found.add(kept_builds.inputs(source, given))
    monkeypatch.setattr(images, "made_from", lambda _: "another recipe")
    found.add(kept_builds.inputs(source, given))
    monkeypatch.setattr(kept_builds, "FLEET", source)
    found.add(kept_builds.inputs(source, given))
    assert len(found) == 6


class Builder:
    """Builds a package whose content says how often it has built."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, new: Path) -> None:
        self.times += 1
        (new / "a_1_all.deb").write_text(f"build {self.times}", encoding="utf-8")

    def take(self, recipe: str = "x" * 64) -> str:
        with kept_builds.kept(recipe, self) as (deb,):
            return deb.read_text(encoding="utf-8")


def test_the_same_inputs_are_built_once_and_others_anew() -> None:
    builder = Builder()
    assert [builder.take(), builder.take(), builder.take("y" * 64)] == ["build 1", "build 1", "build 2"]


def test_a_package_that_the_disk_has_spoilt_is_built_anew(tmp_path: Path) -> None:
    builder = Builder()
    builder.take()
    (deb,) = (tmp_path / "packages").rglob("*.deb")
    deb.write_text("build x", encoding="utf-8")
    assert builder.take() == "build 2"
    (deb,) = (tmp_path / "packages").rglob("*.deb")
    deb.unlink()
    assert builder.take() == "build 3"


def test_of_a_build_that_failed_nothing_is_kept() -> None:
    def fail(new: Path) -> None:
        (new / "a_1_all.deb").write_text("half", encoding="utf-8")
        raise FleetError("a test failed")

    with pytest.raises(FleetError, match="a test failed"), kept_builds.kept("x" * 64, fail):
        pass
    assert Builder().take() == "build 1"


def test_what_is_forgotten_is_built_anew() -> None:
    builder = Builder()
    kept_builds.forget("x" * 64)
    builder.take()
    kept_builds.forget("x" * 64)
    assert builder.take() == "build 2"
