"""Files that are copied from modules are compared by what is in them."""

from pathlib import Path

import pytest
from catalogs import catalog, laid_out
from fleet_cli.planning import environment
from fleet_cli.planning.contents import Content, Contents

FILES = {
    "environment.conf": b"modulepath = site:modules\n",
    "site/one/files/a": b"of site\n",
    "modules/one/files/a": b"hidden by that of site\n",
    "modules/two/files/tree/x": b"x\n",
    "modules/two/files/tree/below/y.pyc": b"y\n",
    "modules/two/files/tree/below/z": b"z\n",
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(environment, "ENVIRONMENTS", tmp_path)
    return tmp_path


def contents(root: Path, reference: str, **parameters: object) -> dict[str, Content]:
    found = catalog({reference: parameters})
    return Contents(found, laid_out(root, FILES)).of(found.resources[reference])


def test_a_source_is_the_file_of_the_first_module_of_that_name(root: Path) -> None:
    assert contents(root, "File[/a]", source="puppet:///modules/one/a") == {"": b"of site\n"}


def test_a_directory_brings_what_is_below_but_for_what_it_ignores(root: Path) -> None:
    source = "puppet:///modules/two/tree"
    assert contents(root, "File[/d]", source=source, recurse=True, ignore="*.pyc") == {"below/z": b"z\n", "x": b"x\n"}
    assert contents(root, "File[/d]", source=source) == {}


def test_of_several_sources_the_first_that_is_there_counts(root: Path) -> None:
    sources = ["puppet:///modules/two/none", "puppet:///modules/one/a"]
    assert contents(root, "File[/a]", source=sources) == {"": b"of site\n"}


@pytest.mark.parametrize("source", ["/etc/passwd", "puppet:///mount/x", "puppet:///modules/none/x", "http://a.test/x"])
def test_files_that_are_elsewhere_are_not_looked_for(root: Path, source: str) -> None:
    assert contents(root, "File[/a]", source=source) == {}


def test_a_file_that_is_to_go_has_no_content(root: Path) -> None:
    assert contents(root, "File[/a]", ensure="absent", content="x") == {}
