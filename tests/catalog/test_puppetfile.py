"""What r10k fetches is pinned, and is what the modules say they need."""

import json
import re
from pathlib import Path

import pytest
from fleet_cli.machine import paths
from fleet_cli.validation import puppetfile

from .catalogs import Node
from .conftest import Compile

PUPPETFILE = (paths.control_repo() / "Puppetfile").read_text(encoding="utf-8")


def pins() -> dict[str, str | None]:
    """`{slug: version}` of the Puppetfile; what it has to be like is checked by `fleet validate`."""
    return {module.slug: module.pin for module in puppetfile.read(PUPPETFILE).modules}


@pytest.fixture(scope="module")
def needed(deployed: Path) -> set[str]:
    """The modules that any module on the modulepath declares as a dependency."""
    files = [path for where in ("modules", "vendor") for path in (deployed / where).glob("*/metadata.json")]
    declared = [json.loads(file.read_text(encoding="utf-8"))["dependencies"] for file in files]
    return {entry["name"].replace("/", "-") for entries in declared for entry in entries}


def test_every_module_has_a_reason() -> None:
    lines = PUPPETFILE.splitlines()
    for module in puppetfile.read(PUPPETFILE).modules:
        assert lines[module.line - 2].startswith("#"), f"no word on why: {module.slug}"


def test_r10k_fetches_exactly_what_the_puppetfile_pins(deployed: Path) -> None:
    fetched = {}
    for module in (deployed / "vendor").iterdir():
        metadata = json.loads((module / "metadata.json").read_text(encoding="utf-8"))
        fetched[metadata["name"].replace("/", "-")] = metadata["version"]
    assert fetched == pins()


def test_no_module_is_there_for_nobody(needed: set[str], deployed: Path) -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (deployed / "site").rglob("*.pp"))
    for slug in pins():
        name = slug.partition("-")[2]
        assert slug in needed or re.search(rf"\b{name}::", code), (
            f"{slug}: neither a class of ours nor a module uses it"
        )


def test_module_works_in_a_control_repo_without_our_profiles(compile: Compile) -> None:
    code = """
      class { 'flask_microservice':
        services => { 'alone' => { 'port' => 7001 } },
        versions => { 'alone' => '1.0-1' },
      }
    """
    (catalog,) = compile([Node(code=code)])
    assert "Flask_microservice_release[alone]" in catalog
    assert not {title for title in catalog.titles("Class") if title.startswith(("Profile", "Role"))}
