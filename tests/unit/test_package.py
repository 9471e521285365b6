"""The Debian package of a new service: the same bytes wherever it is built, clean to lintian, and none of a bad source.

A minute, where the other unit tests take seconds: packages are built for real, in the Debian 13 that nodes run.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fleet_cli import building, rootfs, templates
from fleet_cli.errors import FleetError

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source of a service with an upstream."""
    return templates.render("billing", tmp_path_factory.mktemp("service"), upstream="inventory")


@pytest.fixture(scope="module")
def package(service: Path, tmp_path_factory: pytest.TempPathFactory) -> building.Package:
    (built,) = building.build(service, tmp_path_factory.mktemp("built"))
    return built


@pytest.fixture
def copy(service: Path, tmp_path: Path) -> Path:
    """A copy of the source, to spoil."""
    return shutil.copytree(service, tmp_path / "elsewhere" / "billing")


def test_the_same_source_gives_the_same_bytes_in_any_folder_time_zone_and_umask(
    package: building.Package, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    before = os.umask(0o077)
    try:
        (again,) = building.build(copy, tmp_path / "again")
    finally:
        os.umask(before)
    assert again.sha256 == package.sha256


def test_lintian_finds_nothing_but_what_is_overridden_with_a_reason(package: building.Package) -> None:
    result = rootfs.run(
        "build",
        ["lintian", "--allow-root", "--fail-on", "error,warning", f"/built/{package.path.name}"],
        binds={package.path.parent: "/built"},
        check=False,
    )
    assert (result.returncode, result.stdout) == (0, ""), result.stdout


def test_a_failing_test_stops_the_build(copy: Path, tmp_path: Path) -> None:
    (copy / "src/tests/test_billing.py").write_text("def test_promise() -> None:\n    assert 1 == 2\n")
    with pytest.raises(FleetError, match=r"test_promise"):
        building.build(copy, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_lock_that_lacks_a_requirement_stops_the_build(copy: Path, tmp_path: Path) -> None:
    with (copy / "requirements.in").open("a") as requirements:
        requirements.write("# Sends mail.\nflask-mailman >=1\n")
    with pytest.raises(FleetError, match=r"requires flask-mailman, which is not installed"):
        building.build(copy, tmp_path / "none")


def test_two_versions_in_one_source_stop_the_build(copy: Path, tmp_path: Path) -> None:
    setup = copy / "setup.cfg"
    setup.write_text(setup.read_text().replace("version = 1.0.0", "version = 1.0.1"))
    with pytest.raises(FleetError, match=r"setup.cfg and debian/changelog name different versions"):
        building.build(copy, tmp_path / "none")


def test_a_build_without_a_network_says_what_to_check(service: Path, tmp_path: Path) -> None:
    rootfs.ensure_layer("build")
    result = subprocess.run(
        ["unshare", "--net", sys.executable, "-m", "fleet_cli", "build", str(service), "--output", str(tmp_path)],
        cwd=REPO, env={**os.environ, "PYTHONPATH": str(REPO / "scripts")},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert result.returncode == 1
    assert "check the network, the apt sources and the pip configuration" in result.stderr
    assert "Traceback" not in result.stderr
