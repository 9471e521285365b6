"""A service that somebody has taken over: what its processes can do, done in its own sandbox on a node."""

import json
import shlex
from typing import Any

from deployed import Deployed
from fleet_cli.lab import ssh

# Its control group, its view of the files, its account. What else its unit forbids, such as system calls, is not.
_ENTER = """
set -eu
unit={unit}
pid=$(systemctl show -P MainPID "$unit")
echo $$ > "/sys/fs/cgroup$(systemctl show -P ControlGroup "$unit")/cgroup.procs"
exec nsenter -t "$pid" -m setpriv --reuid={name} --regid={name} --clear-groups --no-new-privs python3 -c {code} "$@"
"""


def command(service: Deployed, code: str, *arguments: str) -> list[str]:
    """Return a command, for root of the service's node, that runs Python code as if the service did."""
    script = _ENTER.format(unit=service.instance, name=service.name, code=shlex.quote(code))
    return ["sh", "-c", script, "sh", *arguments]


def run(service: Deployed, code: str, *arguments: str) -> Any:
    """Run Python code as the service does; return what it prints, which has to be JSON."""
    return json.loads(ssh.run(service.box, command(service, code, *arguments)).stdout)
