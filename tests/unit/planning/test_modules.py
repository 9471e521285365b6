"""The Puppetfile's modules from elsewhere than a sandbox: a directory that has them, or this machine's r10k."""

from pathlib import Path

import pytest
from fleet_cli.machine import paths
from fleet_cli.machine.errors import FleetError
from fleet_cli.planning import modules
from fleet_cli.planning.fetching import FetchError
from fleet_cli.planning.given_modules import Given
from fleet_cli.planning.host_modules import ByR10k
from fleet_cli.puppet.installation import Installation
from fleet_cli.validation import modules as validated
from fleet_cli.validation import puppetfile

PUPPETFILE = "moduledir 'vendor'\nmod 'puppetlabs-stdlib', '9.4.1'\n"
METADATA = '{"name": "puppetlabs-stdlib", "version": "9.4.1"}'


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "WORK", tmp_path / "work")
    monkeypatch.setattr(modules, "FETCHED", tmp_path / "fetched")


@pytest.fixture
def given(tmp_path: Path) -> Given:
    """A directory with a module, as r10k leaves one that is from git."""
    module = tmp_path / "given/stdlib"
    (module / ".git").mkdir(parents=True)
    (module / ".git/config").write_text("[core]\n")
    (module / "metadata.json").write_text(METADATA)
    (module / "secret").symlink_to("/etc/hostname")
    return Given(tmp_path / "given")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """A Puppet with no r10k beside it, nor on PATH."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/setpriv").symlink_to("/usr/bin/setpriv")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return Installation(Path("puppet"), tmp_path / "bin/ruby", "", "8.0.0", "", "", {})


def r10k(installed: Installation, script: str) -> None:
    program = installed.ruby.with_name("r10k")
    program.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
    program.chmod(0o755)


def files(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if not path.is_dir()}


def test_given_modules_are_copied_where_the_puppetfile_wants_them(given: Given, tmp_path: Path) -> None:
    given.install(PUPPETFILE.encode(), (), tmp_path / "new")
    assert files(tmp_path / "new") == {"vendor/stdlib/metadata.json"}
    given.install(b"", (), tmp_path / "default")
    assert files(tmp_path / "default") == {"modules/stdlib/metadata.json"}


def test_a_module_that_the_directory_lacks_is_named(given: Given, tmp_path: Path) -> None:
    named = f"{PUPPETFILE}mod 'example/gone', '1.0.0'\nmod 'example/own', '1.0.0'\nmod 'local', local: true\n"
    missing = given.install(named.encode(), {"vendor/own"}, tmp_path / "new")
    assert missing == {"example-gone": f"not in {given.directory}"}
    assert given.recipe(named, {"vendor/own"}) != given.recipe(PUPPETFILE, ())


def test_given_modules_that_were_edited_are_other_ones(given: Given) -> None:
    before = given.recipe(PUPPETFILE, ())
    assert given.recipe(PUPPETFILE + "# a comment", ()) == before
    (given.directory / "stdlib/metadata.json").write_text(METADATA.replace("9.4.1", "9.4.2"))
    assert given.recipe(PUPPETFILE, ()) != before


def test_a_directory_without_modules_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match="there are no modules; --modules takes the directory"):
        Given(tmp_path).recipe(PUPPETFILE, ())


def test_r10k_works_on_the_puppetfile_alone_and_leaves_modules_alone(installed: Installation, tmp_path: Path) -> None:
    r10k(installed, "mkdir -p vendor/stdlib/.git; cp Puppetfile vendor/stdlib/copy; ls >vendor/stdlib/.git/x")
    ByR10k(installed).install(PUPPETFILE.encode(), (), tmp_path / "new")
    assert files(tmp_path / "new") == {"vendor/stdlib/copy"}
    assert (tmp_path / "new/vendor/stdlib/copy").read_text() == PUPPETFILE


def test_a_forge_that_is_named_is_r10ks(installed: Installation, tmp_path: Path) -> None:
    r10k(installed, 'mkdir -p vendor/stdlib; for word; do :; done; cp "${word#--config=}" vendor/stdlib/copy')
    ByR10k(installed, "https://forge.example.org").install(PUPPETFILE.encode(), (), tmp_path / "new")
    assert "baseurl: https://forge.example.org" in (tmp_path / "new/vendor/stdlib/copy").read_text()


def test_without_r10k_it_says_what_to_install(installed: Installation, tmp_path: Path) -> None:
    with pytest.raises(FleetError, match=r"r10k is not on PATH.*gem install r10k`, or name .*--modules DIR"):
        ByR10k(installed).install(PUPPETFILE.encode(), (), tmp_path / "new")


def test_what_r10k_can_not_fetch_a_plan_fails_for_and_validate_notes(installed: Installation, tmp_path: Path) -> None:
    """Other mistakes are found all the same."""
    r10k(installed, "echo 'no such release'; exit 1")
    with pytest.raises(FetchError, match="no such release"):
        ByR10k(installed).install(PUPPETFILE.encode(), (), tmp_path / "new")
    (tmp_path / "Puppetfile").write_text(PUPPETFILE)
    found = validated.find(tmp_path, puppetfile.of(tmp_path), ByR10k(installed))
    assert [module.slug for module in found.missing] == ["puppetlabs-stdlib"]
    assert "no such release" in found.notes[0]


def test_modules_of_the_repository_come_before_others(given: Given, tmp_path: Path) -> None:
    own = tmp_path / "repo/vendor/stdlib"
    own.mkdir(parents=True)
    (tmp_path / "repo/Puppetfile").write_text(PUPPETFILE)
    said = puppetfile.of(tmp_path / "repo")
    (directory,) = validated.find(tmp_path / "repo", said, given).directories.values()
    assert directory.is_relative_to(tmp_path / "fetched")
    (own / "metadata.json").write_text(METADATA)
    (directory,) = validated.find(tmp_path / "repo", said, given).directories.values()
    assert directory == own
