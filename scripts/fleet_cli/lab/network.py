"""The network of the lab on this machine: a bridge, address translation to the outside, names."""

import os
import signal
from pathlib import Path

from fleet_cli.machine import paths, process
from fleet_cli.machine.errors import CommandFailedError, FleetError
from fleet_cli.repository.labfile import Lab

BRIDGE = "fleetbr0"
TABLE = "fleet_lab"
_PID = paths.RUN / "dnsmasq.pid"
_HOSTS = paths.RUN / "hosts"


def up(lab: Lab) -> None:
    """Make what is missing of the network, and have every box's name resolved.

    Raises:
        FleetError: the network of lab.yaml is in use on this machine already.
    """
    paths.RUN.mkdir(parents=True, exist_ok=True)
    address = f"{lab.gateway}/{lab.network.prefixlen}"
    for route in process.run(["ip", "-4", "route", "show", "root", str(lab.network)]).stdout.splitlines():
        if f"dev {BRIDGE}" not in route:
            raise FleetError(
                f"lab.yaml: network {lab.network} is in use on this machine ({route.strip()}): choose another"
            )
    if process.run(["ip", "link", "show", BRIDGE], check=False).returncode != 0:
        process.run(["ip", "link", "add", BRIDGE, "type", "bridge"])
    process.run(["ip", "addr", "replace", address, "dev", BRIDGE])
    process.run(["ip", "link", "set", BRIDGE, "mtu", outside_mtu(), "up"])
    process.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"])
    process.run(
        ["nft", "-f", "-"],
        stdin=f"""
table ip {TABLE}
delete table ip {TABLE}
table ip {TABLE} {{
  chain postrouting {{
    type nat hook postrouting priority srcnat
    ip saddr {lab.network} ip daddr != {lab.network} masquerade
  }}
}}
""",
    )
    _HOSTS.write_text("".join(f"{box.address} {box.certname} {box.name}\n" for box in lab.boxes), encoding="utf-8")
    _names_up(lab)


def _names_up(lab: Lab) -> None:
    pid = _dnsmasq()
    if pid:
        os.kill(pid, signal.SIGHUP)  # reads the hosts file again
        return
    try:
        process.run(
            ["dnsmasq", "--conf-file=/dev/null", f"--pid-file={_PID}", f"--interface={BRIDGE}", "--bind-interfaces",
             "--except-interface=lo", f"--listen-address={lab.gateway}", f"--domain={lab.domain}",
             f"--local=/{lab.domain}/", "--no-hosts", f"--addn-hosts={_HOSTS}", "--resolv-file=/etc/resolv.conf"]
        )  # fmt: skip
    except CommandFailedError as error:
        raise FleetError(f"no name service for the boxes: {error}") from None


def down() -> None:
    """Remove all of it; what is not there is no error."""
    pid = _dnsmasq()
    if pid:
        os.kill(pid, signal.SIGTERM)
    process.run(["nft", "delete", "table", "ip", TABLE], check=False)
    process.run(["ip", "link", "del", BRIDGE], check=False)
    for path in (_PID, _HOSTS):
        path.unlink(missing_ok=True)


def _dnsmasq() -> int | None:
    """The process id of the lab's own dnsmasq while it runs; another process under an old number does not count."""
    try:
        pid = int(_PID.read_text(encoding="utf-8"))
        command = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")
    except (FileNotFoundError, ValueError):
        return None
    return pid if str(_PID) in command else None


def outside_mtu() -> str:
    """The packet size of the way out: where it is below 1500, larger packets of the boxes would be lost."""
    route = process.run(["ip", "-4", "-o", "route", "get", "192.0.2.254"], check=False).stdout.split()
    if "dev" not in route:
        return "1500"
    return Path(f"/sys/class/net/{route[route.index('dev') + 1]}/mtu").read_text(encoding="utf-8").strip()
