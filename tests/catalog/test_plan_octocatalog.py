"""A plan finds what octocatalog-diff finds; each difference between the two is known, and has a reason."""

from pathlib import Path

import pytest
from fleet_cli.planning import environment
from fleet_cli.planning.changes import ResourceChange
from fleet_cli.planning.dependencies import Dependency
from fleet_cli.planning.plan import Plan

from . import octocatalog
from .control import Control
from .octocatalog import Finding

NODES = ("staging1.fleet.test", "db1.fleet.test")
ORDER = "the order of resources"
PROGRAM = "modules/flask_microservice/files/program/flask_microservice"


def change(control: Control) -> None:
    """One change of each kind."""
    control.replace("hieradata/tiers/staging.yaml", "inventory: '1.0.0-1'", "inventory: '1.1.0-1'")
    control.replace("hieradata/services/orders.yaml", "level: info", "level: debug")
    control.replace("hieradata/common.yaml", "  - less\n", "  - jq\n")
    control.write("hieradata/roles/database.yaml", "---\nprofile::database::max_connections: 300\n")
    control.write("hieradata/nodes/db1.fleet.test.yaml", "---\nprofile::firewall::ssh_port: 2222\n")
    control.write(f"{PROGRAM}/journal.py", control.read(f"{PROGRAM}/journal.py") + "# more\n")
    service = "modules/flask_microservice/manifests/logrotate.pp"
    control.replace(service, "    require => Package['logrotate'],\n", "")
    control.replace(service, "    mode    => '0644',", "    mode    => '0640',")
    network = "site/profile/files/database/network-online.conf"
    control.write(network, control.read(network) + "# more\n")


def planned(plan: Plan, node: str) -> set[Finding]:
    """What a plan says of a node, as findings; one for each parameter."""
    found: set[Finding] = set()
    for item, nodes in plan.of_kind(ResourceChange):
        if node in nodes:
            sign = {"add": "+", "remove": "-", "change": "~"}[item.action]
            names = {one.name for one in item.parameters} if sign == "~" else {""}
            found |= {Finding(sign, item.reference, name) for name in names}
    for order, nodes in plan.of_kind(Dependency):
        if node in nodes:
            found.add(Finding("~", order.then, ORDER))
    return found


def only_octocatalog(finding: Finding) -> str:
    """Why a plan leaves a finding out."""
    kind = finding.reference.partition("[")[0]
    if kind == "Class" or "::" in kind or kind == "Concat":
        return "classes and defined types are not applied: a plan shows what is in them"
    if kind == "Concat_fragment":
        return "a plan shows the file that fragments make"
    return ""


def only_planned(finding: Finding) -> str:
    """Why octocatalog-diff does not have a finding of a plan."""
    if finding.reference.startswith("Concat_file[") and finding.parameter == "content":
        return "octocatalog-diff shows fragments, not the file that they make"
    if finding.parameter == ORDER:
        return "octocatalog-diff leaves out before, notify, require and subscribe"
    if finding.parameter.endswith(".py"):
        return "octocatalog-diff does not look into directories that are copied whole"
    return ""


@pytest.mark.drill
def test_octocatalog_diff(tmp_path: Path) -> None:
    reason = octocatalog.why_not()
    if reason:
        pytest.skip(reason)
    control = Control(tmp_path / "control")
    change(control)
    plan = control.plan()
    with (
        environment.of_commit(control.directory, "main", None) as base,
        environment.of_working_tree(control.directory, None) as head,
        octocatalog.prepared(base, head) as other,
    ):
        machines = {one: control.facts.of(one) for one in head.machines if one.certname in NODES}
        found = other.compare(machines)
    for node in NODES:
        ours, theirs = planned(plan, node), found[node]
        assert {one for one in theirs - ours if not only_octocatalog(one)} == set(), node
        assert {one for one in ours - theirs if not only_planned(one)} == set(), node
        assert len(ours & theirs) >= 3, f"{node}: {sorted(map(str, ours & theirs))}"
    both = set().union(*(planned(plan, node) & found[node] for node in NODES))
    assert {one.sign for one in both} == {"+", "-", "~"}
