"""What r10k fetches is pinned, and is what the modules say they need."""

import json
import re
from pathlib import Path

import pytest
from fleet_cli import paths

from .catalogs import Node
from .conftest import Compile

PUPPETFILE = (paths.control_repo() / "Puppetfile").read_text(encoding="utf-8")
MODULE_LINE = re.compile(r"mod '(?P<slug>[a-z0-9]+-[a-z0-9_]+)', '(?P<version>\d+\.\d+\.\d+)'")
VERSION_TERM = re.compile(r"(>=|<=|<|>|=)?\s*(\d+(?:\.\d+)*)")

# Declared dependencies that this fleet does without, and why. Each must still be declared by its module.
EXCEPTIONS = {
    ("puppetlabs-concat", "puppetlabs-stdlib"): "7.3.1 was released before stdlib 9 and only says that it does not "
    "know it; the functions it uses are there (the puppetserver's catalog compiles with both).",
    ("puppetlabs-postgresql", "puppetlabs-apt"): "only for postgresql.org's repository, which Debian's own replaces.",
    ("puppetlabs-postgresql", "puppet-systemd"): "only for drop-in files on Red Hat and Gentoo.",
}


def pins() -> dict[str, str]:
    """`{slug: version}` of the Puppetfile."""
    return {match["slug"]: match["version"] for match in MODULE_LINE.finditer(PUPPETFILE)}


def dependencies(module: Path) -> dict[tuple[str, str], str]:
    """`{(module, its dependency): versions that will do}` from a module's metadata."""
    metadata = json.loads((module / "metadata.json").read_text(encoding="utf-8"))
    name = metadata["name"].replace("/", "-")
    return {
        (name, entry["name"].replace("/", "-")): entry.get("version_requirement", "")
        for entry in metadata["dependencies"]
    }


def satisfies(version: str, requirement: str) -> bool:
    """Whether a version is in a range such as `>= 9.0.0 < 10.0.0`."""

    def number(text: str) -> tuple[int, ...]:
        return tuple(int(part) for part in text.split("."))

    compare = {
        ">=": lambda a, b: a >= b, "<=": lambda a, b: a <= b, "<": lambda a, b: a < b, ">": lambda a, b: a > b,
        "=": lambda a, b: a == b, "": lambda a, b: a == b,
    }  # fmt: skip
    return all(
        compare[operator](number(version), number(bound)) for operator, bound in VERSION_TERM.findall(requirement)
    )


@pytest.fixture(scope="module")
def declared(deployed: Path) -> dict[tuple[str, str], str]:
    """The dependencies of every module on the modulepath that has metadata."""
    modules = [path.parent for where in ("modules", "vendor") for path in (deployed / where).glob("*/metadata.json")]
    return {pair: requirement for module in modules for pair, requirement in dependencies(module).items()}


def test_every_module_has_an_exact_version_and_a_reason() -> None:
    lines = PUPPETFILE.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("mod "):
            assert MODULE_LINE.fullmatch(line), f"not an exact version: {line}"
            assert lines[number - 1].startswith("#"), f"no word on why: {line}"


def test_r10k_fetches_exactly_what_the_puppetfile_pins(deployed: Path) -> None:
    fetched = {}
    for module in (deployed / "vendor").iterdir():
        metadata = json.loads((module / "metadata.json").read_text(encoding="utf-8"))
        fetched[metadata["name"].replace("/", "-")] = metadata["version"]
    assert fetched == pins()


def test_every_dependency_is_pinned_at_a_version_that_will_do(declared: dict[tuple[str, str], str]) -> None:
    versions = pins()
    unmet = {
        (module, dependency): f"{requirement}, pinned: {versions.get(dependency, 'nothing')}"
        for (module, dependency), requirement in declared.items()
        if dependency not in versions or not satisfies(versions[dependency], requirement)
    }
    assert unmet.keys() == EXCEPTIONS.keys(), unmet


def test_no_module_is_there_for_nobody(declared: dict[tuple[str, str], str], deployed: Path) -> None:
    needed = {dependency for _, dependency in declared}
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
