"""`fleet build`: what would spoil a build at its end is said before it begins."""

from pathlib import Path

import pytest
from fleet_cli import cli
from fleet_cli.machine.errors import FleetError
from fleet_cli.sandbox import images
from fleet_cli.services import building


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """What looks like the source of a package."""
    debian = tmp_path / "billing/debian"
    debian.mkdir(parents=True)
    (debian / "control").write_text("Source: billing\n", encoding="utf-8")
    (debian / "changelog").write_text("billing (1.0.0-1) trixie; urgency=low\n", encoding="utf-8")
    return debian.parent


@pytest.fixture(autouse=True)
def _nothing_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "ensure", lambda _: pytest.fail("the build began"))


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("file", "Not a directory"),
        ("file/deep/er", "Not a directory"),
        ("nowhere", "No such file or directory"),
        ("nowhere/deep", "No such file or directory"),
        ("/proc/deep", "No such file or directory"),
        ("x" * 300, "File name too long"),
    ],
)
def test_an_output_that_can_not_be_written_is_refused_before_minutes_of_building(
    source: Path, tmp_path: Path, output: str, reason: str
) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(FleetError) as refused:
        building.build(source, tmp_path / output)
    assert str(refused.value) == (
        f"{tmp_path / output}: no package can be written there: {reason}; choose another --output"
    )
    assert sorted(tmp_path.rglob("*")) == before


def test_a_relative_output_is_looked_for_from_where_one_is(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FleetError, match=r"^file/deep: no package can be written there: Not a directory"):
        cli.fleet(["build", str(source), "--output", "file/deep"], standalone_mode=False)
