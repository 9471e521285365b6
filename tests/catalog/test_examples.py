"""The module's examples compile as they stand, and declare what they say."""

from pathlib import Path

import pytest
from fleet_cli.machine import paths

from .catalogs import Catalog, Node
from .conftest import Compile

EXAMPLES = paths.control_repo() / "modules/flask_microservice/examples"
DECLARED = {
    "service.pp": {"inventory"},
    "absent.pp": {"inventory"},
    "upstreams.pp": {"inventory", "orders"},
    "foreign.pp": {"httpbin"},
}


@pytest.fixture(scope="module")
def catalogs(compile: Compile) -> dict[str, Catalog]:
    """The catalog of each example, by its file's name."""
    files = sorted(EXAMPLES.glob("*.pp"))
    nodes = [Node(code=file.read_text(encoding="utf-8")) for file in files]
    return {Path(file).name: catalog for file, catalog in zip(files, compile(nodes), strict=True)}


def test_every_example_declares_its_services(catalogs: dict[str, Catalog]) -> None:
    assert {name: catalog.titles("Flask_microservice::Service") for name, catalog in catalogs.items()} == DECLARED


def test_the_example_of_upstreams_writes_no_address_and_hides_its_secret(catalogs: dict[str, Catalog]) -> None:
    orders = catalogs["upstreams.pp"]["Flask_microservice::Service[orders]"]
    assert orders["config"] == {"upstreams": {"inventory": "http://127.0.0.1:7002"}}
    assert "secrets" in orders.sensitive


def test_the_example_of_a_package_is_what_the_foreign_example_runs(catalogs: dict[str, Catalog]) -> None:
    changelog = (EXAMPLES / "httpbin/debian/changelog").read_text(encoding="utf-8")
    version = catalogs["foreign.pp"]["Flask_microservice::Service[httpbin]"]["version"]
    assert changelog.startswith(f"httpbin ({version}) ")
