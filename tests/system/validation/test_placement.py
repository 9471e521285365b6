"""Services are checked a machine at a time, as they are placed: what never meets is not at odds."""

from pathlib import Path

import pytest

from .conftest import Validate, edit
from .mistakes import INVENTORY, ORDERS, PRODUCTION, STAGING


def found(repo: Path, validate: Validate) -> list[str]:
    return [str(finding) for finding in validate(repo)]


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


@pytest.mark.parametrize(
    "declared",
    ["nodes: ['*']\n    data: per_node", "nodes: [app1.fleet.test, 'staging*']", "data: per_node", "backlog: 99"],
)
def test_data_in_a_file_is_no_mistake_if_it_is_said_or_has_one_place_or_was_ever_so(
    repo: Path, validate: Validate, declared: str
) -> None:
    edit(repo, {
        INVENTORY: ("    port: 7002", f"    port: 7002\n    {declared}"),
        PRODUCTION: ("  inventory: {database: postgresql}\n", ""),
    })  # fmt: skip
    assert [line for line in found(repo, validate) if "data" in line] == []


@pytest.mark.parametrize("elsewhere", ["config: {database: {url: 'mysql://db.example.org/x'}}", "application: a:b"])
def test_data_that_is_elsewhere_or_nobody_knows_where_is_no_mistake(
    repo: Path, validate: Validate, elsewhere: str
) -> None:
    edit(repo, {
        INVENTORY: ("    config:\n      log: {level: info}", f"    nodes: ['*']\n    {elsewhere}"),
        PRODUCTION: ("  inventory: {database: postgresql}\n", ""),
    })  # fmt: skip
    assert [line for line in found(repo, validate) if "data-per-node" in line] == []


def test_services_of_different_machines_may_have_one_port_if_no_balancer_has_both(
    repo: Path, validate: Validate
) -> None:
    edit(repo, {
        ORDERS: ("    port: 7001\n", "    port: 7002\n    nodes: ['app1.*', 'staging*']\n"),
        INVENTORY: ("    port: 7002", "    port: 7002\n    nodes: [app2.fleet.test]"),
        PRODUCTION: ("    address: 10.77.0.51\n", "    address: 10.77.0.51\n    except: [orders]\n"),
        STAGING: ("  inventory: '1.0.0-1'\n", ""),
    })  # fmt: skip
    assert "shared-port" not in "".join(found(repo, validate))


def test_an_upstream_on_loopback_is_no_mistake_where_both_run(repo: Path, validate: Validate) -> None:
    edit(repo, {INVENTORY: ("    port: 7002", "    port: 7002\n    address: 127.0.0.1")})
    assert found(repo, validate) == []


def test_services_that_hiera_does_not_run_are_upstreams_like_others(repo: Path, validate: Validate) -> None:
    edit(repo, {
        ORDERS: ("[inventory]", "[inventory, legacy]"),
        "hieradata/common.yaml": (
            "", "flask_microservice::external: {legacy: {url: 'http://192.0.2.7', addresses: [192.0.2.7]}}\n"
        ),
    })  # fmt: skip
    assert [line for line in found(repo, validate) if "unknown-setting" not in line] == []
