"""The Debian package of a service: the same bytes wherever it is built, clean to lintian, and none of a bad source.

Its name is as long as a name may be: pip writes scripts in another way where the path to the build is long. One of its
libraries is there as source only, and compiled; another, the PostgreSQL driver, brings compiled libraries of its own.

A minute, where the other unit tests take seconds: packages are built for real, in the Debian 13 that nodes run.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fleet_cli.machine.errors import FleetError
from fleet_cli.roots import rootfs
from fleet_cli.services import building, templates
from fleet_cli.validation import package_settings, settings_schema
from fleet_cli.validation.package_index import Deb, Repository
from fleet_cli.validation.settings_schema import Value

REPO = Path(__file__).resolve().parents[2]
NAME = "a23456789-123456789-123456789-bc"
PACKAGE = NAME.replace("-", "_")
SOURCE_ONLY = "crcmod==1.7", "dc7051a0db5f2bd48665a990d3ec1cc305a466a77358ca4492826f41f283601e"

# What a node does with a package: its commands run, as root too, which may write byte code; then it is purged.
INSTALL = """
set -eu
name=$1
dpkg --install "/built/$2" >/dev/null
ls /var/lib/dpkg/info | sed -n "s/^$name[.]//p"
for script in /opt/venvs/$name/bin/*; do
  if [ -f "$script" ] && [ ! -L "$script" ]; then head -n 1 "$script"; fi
done | sort | uniq -c
"$name" --version
/opt/venvs/$name/bin/gunicorn --version
/opt/venvs/$name/bin/python -c 'import crcmod._crcfunext, psycopg.pq; print("compiled libraries load")'
/opt/venvs/$name/bin/python -m pip --version || echo "no pip"
grep --recursive --files-with-matches "/build/$name" /opt/venvs/$name || echo "no build path"
dpkg --purge "$name" >/dev/null
ls /opt/venvs/$name || echo "nothing is left"
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source of a service with an upstream, and with a library that has no wheel."""
    made = templates.render(NAME, tmp_path_factory.mktemp("service"), upstream="inventory")
    pin, digest = SOURCE_ONLY
    with (made / "requirements.in").open("a", encoding="utf-8") as wishes:
        wishes.write(f"# Checksums.\n{pin}\n")
    with (made / "requirements.txt").open("a", encoding="utf-8") as lock:
        lock.write(f"{pin} \\\n    --hash=sha256:{digest}\n")
    return made


@pytest.fixture(scope="module")
def package(service: Path, tmp_path_factory: pytest.TempPathFactory) -> building.Package:
    (built,) = building.build(service, tmp_path_factory.mktemp("built"), again=True)
    return built


@pytest.fixture
def copy(service: Path, tmp_path: Path) -> Path:
    """A copy of the source, to spoil."""
    return shutil.copytree(service, tmp_path / "elsewhere" / NAME)


@pytest.fixture
def reversed_copy(service: Path, tmp_path: Path) -> Path:
    """A copy whose files were written in another order, which is the one that some file systems list them in."""
    copy = tmp_path / "reversed" / NAME
    for path in sorted(service.rglob("*"), reverse=True):
        if path.is_file():
            (copy / path.relative_to(service)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy / path.relative_to(service))
    return copy


def test_the_same_source_gives_the_same_bytes_in_any_folder_time_zone_umask_and_order_and_on_one_core(
    package: building.Package, reversed_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    before, cores = os.umask(0o077), os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        (again,) = building.build(reversed_copy, tmp_path / "again", again=True)
    finally:
        os.sched_setaffinity(0, cores)
        os.umask(before)
    assert again.sha256 == package.sha256


def test_what_was_built_and_tested_is_not_built_again_unless_asked(
    package: building.Package, copy: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (taken,) = building.build(copy, tmp_path / "taken")
    assert taken.sha256 == package.sha256
    assert "nothing has changed since it was built and tested; --again" in capfd.readouterr().err


def test_lintian_finds_nothing_but_what_is_overridden_with_a_reason(package: building.Package) -> None:
    result = rootfs.run(
        "build",
        ["lintian", "--allow-root", "--fail-on", "error,warning", f"/built/{package.path.name}"],
        binds={package.path.parent: "/built"},
        check=False,
    )
    assert (result.returncode, result.stdout) == (0, ""), result.stdout


def test_a_package_installs_runs_and_leaves_nothing_behind(package: building.Package) -> None:
    """A script that names the build folder runs nowhere, and byte code that dpkg does not know outlives the service."""
    result = rootfs.run(
        "build",
        ["sh", "-c", INSTALL, "install", NAME, package.path.name],
        binds={package.path.parent: "/built"},
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.sub(r" {2,}[0-9]+ |[0-9.]+\)", "", result.stdout).splitlines() == [
        "list",
        "md5sums",
        f"#!/opt/venvs/{NAME}/bin/python",
        f"{NAME}, version 1.0.0",
        "gunicorn (version ",
        "compiled libraries load",
        "no pip",
        "no build path",
        "nothing is left",
    ]


def test_a_package_says_what_each_of_its_settings_may_be(package: building.Package) -> None:
    """Without it a wrong value is found by the node that gets it, not by `fleet validate`."""
    deb = NAME, Deb(package.path.name, package.sha256)
    said = package_settings.of(Repository(str(package.path.parent)), [deb])[deb]
    assert said.known is not None
    sections = json.loads(said.schema)["properties"]
    assert {name: set(section["properties"]) for name, section in sections.items()} == {
        name: set(keys) for name, keys in said.known.items()
    }
    wrong = [
        Value("log", "level", "inof"), Value("log", "file", "x.log"), Value("http", "timeout", "5s"),
        Value("http", "retries", "-1"), Value("database", "url", "mysql://db/x"),
        Value("upstreams", "inventory", "host"),
    ]  # fmt: skip
    right = [
        Value(section, key, str(setting["default"]))
        for section, keys in sections.items()
        for key, setting in keys["properties"].items()
    ]
    verdicts = settings_schema.judge(said.schema, [*wrong, *right])
    assert [value for value, verdict in verdicts.items() if verdict and verdict.wrong] == wrong
    assert None not in verdicts.values()


def test_a_failing_test_stops_the_build(copy: Path, tmp_path: Path) -> None:
    (copy / f"src/tests/test_{PACKAGE}.py").write_text("def test_promise() -> None:\n    assert 1 == 2\n")
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


def test_a_build_without_a_network_says_what_to_check(copy: Path, tmp_path: Path) -> None:
    """Only what an earlier build has fetched, for the same lock, is there without one."""
    with (copy / "requirements.txt").open("a", encoding="utf-8") as lock:
        lock.write("# Another lock.\n")
    result = subprocess.run(
        ["unshare", "--net", sys.executable, "-m", "fleet_cli", "build", str(copy), "--output", str(tmp_path)],
        cwd=REPO, env={**os.environ, "PYTHONPATH": str(REPO / "scripts")},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert result.returncode == 1
    assert "check the network and the pip configuration" in result.stderr
    assert "Traceback" not in result.stderr
