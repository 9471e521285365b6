"""An operator knows beforehand what no resource says: where data stays, who asks whom elsewhere, what a node lacks."""

from collections.abc import Mapping
from typing import Any

from catalogs import catalog
from fleet_cli.planning import remarks
from fleet_cli.planning.catalog import Catalog
from fleet_cli.planning.effects import Effect
from fleet_cli.planning.moves import Move
from fleet_cli.planning.plan import Plan, grouped
from fleet_cli.planning.remarks import Remark
from fleet_cli.planning.unused import Unused

FACTS = {"memory": {"system": {"total_bytes": 4 << 30}}, "processors": {"count": 2}}
HERE = "http://127.0.0.1:7002"
BALANCED = "https://lb1.fleet.test:7002"


def node(**services: Mapping[str, Any]) -> Catalog:
    resources: dict[str, Mapping[str, Any]] = {}
    for name, parameters in services.items():
        resources[f"Flask_microservice::Service[{name}]"] = parameters
        resources[f"Flask_microservice_release[{name}]"] = {"ensure": parameters.get("ensure", "serving")}
    return catalog(resources)


def asking(url: str) -> dict[str, Any]:
    return {"config": {"upstreams": {"inventory": url}}}


def test_a_service_that_asks_an_upstream_elsewhere_is_named_both_ways() -> None:
    both, alone = node(orders=asking(HERE), inventory={}), node(orders=asking(BALANCED))
    assert [str(one) for one in remarks.find(both, alone) if one.what == "way"] == [
        "orders: asks inventory at lb1.fleet.test now, no longer on its own node"
    ]
    assert [str(one) for one in remarks.find(alone, both)] == [
        "orders: asks inventory on its own node now, no longer at lb1.fleet.test"
    ]


def test_another_port_of_the_same_upstream_is_no_other_way() -> None:
    old, new = (node(orders=asking(url), inventory={}) for url in (HERE, HERE.replace("7002", "7009")))
    assert remarks.find(old, new) == []


def test_a_service_that_leaves_a_node_leaves_its_file_there() -> None:
    stays = [Remark("billing", "data stays", "its data stays on this node, in /var/lib/billing")]
    assert remarks.find(node(billing={}), node()) == stays
    assert remarks.find(node(billing={}), node(billing={"ensure": "absent"})) == stays
    assert remarks.find(node(billing={}), node(billing={"ensure": "absent", "purge": True})) == []


def test_data_that_is_on_a_server_or_nobody_knows_where_is_not_said_to_stay() -> None:
    for elsewhere in (
        {"secrets": {"database": {"url": "postgresql://x"}}, "sensitive": ["secrets"]},
        {"config": {"database": {"url": "postgresql://x"}}},
        {"application": "httpbin:app"},
    ):
        assert remarks.find(node(billing=elsewhere), node()) == []


def test_the_move_of_a_service_says_where_its_data_stays_and_a_removal_is_as_ever() -> None:
    stays = {name: Remark(name, "data stays", "its data stays on this node") for name in ("billing", "old")}
    groups = grouped({
        "app1": [Effect("billing", "removed", "1-1"), stays["billing"], Effect("old", "removed", "1-1"), stays["old"]],
        "app3": [Effect("billing", "first release", "", "1-1")],
    })  # fmt: skip
    plan = Plan("main", "topic", 2, 4, groups, Unused((), (), ()), ())
    assert plan.moves == (Move("billing", ("app1",), ("app3",), ("app1",)),)
    assert str(plan.moves[0]) == "billing: leaves app1, comes to app3; its data stays on app1"
    assert [item for item, _ in plan.of_kind(Remark)] == [stays["billing"]]


def test_limits_that_are_more_in_all_than_the_node_has_are_a_line() -> None:
    two = node(a={"limits": {"memory": "3G", "cpu": "100%"}}, b={"limits": {"memory": "50%"}}, c={})
    (said,) = remarks.find(node(), two, FACTS)
    assert str(said) == "memory: 2 services may use 5.0 GiB in all (limits), and the node has 4.0 GiB"
    assert remarks.find(None, two, FACTS) == [said]
    assert remarks.find(two, two, FACTS) == [], "it is not the change that does it"
    assert remarks.find(node(), two) == [], "of a node without facts nothing is known"


def test_limits_that_the_node_can_give_are_none() -> None:
    fits = node(a={"limits": {"memory": "2048M", "cpu": "200%"}}, b={"limits": {"memory": "2147483648"}})
    assert remarks.find(node(), fits, FACTS) == []
    gone = node(a={"limits": {"memory": "4G"}}, b={"ensure": "absent", "limits": {"memory": "4G"}})
    assert remarks.find(node(), gone, FACTS) == []


def test_more_processor_time_than_there_is_is_a_line() -> None:
    (said,) = remarks.find(node(), node(a={"limits": {"cpu": "150%"}}, b={"limits": {"cpu": "100%"}}), FACTS)
    assert str(said) == "cpu: 2 services may use 250% in all (limits), and the node has 200%"
