"""Services are checked a machine at a time, as they are placed: what never meets is not at odds."""

from pathlib import Path

from .conftest import Validate, edit
from .mistakes import INVENTORY, ORDERS, PRODUCTION, STAGING


def found(repo: Path, validate: Validate) -> list[str]:
    return [str(finding) for finding in validate(repo)]


def test_services_of_different_machines_may_have_one_port(repo: Path, validate: Validate) -> None:
    edit(repo, {
        ORDERS: ("    port: 7001\n", "    port: 7001\n    nodes: ['app1.*', 'staging*']\n"),
        INVENTORY: ("    port: 7002", "    port: 7001\n    nodes: [app2.fleet.test]"),
        STAGING: ("  inventory: '1.0.0-1'\n", ""),
    })  # fmt: skip
    assert not [line for line in found(repo, validate) if "shared-port" in line]


def test_an_upstream_of_another_machine_is_asked_through_the_balancer(repo: Path, validate: Validate) -> None:
    edit(repo, {
        INVENTORY: ("    port: 7002", "    port: 7002\n    nodes: [stock, 'staging1.*']"),
        "hieradata/common.yaml": ("", "flask_microservice::groups: {stock: ['app[2-9].fleet.test']}\n"),
    })  # fmt: skip
    assert found(repo, validate) == []


def test_a_group_without_machines_is_no_mistake(repo: Path, validate: Validate) -> None:
    edit(repo, {
        INVENTORY: ("    port: 7002", "    port: 7002\n    nodes: [stock, 'staging1.*']"),
        PRODUCTION: ("", "flask_microservice::groups: {stock: ['app1.fleet.test']}\n"),
        STAGING: ("", "flask_microservice::groups: {stock: []}\n"),
    })  # fmt: skip
    assert found(repo, validate) == []


def test_services_that_hiera_does_not_run_are_upstreams_like_others(repo: Path, validate: Validate) -> None:
    edit(repo, {
        ORDERS: ("[inventory]", "[inventory, legacy]"),
        "hieradata/common.yaml": (
            "", "flask_microservice::external: {legacy: {url: 'http://192.0.2.7', addresses: [192.0.2.7]}}\n"
        ),
    })  # fmt: skip
    assert [line for line in found(repo, validate) if "unknown-setting" not in line] == []
