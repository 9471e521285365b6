"""What is declared for a node is what the node has. Nothing here knows a service by name."""

from pathlib import Path

import pytest

from fleet_cli.fleet.reports import Report
from fleet_cli.repository.fixed_paths import FixedPaths
from fleet_cli.verification.expecting import SILENT, Differs, NotKnown, same
from fleet_cli.verification.subjects import Inspection, Service, Subject


def told(node: Subject) -> Report:
    """Return what a node says of its services."""
    if node.report.error or node.report.services is None:
        pytest.skip(SILENT)
    return node.report


def seen(node: Subject) -> Inspection:
    """Return what root sees on a node."""
    if node.inspection.error:
        pytest.skip(SILENT)
    return node.inspection


def agent(node: Subject) -> Report:
    """Return what a node says of its agent."""
    if node.report.error:
        pytest.skip(SILENT)
    return node.report


def test_node_says_what_runs_on_it(node: Subject) -> None:
    report = node.report
    if report.error:
        raise NotKnown(f"not asked: {report.error}" if report.reached else f"not reached: {report.error}")
    if report.unknown:
        raise NotKnown("not known: " + "; ".join(f"{part}: {why}" for part, why in report.unknown.items()))


def test_node_says_what_root_sees_on_it(node: Subject) -> None:
    if not node.report.reached:
        pytest.skip(SILENT)
    if node.inspection.error:
        raise NotKnown(f"not known what root sees there: {node.inspection.error}")


def test_last_run_of_the_agent_did_not_fail(node: Subject) -> None:
    run = agent(node).last_run
    if run is None:
        raise Differs("last run of the agent", "one", "none: it never ran")
    if run.failed:
        said = "; ".join(f"{one.resource}: {' '.join(one.message.split())}" for one in run.failures)
        raise Differs("last run of the agent", "no failure", said or "a failure: see there, journalctl -t puppet-agent")


def test_agent_is_not_disabled(node: Subject) -> None:
    why = agent(node).disabled
    same("agent", "enabled", "enabled" if why is None else f"disabled: {why}")


def test_nothing_runs_that_no_catalog_declares(node: Subject) -> None:
    declared = {service.name for service in node.services}
    running = [name for name, its in (told(node).services or {}).items() if its.release and name not in declared]
    same("services that run undeclared", "", ", ".join(running))


def test_package_is_at_the_declared_version(service: Service) -> None:
    same(f"package {service.package}", service.version, told(service.node).installed.get(service.package))


def test_declared_release_serves(service: Service) -> None:
    told(service.node)
    running = service.running
    same("version that serves", service.version, running.version if running else None)
    if running:
        same("release that serves", running.declared, running.release)
        same("state", "serving", running.state)


def test_is_healthy(service: Service) -> None:
    told(service.node)
    same("health", "ready", "ready" if service.running and service.running.ready else "not ready")


def test_units_run_and_come_back_after_a_reboot(service: Service) -> None:
    units = seen(service.node).units or {}
    for unit in (f"{service.name}.socket", f"{service.name}.service"):
        its = units.get(unit, {})
        same(f"unit {unit}", "active, enabled", f"{its.get('active')}, {its.get('enabled')}" if its else None)


def test_release_runs_as_the_account_of_the_service(service: Service) -> None:
    told(service.node)
    units = seen(service.node).units or {}
    its = units.get(service.instance, {})
    same(f"unit {service.instance or service.name + '@…'}", "active", its.get("active"))
    same(f"account of {service.instance}", service.name, its.get("user"))


def test_no_unit_of_it_failed(service: Service) -> None:
    units = seen(service.node).units or {}
    names = (f"{service.name}.", f"{service.name}@", f"{service.name}-check@")
    failed = [unit for unit, its in units.items() if unit.startswith(names) and its.get("active") == "failed"]
    same("failed units", "", ", ".join(sorted(failed)))


def test_listens_where_it_is_declared(service: Service) -> None:
    inspection = seen(service.node)
    if service.socket:
        same("listens at", service.socket, service.socket if service.socket in (inspection.sockets or ()) else None)
    else:
        same("listens on port", service.port, service.port if service.port in (inspection.ports or ()) else None)


_ITS = FixedPaths("{}")
"""The paths of a service, with `{}` in the place of its name."""


@pytest.mark.parametrize(
    ("path", "kind", "owner", "group", "mode"),
    [
        (str(Path(_ITS.config).parent), "directory", "root", "{}", "0750"),
        (_ITS.config, "file", "root", "{}", "0640"),
        (_ITS.data_dir, "directory", "{}", "{}", "0750"),
        (str(Path(_ITS.log).parent), "directory", "root", "adm", "0751"),
    ],
    ids=["config-directory", "config", "data", "log-directory"],
)
def test_nobody_else_can_write_or_read_what_is_its_own(  # noqa: PLR0917 - a table's columns
    service: Service, path: str, kind: str, owner: str, group: str, mode: str
) -> None:
    own, name = path.format(service.name), service.name
    same(own, f"{kind} {owner.format(name)}:{group.format(name)} {mode}", _shown(seen(service.node), own))


def test_log_is_readable_for_adm_alone(service: Service) -> None:
    if not service.from_template:
        pytest.skip(f"{service.name} was not made from the template: what it logs goes to the journal")
    path = FixedPaths(service.name).log
    same(path, f"file {service.name}:adm 0640", _shown(seen(service.node), path))


def _shown(inspection: Inspection, path: str) -> str | None:
    its = (inspection.paths or {}).get(path)
    return f"{its['kind']} {its['owner']}:{its['group']} {its['mode']}" if its else None
