"""What the lab's machines prove their names with: certificates of its Puppet server's CA."""

import ssl as tls
from pathlib import Path

from fleet_cli.lab import ssh
from fleet_cli.machine import paths
from fleet_cli.repository.labfile import Lab

CERTIFICATE = "/var/lib/puppet/ssl/certs/ca.pem"


def context(lab: Lab) -> tls.SSLContext:
    """Return a TLS context that trusts the lab's CA, and no other.

    Raises:
        FleetError: the Puppet server does not answer.
    """
    return tls.create_default_context(cadata=ssh.run(lab.server, ["cat", CERTIFICATE]).stdout)


def save(lab: Lab) -> Path:
    """Keep the CA's certificate on this machine, for curl and browsers; return its file."""
    file = paths.STATE / "ca.pem"
    file.write_text(ssh.run(lab.server, ["cat", CERTIFICATE]).stdout, encoding="utf-8")
    return file
