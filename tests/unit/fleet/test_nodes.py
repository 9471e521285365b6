"""Which nodes a person means: never others than those that the words say, and none silently left out."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from fleet_cli.fleet import nodes, puppetdb
from fleet_cli.fleet.description import Fleet
from fleet_cli.fleet.nodes import Choice
from fleet_cli.machine.errors import FleetError
from fleet_cli.repository.inventory import Machine

FLEET = Fleet(Path("fleet.yaml"), "puppet.example.org", "git@git.example.org:control.git")
MACHINES = [
    Machine("puppet.example.org", "puppetserver", "production"),
    Machine("db1.example.org", "database", "production"),
    *(Machine(f"app{number}.example.org", "app", "production") for number in range(1, 13)),
    Machine("app1.test.example.org", "app", "staging"),
    Machine("lb1.example.org", "load_balancer", "production"),
]
NODES = nodes.named(MACHINES)


def picked(words: Sequence[str] = (), roles: Sequence[str] = (), tiers: Sequence[str] = ()) -> list[str]:
    return [node.certname.removesuffix(".example.org") for node in nodes.pick(NODES, Choice(words, roles, tiers))]


def test_a_name_is_short_where_it_is_the_only_one() -> None:
    names = {node.certname: node.name for node in NODES}
    assert names["app2.example.org"] == "app2"
    assert names["app1.example.org"] == "app1.example.org", "two machines begin so"


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["app2"], ["app2"]),
        (["app2.example.org", "app2"], ["app2"]),
        (["app[2-4,11]"], ["app11", "app2", "app3", "app4"]),
        (["app[1-2].example.org"], ["app1", "app2"]),
        (["app2,lb1"], ["app2", "lb1"]),
        (["puppet"], ["puppet"]),
    ],
)
def test_words_mean_nodes(words: list[str], found: list[str]) -> None:
    assert picked(words) == found


def test_without_words_all_but_the_server_are_meant() -> None:
    assert len(picked()) == len(NODES) - 1
    assert "puppet" not in picked()
    assert "puppet" not in picked(tiers=["production"])
    assert picked(roles=["puppetserver"]) == ["puppet"]


def test_each_kind_of_word_narrows() -> None:
    assert picked(tiers=["staging"]) == ["app1.test"]
    assert picked(roles=["database", "load_balancer"]) == ["db1", "lb1"]
    assert picked(["app2", "lb1"], roles=["app"]) == ["app2"]


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (Choice(["app1"]), "there is no node 'app1'; the fleet has: app1.example.org, "),
        (Choice(["app[2-99]"]), "there is no node 'app13', "),
        (Choice(["app["]), r"'app\[' names no nodes: "),
        (Choice(roles=["ap"]), "no node has the role 'ap'; there are: app, database, load_balancer, puppetserver"),
        (Choice(tiers=["prod"]), "no node has the tier 'prod'; there are: production, staging"),
    ],
)
def test_a_word_that_means_nothing_is_an_error_not_fewer_nodes(choice: Choice, message: str) -> None:
    with pytest.raises(FleetError, match=message):
        nodes.pick(NODES, choice)


def test_databases_come_before_those_who_need_them_and_balancers_last() -> None:
    assert [[node.role for node in group][:1] for group in nodes.in_order(NODES)] == [
        ["database"], ["app"], ["load_balancer"],
    ]  # fmt: skip


def rows(machines: Sequence[Machine]) -> list[dict[str, object]]:
    return [
        {"certname": one.certname, "trusted": {"extensions": {"pp_role": one.role, "pp_environment": one.tier}}}
        for one in machines
    ]


def test_nodes_come_from_puppetdb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(puppetdb, "query", lambda _fleet, _pql: rows(MACHINES))
    assert nodes.known(FLEET, tmp_path) == NODES


def test_a_query_narrows_by_what_puppetdb_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def query(_fleet: Fleet, pql: str) -> list[dict[str, object]]:
        return [{"certname": "app3.example.org"}] if "nodes" in pql else rows(MACHINES)

    monkeypatch.setattr(puppetdb, "query", query)
    found = nodes.chosen(FLEET, tmp_path, Choice(query="nodes[certname] { latest_report_status = 'failed' }"))
    assert [node.name for node in found] == ["app3"]
    with pytest.raises(FleetError, match=r"no node is meant: lb1, --query nodes"):
        nodes.chosen(FLEET, tmp_path, Choice(["lb1"], query="nodes[certname] {}"))


def test_a_node_that_had_no_run_yet_is_meant_by_its_name_if_the_repository_lists_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it, a node that was deactivated in PuppetDB could not be run any more, and so never came back."""
    monkeypatch.setattr(puppetdb, "query", lambda _fleet, _pql: rows(MACHINES))
    listed = "new.example.org: {role: app, tier: staging}\napp3.example.org: {role: app, tier: old}\n"
    (tmp_path / "nodes.yaml").write_text(listed, encoding="utf-8")
    found = nodes.chosen(FLEET, tmp_path, Choice(["new", "app3"]))
    assert [(node.name, node.tier) for node in found] == [("app3", "production"), ("new", "staging")]
    assert "new.example.org" not in [node.certname for node in nodes.chosen(FLEET, tmp_path, Choice())]
    with pytest.raises(FleetError, match="there is no node 'newer'"):
        nodes.chosen(FLEET, tmp_path, Choice(["newer"]))


def test_rows_of_a_query_without_a_certname_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def query(_fleet: Fleet, pql: str) -> list[dict[str, object]]:
        return [{"count": 3}] if "count" in pql else rows(MACHINES)

    monkeypatch.setattr(puppetdb, "query", query)
    with pytest.raises(FleetError, match=r"its rows have no certname"):
        nodes.chosen(FLEET, tmp_path, Choice(query="nodes[count()] {}"))


def test_where_puppetdb_is_away_the_list_of_the_repository_counts_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def away(_fleet: Fleet, _pql: str) -> list[dict[str, object]]:
        raise FleetError("PuppetDB on puppet.example.org does not answer")

    monkeypatch.setattr(puppetdb, "query", away)
    with pytest.raises(FleetError, match=r"PuppetDB on puppet\.example\.org does not answer"):
        nodes.known(FLEET, tmp_path)
    (tmp_path / "nodes.yaml").write_text("a.example.org: {role: app, tier: staging}\n", encoding="utf-8")
    assert [node.name for node in nodes.known(FLEET, tmp_path)] == ["a"]
    assert "does not answer" in capfd.readouterr().err


def test_an_empty_puppetdb_is_said_to_be_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(puppetdb, "query", lambda _fleet, _pql: json.loads("[]"))
    with pytest.raises(FleetError, match=r"PuppetDB on puppet\.example\.org knows no node"):
        nodes.known(FLEET, tmp_path)
