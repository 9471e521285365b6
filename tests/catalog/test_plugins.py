"""What an agent does not fetch, to be quicker, is nothing that it needs."""

import fnmatch
import re
from pathlib import Path

import pytest
from fleet_cli.machine import paths

REQUIRE = re.compile(r"""require(?:_relative)?[ (]+['"]([^'"]+)['"]""")


@pytest.fixture(scope="module")
def ignored() -> list[str]:
    """The patterns of names that agents ignore, as scripts/enroll writes them into puppet.conf."""
    enroll = (paths.control_repo() / "scripts/enroll").read_text(encoding="utf-8")
    (line,) = re.findall(r"^pluginsignore = (.+)$", enroll, re.MULTILINE)
    return str(line).split()


def plugins(deployed: Path, ignored: list[str]) -> tuple[set[Path], set[Path]]:
    """The plugins of all modules that agents fetch, and those that they don't."""
    fetched: set[Path] = set()
    left: set[Path] = set()
    for modules in ("site", "modules", "vendor"):
        for lib in (deployed / modules).glob("*/lib"):
            for file in lib.rglob("*.rb"):
                parts = file.relative_to(lib).parts
                named = any(fnmatch.fnmatch(part, pattern) for part in parts for pattern in ignored)
                (left if named else fetched).add(file)
    return fetched, left


def test_agents_fetch_every_type_provider_and_fact(deployed: Path, ignored: list[str]) -> None:
    fetched, left = plugins(deployed, ignored)
    needed = re.compile(r"/lib/(facter|puppet/(type|provider|feature)|puppet_x)/")
    assert [file for file in left if needed.search(str(file))] == []
    names = {file.name for file in fetched}
    assert {"flask_microservices.rb", "flask_microservice_release.rb", "program.rb", "flask_microservice.rb"} <= names
    assert left, "nothing is ignored: then pluginsignore can go"


def test_no_plugin_requires_one_that_agents_do_not_fetch(deployed: Path, ignored: list[str]) -> None:
    fetched, left = plugins(deployed, ignored)
    missing = {str(file).partition("/lib/")[2].removesuffix(".rb") for file in left}
    for file in fetched:
        required = REQUIRE.findall(file.read_text(encoding="utf-8"))
        assert not {name.removesuffix(".rb") for name in required} & missing, file
        relative = {(file.parent / name).resolve() for name in required}
        assert not {path.with_suffix(".rb") for path in relative} & {path.resolve() for path in left}, file
