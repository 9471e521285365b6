"""A service that moves stays on its old node until clients reach it on its new ones, and not a run longer."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from .catalogs import Catalog, Node
from .conftest import Compile

NOTHING = "---\n{}\n"
SERVICES = """
flask_microservice::services:
  orders: {port: 7001, upstreams: [billing]}
  billing: {port: 7002, nodes: [payments]}
  ledger: {port: 7003, nodes: [payments], upstreams: [billing]}
  secluded: {port: 7004, address: 127.0.0.1, nodes: [payments]}
flask_microservice::groups: {payments: ['app[2-3].example.test'], none: []}
flask_microservice::versions: {orders: 1.0-1, billing: 2.0-1, ledger: 1.0-1, secluded: 1.0-1, taker: 1.0-1}
flask_microservice::gateways: {lb.example.test: {address: 192.0.2.51, ca_file: /etc/ssl/ca.pem}}
flask_microservice::balancers: [192.0.2.51]
profile::load_balancer::clients: [192.0.2.0/24]
"""
BALANCER = "lb.example.test"
APP1, APP2, APP3 = (f"app{number}.example.test" for number in (1, 2, 3))
MEMBER = "Profile::Load_balancer::Member"
Rows = dict[str, list[dict[str, Any]]]


def resource(certname: str, kind: str, title: str, **parameters: object) -> dict[str, Any]:
    return {"certname": certname, "type": kind, "title": title, "parameters": parameters}


def told(
    *, serving: Mapping[str, Iterable[str]], known: Mapping[str, Iterable[str]], failed: str = "", under_way: str = ""
) -> Rows:
    """What PuppetDB says where every run but one was fine.

    Args:
        serving: by service, the new nodes whose catalogs have it.
        known: by service, those of them that the balancer's catalog has.
        failed: the node whose last run failed.
        under_way: the node of which a run has a catalog and no report yet.
    """
    nodes = {APP1, BALANCER, *(certname for names in serving.values() for certname in names)}
    resources = [resource(certname, "Class", "Flask_microservice") for certname in sorted(nodes - {BALANCER})]
    resources += [resource(name, MEMBER, f"{it} on {name}") for it, names in serving.items() for name in names]
    resources += [resource(BALANCER, MEMBER, f"{it} on {name}") for it, names in known.items() for name in names]
    resources += [resource(BALANCER, "Profile::Load_balancer::Service", it) for it in ("orders", "billing", "ledger")]
    resources += [
        resource(
            APP1, MEMBER, "billing on app1.example.test", service="billing", address="192.0.2.31", port=7902, threads=4
        )
    ]
    catalogs = [{"certname": name, "catalog_uuid": f"{name} {name == under_way}"} for name in sorted(nodes)]
    reports = [
        {
            "certname": name,
            "catalog_uuid": f"{name} False",
            "status": "failed" if name == failed else "unchanged",
            "noop": False,
        }
        for name in sorted(nodes)
    ]
    return {"resources": resources, "catalogs": catalogs, "reports": reports}


def node(puppetdb: Rows | str | None, *services: str, certname: str = APP1, role: str = "app", more: str = "") -> Node:
    fact = {name: {"state": "serving"} for name in services or ("billing",)}
    hiera = {"services/orders.yaml": SERVICES, "services/inventory.yaml": NOTHING, "tiers/test.yaml": more or NOTHING,
             "secrets/test.yaml": NOTHING}  # fmt: skip
    return Node(certname, role, "test", hiera=hiera, facts={"flask_microservices": fact}, puppetdb=puppetdb)


NEW = [APP2, APP3]
DONE = told(serving={"billing": NEW}, known={"billing": NEW})
LEDGER_WAITS = told(serving={"billing": NEW, "ledger": [APP2]}, known={"billing": NEW, "ledger": []})
WITHOUT_BALANCER = {entity: [row for row in rows if row["certname"] != BALANCER] for entity, rows in DONE.items()}
STAYS: dict[str, tuple[Rows | str, str]] = {
    "new nodes have had no run": (
        told(serving={}, known={}),
        "no node that it is placed on has had a run",
    ),
    "a new node failed": (
        told(serving={"billing": NEW}, known={"billing": NEW}, failed=APP2),
        "app2.example.test does not serve it yet",
    ),
    "a new node is at it": (
        told(serving={"billing": NEW}, known={"billing": NEW}, under_way=APP3),
        "app3.example.test does not serve it yet",
    ),
    "new nodes are without it": (
        told(serving={"billing": [], "ledger": NEW}, known={}),
        "app2.example.test, app3.example.test do not serve it yet",
    ),
    "the balancer knows one of them": (
        told(serving={"billing": NEW}, known={"billing": [APP2]}),
        "the balancer lb.example.test has not had a run since its new nodes serve it",
    ),
    "the balancer failed": (
        told(serving={"billing": NEW}, known={"billing": NEW}, failed=BALANCER),
        "the balancer lb.example.test has not had a run since its new nodes serve it",
    ),
    "the declared balancer is not there": (
        WITHOUT_BALANCER,
        "the balancer lb.example.test has not had a run with it",
    ),
    "PuppetDB is empty": (
        {"resources": [], "catalogs": [], "reports": []},
        "PuppetDB does not know this node yet",
    ),
    "PuppetDB is down": ("connection refused", "PuppetDB can't be asked: connection refused"),
}  # fmt: skip
GONE = {
    "all is done": node(DONE),
    "there is no PuppetDB": node(None),
    "it did not serve": Node(**{
        **vars(node(told(serving={}, known={}))),
        "facts": {"flask_microservices": {"billing": {"state": "stopped"}}},
    }),
    "its port is another's": node(
        "down", more="flask_microservice::services: {taker: {port: 7002, nodes: [app1.example.test]}}\n"
    ),
}  # fmt: skip


def absent(catalog: Catalog) -> set[str]:
    prefix = "Flask_microservice_release"
    return {name for name in catalog.titles(prefix) if catalog[f"{prefix}[{name}]"]["ensure"] == "absent"}


@pytest.fixture(scope="module")
def staying(compile: Compile) -> dict[str, Catalog]:
    return dict(zip(STAYS, compile([node(rows) for rows, _ in STAYS.values()]), strict=True))


@pytest.mark.parametrize("case", STAYS)
def test_it_stays_until_it_is_reached_elsewhere_and_the_run_says_why(case: str, staying: dict[str, Catalog]) -> None:
    catalog = staying[case]
    assert absent(catalog) == set()
    assert catalog["Flask_microservice_staying[billing]"]["reason"] == STAYS[case][1]


def test_nothing_of_a_service_that_stays_is_touched(staying: dict[str, Catalog]) -> None:
    catalog = staying["a new node failed"]
    assert catalog.titles("Flask_microservice::Service") == {"orders"}
    about = {"Flask_microservice_staying[billing]", "Concat::Fragment[firewall: microservices]"}
    others = [one for one in catalog if one.reference not in about]
    assert "2.0-1" not in json.dumps([dict(one.parameters) for one in others])
    assert not [one for one in others if "billing" in one.reference]


@pytest.mark.parametrize("case", GONE)
def test_it_goes_at_once_where_there_is_nothing_to_wait_for(case: str, compile: Compile) -> None:
    (catalog,) = compile([GONE[case]])
    assert absent(catalog) == {"billing"}
    assert catalog.titles("Flask_microservice_staying") == set()


def test_one_that_is_declared_absent_has_nobody_to_wait_for(compile: Compile) -> None:
    one = node("down", more="flask_microservice::services: {billing: {ensure: absent}}\n")
    text = SERVICES.replace(", upstreams: [billing]", "")
    (catalog,) = compile([Node(**{**vars(one), "hiera": {**one.hiera, "services/orders.yaml": text}})])
    assert absent(catalog) == {"billing"}


def test_a_service_that_is_placed_nowhere_has_nobody_to_wait_for(compile: Compile) -> None:
    one = node("down")
    text = SERVICES.replace("billing: {port: 7002, nodes: [payments]", "billing: {port: 7002, nodes: [none]")
    text = text.replace(", upstreams: [billing]", "")
    (catalog,) = compile([Node(**{**vars(one), "hiera": {**one.hiera, "services/orders.yaml": text}})])
    assert absent(catalog) == {"billing"}


def test_a_tier_without_a_balancer_has_nobody_to_wait_for(compile: Compile) -> None:
    one = node(WITHOUT_BALANCER)
    lines = SERVICES.replace(", upstreams: [billing]", "").splitlines()
    text = "\n".join(line for line in lines if "gateways" not in line)
    (catalog,) = compile([Node(**{**vars(one), "hiera": {**one.hiera, "services/orders.yaml": text}})])
    assert absent(catalog) == {"billing"}


def test_one_that_only_its_own_node_reaches_has_nobody_to_wait_for(compile: Compile) -> None:
    (catalog,) = compile([node("down", "secluded")])
    assert absent(catalog) == {"secluded"}


def test_of_two_moves_each_waits_for_itself(compile: Compile) -> None:
    (catalog,) = compile(
        [node(told(serving={"billing": NEW, "ledger": NEW}, known={"ledger": NEW}), "billing", "ledger")]
    )
    assert absent(catalog) == {"ledger"}
    assert catalog.titles("Flask_microservice_staying") == {"billing"}


def test_an_upstream_stays_for_as_long_as_a_service_that_stays_asks_it(compile: Compile) -> None:
    (catalog,) = compile([node(LEDGER_WAITS, "billing", "ledger")])
    assert absent(catalog) == set()
    assert catalog["Flask_microservice_staying[ledger]"]["reason"] == "app3.example.test does not serve it yet"
    assert catalog["Flask_microservice_staying[billing]"]["reason"] == "ledger stays, and needs it"


def test_who_asks_it_here_asks_elsewhere_before_it_goes(compile: Compile) -> None:
    (catalog,) = compile([node(DONE)])
    before = catalog["Flask_microservice::Service[orders]"].references("before")
    assert "Flask_microservice::Service[billing]" in before


def test_it_is_still_balanced_where_it_was_whatever_its_declaration_says_now(compile: Compile) -> None:
    waits = told(serving={"billing": NEW}, known={})
    catalog, _, balancer = compile(
        [node(waits), node(waits, "orders", certname=APP2), node(None, certname=BALANCER, role="load_balancer")]
    )
    member = balancer[f"{MEMBER}[billing on {APP1}]"]
    assert (member["address"], member["port"], member["threads"]) == ("192.0.2.31", 7902, 4)
    assert f"{MEMBER}[billing on {APP2}]" in balancer
    assert "dport 7902" in catalog["Concat::Fragment[firewall: microservices]"]["content"]


def test_while_puppetdb_is_down_its_port_stays_open(staying: dict[str, Catalog]) -> None:
    assert "dport 7002" in staying["PuppetDB is down"]["Concat::Fragment[firewall: microservices]"]["content"]
