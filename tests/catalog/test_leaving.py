"""A service leaves a node that it is no longer placed on, and nothing else does."""

from dataclasses import replace

import pytest
from fleet_cli.machine import paths
from fleet_cli.sandbox import running

from .catalogs import Catalog, Node
from .conftest import Compile

NOTHING = "---\n{}\n"
SERVICES = """
flask_microservice::services:
  orders: {port: 7001}
  billing: {port: 7002, nodes: [pay1.example.test], secrets: {app: [secret_key]}}
  ledger: {port: 7003, package: books, nodes: [pay1.example.test], purge: true}
  never: {port: 7004, nodes: [pay1.example.test]}
flask_microservice::versions: {orders: 1.0-1, billing: 1.0-1, ledger: 1.0-1, never: 1.0-1}
flask_microservice::drain_seconds: 5
"""
FACT = {name: {"state": "serving"} for name in ("orders", "billing", "ledger", "forgotten", "ssh", "No Name")}


def node(more: str = "", **facts: object) -> Node:
    hiera = {"services/orders.yaml": SERVICES, "services/inventory.yaml": NOTHING, "tiers/test.yaml": more or NOTHING,
             "secrets/test.yaml": NOTHING}  # fmt: skip
    return Node("app1.example.test", "app", "test", hiera=hiera, facts=facts)


@pytest.fixture(scope="module")
def catalogs(compile: Compile) -> dict[str, Catalog]:
    cases = {
        "was there": node(flask_microservices=FACT),
        "removes": node("flask_microservice::remove_undeclared: true\n", flask_microservices=FACT),
        "new": node(),
        "by the define": replace(
            node("flask_microservice::remove_undeclared: true\n", flask_microservices=FACT),
            code="include role::app\nflask_microservice::service { 'forgotten': port => 7009, version => '1.0-1' }",
        ),
    }
    return dict(zip(cases, compile(list(cases.values())), strict=True))


def absent(catalog: Catalog) -> set[str]:
    prefix = "Flask_microservice_release"
    return {name for name in catalog.titles(prefix) if catalog[f"{prefix}[{name}]"]["ensure"] == "absent"}


def test_what_was_placed_here_before_is_drained_and_removed(catalogs: dict[str, Catalog]) -> None:
    catalog = catalogs["was there"]
    assert absent(catalog) == {"billing", "ledger"}
    assert catalog["Flask_microservice_release[billing]"]["drain"] == 5
    assert catalog["Package[billing]"]["ensure"] == catalog["Package[books]"]["ensure"] == "purged"


def test_its_data_and_log_stay_even_if_its_file_says_that_they_go(catalogs: dict[str, Catalog]) -> None:
    assert "File[/var/lib/ledger]" not in catalogs["was there"]
    assert "User[ledger]" not in catalogs["was there"]


def test_its_port_is_closed_after_that(catalogs: dict[str, Catalog]) -> None:
    before = catalogs["was there"]["Flask_microservice::Service[billing]"].references("before")
    assert "Concat[/etc/nftables.conf]" in before


def test_a_node_that_does_not_have_them_is_not_told_of_them(catalogs: dict[str, Catalog]) -> None:
    assert catalogs["new"].titles("Flask_microservice::Service") == {"orders"}


def test_a_service_that_is_no_longer_declared_stays_with_a_warning(catalogs: dict[str, Catalog]) -> None:
    assert catalogs["was there"].titles("Flask_microservice_undeclared") == {"forgotten"}
    assert catalogs["new"].titles("Flask_microservice_undeclared") == set()


def test_it_goes_if_hiera_says_that_such_go_and_what_is_the_systems_never_does(catalogs: dict[str, Catalog]) -> None:
    assert absent(catalogs["removes"]) == {"billing", "ledger", "forgotten"}
    assert catalogs["removes"].titles("Flask_microservice_undeclared") == set()


def test_what_is_declared_by_the_define_alone_is_not_taken_for_undeclared(catalogs: dict[str, Catalog]) -> None:
    assert absent(catalogs["by the define"]) == {"billing", "ledger"}
    assert catalogs["by the define"].titles("Flask_microservice_undeclared") == set()


def apply(*manifests: str) -> list[str]:
    """Apply them one after another; what they say, and after each the notes for `flask-microservice status`."""
    module = paths.control_repo() / "modules/flask_microservice"
    puppet = "puppet apply --modulepath /modules --detailed-exitcodes --color=false"
    # Exit status 2 would be a change, which running.run takes for a failure.
    script = (
        f"set -e; notes=/var/lib/flask-microservice/undeclared; for each; do {puppet} $each 2>&1; ls -x $notes; done"
    )
    reads = {module: "/modules/flask_microservice"}
    return running.run("toolbox", ["sh", "-c", script, "-", *manifests], reads=reads, root=True).stdout.splitlines()


def test_the_warning_is_in_the_run_and_the_run_changes_nothing() -> None:
    said = apply(
        "-e flask_microservice_undeclared{'forgotten':}", "-e flask_microservice_undeclared{['forgotten','old']:}"
    )
    assert any("service forgotten runs, undeclared: declare it with 'ensure: absent'" in line for line in said)
    assert [line for line in said if line.startswith("forgotten")] == ["forgotten", "forgotten  old"]


def test_a_service_that_is_declared_again_is_no_longer_noted() -> None:
    undeclared = "flask_microservice_undeclared{['a','b','c','d']:}"
    declared = "flask_microservice_release{'b':ensure=>absent}flask_microservice_staying{'c':reason=>'x'}"
    said = apply(f"-e {undeclared}", f"--noop -e {declared}", f"-e {declared}")
    assert [line for line in said if line.startswith("a ")] == ["a  b  c  d", "a  b  c  d", "a  d"]
