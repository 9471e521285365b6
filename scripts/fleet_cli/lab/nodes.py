"""Nodes of the lab: enrolment with the Puppet server, and whether they are as declared."""

import json
from pathlib import Path

from fleet_cli.lab import ssh
from fleet_cli.machine import steps
from fleet_cli.machine.errors import CommandFailedError, FleetError
from fleet_cli.repository.labfile import Box, Lab

ENROLL = "/usr/local/sbin/fleet-enroll"


def enrolled(box: Box) -> bool:
    """Whether the node has a certificate."""
    certificate = f"/var/lib/puppet/ssl/certs/{box.certname}.pem"
    return ssh.run(box, ["test", "-e", certificate], check=False).returncode == 0


def enroll(lab: Lab, box: Box, repo: Path) -> None:
    """Give a node its role, its tier and a certificate, and run the agent for the first time.

    Raises:
        FleetError: the certificate was not signed, or the first run had failures.
    """
    script = "/root/enroll"
    ssh.upload(box, repo / "scripts/enroll", script)
    with steps.step(f"{box.name}: enrolment and first agent run"):
        try:
            invited = ssh.run(lab.server, [ENROLL, box.certname, "--role", box.role, "--tier", box.tier]).stdout
            invitation = json.loads(invited)
            arguments = [lab.server.certname, box.role, box.tier, invitation["authority"]]
            ssh.run(box, ["bash", script, *arguments], stdin=f"{invitation['token']}\n")
        except CommandFailedError as error:
            raise FleetError(f"box {box.name} could not be enrolled:\n{error}") from None
        finally:
            ssh.run(box, ["rm", "-f", script], check=False)


def converged(box: Box, commit: str) -> bool:
    """Whether the node's last agent run was of that commit and had no failure."""
    summary = ssh.run(box, ["cat", "/var/cache/puppet/public/last_run_summary.yaml"], check=False).stdout
    return commit[:10] in summary and "failure: 0" in summary and "failed: 0" in summary
