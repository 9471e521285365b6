"""Nodes: the role of each has a class, and its tier has files."""

from collections.abc import Iterator

from fleet_cli.repository.finding import Finding, did_you_mean
from fleet_cli.repository.fleet_data import FleetData
from fleet_cli.validation.puppet_code import PuppetCode


def findings(data: FleetData, code: PuppetCode) -> Iterator[Finding]:
    """Machines whose role has no class, or whose tier has no file."""
    tiers = data.tiers
    for machine in data.machines:
        if code.roles and machine.role not in code.roles:
            message = f"{machine.certname} has the role '{machine.role}', which is no class in site/role/manifests"
            suggestion = did_you_mean(machine.role, code.roles) or "roles: " + ", ".join(code.roles)
            yield Finding(machine.file, machine.line, machine.role_column, "unknown-role", message, suggestion)
        if tiers and machine.tier not in tiers:
            message = f"{machine.certname} has the tier '{machine.tier}', of which no file of Hiera says anything"
            suggestion = did_you_mean(machine.tier, tiers) or "tiers: " + ", ".join(tiers)
            yield Finding(machine.file, machine.line, machine.tier_column, "unknown-tier", message, suggestion)
