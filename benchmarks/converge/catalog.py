"""What the Puppet server makes of the declared services: how many resources, how large, how long."""

import json
import re
from typing import Any

from fleet_cli.lab import ssh
from fleet_cli.repository.labfile import Box, Lab

LOG = "/var/log/puppetserver/puppetserver.log"


def size(box: Box) -> dict[str, int]:
    """Resources and bytes of the catalog that the agent keeps of its last run."""
    text = ssh.run(box, ["cat", f"/var/cache/puppet/client_data/catalog/{box.certname}.json"]).stdout
    return {"resources": len(json.loads(text)["resources"]), "bytes": len(text.encode())}


def compile_seconds(lab: Lab, box: Box, last: int) -> list[float]:
    """How long the last compilations for a node took, as the server logged them."""
    log = ssh.run(lab.server, ["tail", "--lines=2000", LOG]).stdout
    pattern = rf"Compiled (?:static )?catalog for {re.escape(box.certname)} in environment \w+ in ([0-9.]+) s"
    return [float(seconds) for seconds in re.findall(pattern, log)][-last:]


def summary(lab: Lab, box: Box, services: int, runs: int) -> dict[str, Any]:
    """All of it, after `runs` runs."""
    return {
        "services": services,
        **size(box),
        "compile_seconds": compile_seconds(lab, box, runs),
    }
