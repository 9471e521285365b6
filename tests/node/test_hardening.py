"""Daemons of the fleet may do no more than they do: whoever takes one over has that daemon and not the machine."""

import re
from pathlib import Path

import pytest
from deployed import LAB, connect
from fleet_cli.lab import ssh
from fleet_cli.repository.labfile import Box
from testinfra.host import Host

UNITS = [
    ("puppet", "puppetserver", "puppet"),
    ("puppet", "puppetdb", "puppetdb"),
    ("puppet", "postgresql@17-main", "postgres"),
    ("puppet", "nginx", "root"),
    ("puppet", "fleet-enrolment", "fleet-enrolment"),
    ("db1", "postgresql@17-main", "postgres"),
    ("lb1", "haproxy", "root"),
]
MOST_EXPOSED = 3.0
"""What `systemd-analyze security` says at most, from 0 to 10; Debian's units have 9.2 to 9.6."""
SECCOMP_FILTER = "2"
ORDER = """
import http.client, ssl, sys
server, authority, *own = sys.argv[1:]
trust = ssl.create_default_context(cafile=authority)
if own:
    trust.load_cert_chain(*own)
connection = http.client.HTTPSConnection(server, 8081, timeout=20, context=trust)
try:
    connection.request("POST", "/pdb/cmd/v1?command=deactivate_node&version=3&certname=guest.fleet.test", "{}")
    print(connection.getresponse().status)
except OSError as error:
    print(error)
"""
"""Order PuppetDB to forget a node that there is not; prints the status of its answer, or why there is none."""


@pytest.mark.parametrize(("name", "unit", "account"), UNITS, ids=[f"{unit}-on-{name}" for name, unit, _ in UNITS])
def test_a_daemon_runs_confined(name: str, unit: str, account: str) -> None:
    """It runs so now, and not only after somebody restarts it."""
    box = connect(next(box for box in LAB.boxes if box.name == name))
    said = box.run(f"systemd-analyze security --no-pager {unit}.service").stdout
    (exposure,) = re.findall(r"exposure level for \S+ (\d+\.\d)", said)
    assert float(exposure) <= MOST_EXPOSED
    box.check_output(f"systemctl start {unit}.service")  # one starts when it is asked
    pid = box.check_output(f"systemctl show --property=MainPID --value {unit}.service")
    status = dict(
        line.split(":\t", 1) for line in box.check_output(f"cat /proc/{pid}/status").splitlines() if ":\t" in line
    )
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", SECCOMP_FILTER)
    assert box.check_output(f"stat --format=%U /proc/{pid}") == account
    assert int(status["CapBnd"], 16) < 1 << 21, "it has root's greatest rights (CAP_SYS_ADMIN)"
    if account != "root":
        assert int(status["CapBnd"], 16) == 0
    assert box.run(f"nsenter --target {pid} --mount -- touch /etc/probe /usr/probe").rc != 0


def test_puppetdb_takes_orders_from_nobody_without_a_certificate_that_it_is_told_of(
    server: Host, staging: Box, tmp_path: Path
) -> None:
    """Any account of its machine could invent members of a balancer."""
    listening = server.check_output("ss --no-header --listening --numeric --tcp --processes")
    assert {line.split()[3].rpartition(":")[2] for line in listening.splitlines() if "java" in line} == {"8081", "8140"}
    here, node = "/run/orders", connect(staging)
    for name, directory in (("certificate", "certs"), ("key", "private_keys")):
        text = node.check_output(f"cat /var/lib/puppet/ssl/{directory}/{staging.certname}.pem")
        (tmp_path / name).write_text(f"{text}\n")
    (tmp_path / "order.py").write_text(ORDER)
    ssh.upload(LAB.server, tmp_path, here)
    try:
        server.check_output(
            f"cp /var/lib/puppet/ssl/certs/ca.pem {here} && chmod 755 {here} && chmod 644 {here}/ca.pem"
        )
        order = f"python3 {here}/order.py {LAB.server.certname} {here}/ca.pem"
        without = server.check_output(f"runuser -u nobody -- {order}")
        assert "CERTIFICATE_REQUIRED" in without.upper() or "ALERT" in without.upper(), without
        assert server.check_output(f"{order} {here}/certificate {here}/key") == "403"
    finally:
        server.run(f"rm -r {here}")


def test_the_puppet_server_writes_down_what_it_tells_nodes(server: Host) -> None:
    """A run that is under way in a deploy would have parts of two commits otherwise."""
    pid = server.check_output("systemctl show --property=MainPID --value puppetserver.service")
    as_it = f"nsenter --target {pid} --mount -- runuser -u puppet --"
    for directory in ("/var/lib/puppet-deploys/given", "/etc/puppet/puppetserver/ca/requests", "/var/log/puppetserver"):
        server.check_output(f"{as_it} sh -c 'touch {directory}/probe && rm {directory}/probe'")


def test_the_index_of_packages_is_signed_anew(server: Host) -> None:
    """Nodes would believe it no longer after two weeks."""
    assert server.service("fleet-repository-renew.timer").is_running
    server.check_output("systemctl start fleet-repository-renew.service")
    signed = server.check_output(
        "date --date \"$(sed -n 's/^Date: //p' /srv/apt/public/debian/dists/fleet/Release)\" +%s"
    )
    assert int(server.check_output("date +%s")) - int(signed) < 300
