"""The packages that config is checked against: what is asked for, and what is if that can't be had."""

import hashlib
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from fleet_cli.machine.cache import Cache
from fleet_cli.machine.errors import FleetError
from fleet_cli.validation import package_index, package_settings
from fleet_cli.validation.all_checks import Validation
from fleet_cli.validation.hiera_check import Packages
from fleet_cli.validation.package_index import Repository

from .conftest import deb, edit

NOWHERE = "http://127.0.0.1:9/debian"


class Quiet(SimpleHTTPRequestHandler):
    """Notes what it is asked for."""

    asked: list[str] = []  # noqa: RUF012 - one server at a time

    def log_message(self, format: str, *args: object) -> None:  # noqa: ARG002 - as the standard library has it
        self.asked.append(self.path)


@pytest.fixture
def tree(packages: Path, tmp_path: Path) -> Path:
    """An apt repository with the packages, as a tree of files."""
    tree = tmp_path / "repository"
    shutil.copytree(packages, tree / "pool")
    paragraphs = []
    for file in sorted((tree / "pool").glob("*.deb")):
        name, version, _ = file.name.split("_")
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        paragraphs.append(
            f"Package: {name}\nVersion: {version}\nDescription: a\n b\nFilename: pool/{file.name}\nSHA256: {digest}\n"
        )
    index = tree / f"dists/fleet/main/binary-{package_index.architecture()}/Packages"
    index.parent.mkdir(parents=True)
    index.write_text("\n".join(paragraphs), encoding="utf-8")
    return tree


@pytest.fixture
def url(tree: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """The same, served."""
    monkeypatch.setattr(package_index, "CACHE", Cache(tmp_path / "indexes", 20))
    monkeypatch.setattr(package_settings, "CACHE", Cache(tmp_path / "settings", 20))
    Quiet.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tree))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def codes(repo: Path, base: str, *, required: bool = True) -> list[str]:
    source = Packages(Repository(base, "fleet", "main"), required=required)
    return [finding.code for finding in Validation(repo, packages=source).findings()]


def test_the_repository_is_asked_once_for_each_package(repo: Path, url: str) -> None:
    edit(repo, {"hieradata/services/orders.yaml": ("log: {level: info}", "log: {levle: info}")})
    assert codes(repo, url) == ["unknown-setting"]
    assert sorted(path for path in Quiet.asked if path.endswith(".deb")) == [
        "/pool/inventory_1.0.0-1_all.deb",
        "/pool/orders_1.0.0-1_all.deb",
    ]
    Quiet.asked.clear()
    assert codes(repo, url) == ["unknown-setting"]
    assert [path for path in Quiet.asked if path.endswith(".deb")] == []


@pytest.mark.parametrize("required", [True, False])
def test_a_version_that_was_published_since_is_found(repo: Path, url: str, tree: Path, *, required: bool) -> None:
    index = next(tree.glob("dists/*/*/*/Packages"))
    text = index.read_text(encoding="utf-8")
    index.write_text("\n\n".join(part for part in text.split("\n\n") if "2.0.0-1" not in part), encoding="utf-8")
    edit(repo, {"hieradata/tiers/staging.yaml": ("inventory: '1.0.0-1'", "inventory: '2.0.0-1'")})
    assert codes(repo, url, required=required) == ["unpublished-version"]
    index.write_text(text, encoding="utf-8")
    assert codes(repo, url, required=required) == []


def test_what_is_known_of_a_package_does_without_the_repository(repo: Path, url: str, tree: Path) -> None:
    assert codes(repo, url) == []
    shutil.rmtree(tree)
    edit(repo, {"hieradata/services/orders.yaml": ("log: {level: info}", "log: {levle: info}")})
    assert codes(repo, url) == ["unknown-setting"]


def test_a_package_that_is_not_what_the_index_says_is_no_ground_for_a_finding(repo: Path, url: str, tree: Path) -> None:
    deb = tree / "pool/orders_1.0.0-1_all.deb"
    deb.write_bytes(deb.read_bytes() + b"x")
    with pytest.raises(FleetError, match=r"orders_1\.0\.0-1_all\.deb is not the file that the index names"):
        codes(repo, url)


def test_a_version_with_an_epoch_is_found_in_a_directory(repo: Path, packages: Path, tmp_path: Path) -> None:
    """The name that a package is built with has no epoch: a version that is there was said to be missing."""
    directory = tmp_path / "with-epoch"
    shutil.copytree(packages, directory)
    pin = ("hieradata/tiers/staging.yaml", "inventory: '1.0.0-1'")
    edit(repo, {pin[0]: (pin[1], "inventory: '1:3.0.0-1'")})
    deb(directory, "inventory", "2:3.0.0-1")
    assert codes(repo, str(directory)) == ["unpublished-version"]
    deb(directory, "inventory", "1:3.0.0-1")
    assert codes(repo, str(directory)) == []


def test_a_damaged_package_is_named(repo: Path, packages: Path, tmp_path: Path) -> None:
    directory = tmp_path / "damaged"
    shutil.copytree(packages, directory)
    (directory / "orders_1.0.0-1_all.deb").write_bytes(b"!<arch>\nno package")
    with pytest.raises(FleetError, match=r"orders_1\.0\.0-1_all\.deb is damaged"):
        codes(repo, str(directory))


def test_without_packages_the_rest_is_checked_and_a_note_says_so(
    repo: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(package_index, "CACHE", Cache(tmp_path / "indexes", 20))
    edit(repo, {"hieradata/common.yaml": ("http://puppet.fleet.test/debian", NOWHERE)})
    edit(repo, {"hieradata/services/orders.yaml": ("7001", "70010")})
    for _ in range(2):
        validation = Validation(repo)
        assert [finding.code for finding in validation.findings()] == ["wrong-type"]
        (note,) = validation.notes
        assert note.startswith(f"config is not checked against the pinned versions: {NOWHERE}")
    with pytest.raises(FleetError, match="can't be had"):
        Validation(repo, packages=Packages(required=True)).findings()
