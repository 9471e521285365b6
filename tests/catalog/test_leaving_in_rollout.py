"""What a rollout has leave a node stays there until the rollout has ended: it may be taken back."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from fleet_cli.compiling import program
from fleet_cli.fleet import turns

from .catalogs import ENVIRONMENT, Catalog, Node
from .conftest import Compile

NOTHING = "---\n{}\n"
SERVICES = """
flask_microservice::services:
  orders: {port: 7001}
  billing: {port: 7002, nodes: [payments]}
  nowhere: {port: 7003, package: books, nodes: [none]}
  old: {port: 7004, ensure: absent}
  secluded: {port: 7005, address: 127.0.0.1, nodes: [payments]}
  taken: {port: 7001, nodes: [payments]}
flask_microservice::groups: {payments: ['app[2-3].example.test'], none: []}
flask_microservice::versions: {orders: 1.0-1, billing: 2.0-1, nowhere: 1.0-1, secluded: 1.0-1, taken: 1.0-1}
flask_microservice::remove_undeclared: true
flask_microservice::all_held_by: held_in_test
flask_microservice::balancers: [192.0.2.51]
"""
ANSWERS = f"{program.ENVIRONMENTS}/{ENVIRONMENT}/hieradata/answers.json"
"""In the place of the Puppet server's /var/lib/puppet-deploys/answers.json."""

CODE = f"""
function held_in_test() >> Optional[String[1]] {{
  profile::held_by_rollout('{ANSWERS}')
}}
include role::app
"""
APP1 = "app1.example.test"
THERE = ("orders", "billing", "nowhere", "old", "secluded", "taken", "forgotten")
PUPPETDB = {
    "resources": [
        {"certname": APP1, "type": "Profile::Load_balancer::Member", "title": f"{name} on {APP1}",
         "parameters": {"service": name, "address": "192.0.2.31", "port": port, "threads": 4}}
        for name, port in (("old", 7904), ("forgotten", 7906), ("billing", 7902))
    ],
    "catalogs": [],
    "reports": [],
}  # fmt: skip


def answers(**other: Any) -> str:
    rollout = {
        "number": 7, "epoch": 1, "environment": ENVIRONMENT, "since": 1, "by": "anna", "nodes": [APP1, "x.test"],
    }  # fmt: skip
    return json.dumps({"rollouts": {"test": {**rollout, **other}}})


def node(text: str | None, there: Iterable[str] = THERE, certname: str = APP1, more: str = "") -> Node:
    hiera = {"services/orders.yaml": SERVICES + more, "services/inventory.yaml": NOTHING, "tiers/test.yaml": NOTHING,
             "secrets/test.yaml": NOTHING}  # fmt: skip
    if text is not None:
        hiera["answers.json"] = text
    fact = {name: {"state": "serving"} for name in there}
    return Node(certname, "app", "test", hiera=hiera, code=CODE, facts={"flask_microservices": fact}, puppetdb=PUPPETDB)


def gone(catalog: Catalog) -> set[str]:
    prefix = "Flask_microservice_release"
    return {name for name in catalog.titles(prefix) if catalog[f"{prefix}[{name}]"]["ensure"] == "absent"}


LEAVES: dict[str, Node] = {
    "no deploys here": node(None),
    "no rollout": node(json.dumps({"fleet": {}})),
    "another tier": node(answers().replace('"test"', '"production"')),
    "not in its waves": node(answers(nodes=["x.test"])),
    "on trial": node(answers(environment="c_0123456789")),
}


@pytest.fixture(scope="module")
def catalogs(compile: Compile) -> dict[str, Catalog]:
    cases = {**LEAVES, "under way": node(answers()), "nothing leaves": node("{", there=["orders"])}
    return dict(zip(cases, compile(list(cases.values())), strict=True))


def test_all_that_would_leave_stays_and_says_why(catalogs: dict[str, Catalog]) -> None:
    catalog = catalogs["under way"]
    assert gone(catalog) == {"taken"}, "what cannot stay is another's port"
    staying = catalog.titles("Flask_microservice_staying")
    assert staying == {"billing", "nowhere", "old", "secluded"}
    said = {catalog[f"Flask_microservice_staying[{name}]"]["reason"] for name in staying}
    assert said == {"rollout 7 of its tier is under way"}
    assert all(turns.HELD_BY_ROLLOUT.fullmatch(reason) for reason in said), "fleet run would run them twice"
    assert catalog.titles("Flask_microservice_undeclared") == {"forgotten"}


def test_nothing_of_what_stays_is_touched_and_clients_reach_it(catalogs: dict[str, Catalog]) -> None:
    catalog = catalogs["under way"]
    assert catalog.titles("Flask_microservice::Service") == {"orders", "taken"}
    assert not {"billing", "books", "old", "secluded", "forgotten"} & catalog.titles("Package")
    rules = catalog["Concat::Fragment[firewall: microservices]"]["content"]
    assert all(f"dport {port}" in rules for port in (7001, 7902, 7904, 7906))


@pytest.mark.parametrize("case", LEAVES)
def test_without_a_rollout_of_this_commit_on_this_node_it_leaves(case: str, catalogs: dict[str, Catalog]) -> None:
    assert gone(catalogs[case]) >= {"nowhere", "old", "secluded", "taken", "forgotten"}
    assert not {"nowhere", "old", "secluded"} & catalogs[case].titles("Flask_microservice_staying")


def test_where_nothing_leaves_nobody_asks(catalogs: dict[str, Catalog]) -> None:
    """Each catalog would read the answers of the whole fleet."""
    assert catalogs["nothing leaves"].error == ""
    assert gone(catalogs["nothing leaves"]) == {"old"}, "what is declared absent, and is not there"
