"""Daemons of the fleet may do no more than they do: whoever takes one over has that daemon and not the machine."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
import urllib3
from conftest import DEPLOYED
from deployed import LAB, connect
from fleet_cli.lab import ca, ssh
from fleet_cli.repository.labfile import Box
from testinfra.host import Host
from upload import BODY
from waiting import wait_for

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

SLOW_SENDERS = """
import socket, sys, time
address, port, number, seconds, kind = sys.argv[1], *map(int, sys.argv[2:5]), sys.argv[5]
begin = "POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Type: application/json\\r\\nX: y"
if kind != "headers":
    begin += "\\r\\nContent-Length: " + {"body": "1000", "long body": "10000000"}[kind] + "\\r\\n\\r\\n{"
end, opened = time.monotonic() + seconds, []
while time.monotonic() < end:
    while len(opened) < number:
        opened.append(socket.create_connection((address, port), 5))
        opened[-1].sendall(begin.encode())
    open("/run/slow/begun", "w").close()
    time.sleep(0.5)
    for one in list(opened):
        try:
            one.sendall(b" ")
        except OSError:
            opened.remove(one)
"""
"""For some seconds, so many clients that each send a request of which the end does not come, and come again when they
are turned away."""

GREEDY_CLIENT = """
import socket, sys, time
kind, number, *nodes = sys.argv[1:]
head = "Host: a\\r\\nContent-Type: application/json\\r\\n"
begin, more = {
    "long bodies": (f"POST / HTTP/1.1\\r\\n{head}Content-Length: 100000000\\r\\n\\r\\n{{", " "),
    "unread answers": ("", f"GET /openapi.json HTTP/1.1\\r\\n{head}\\r\\n" * 1000),
}[kind]
opened = {node: {} for node in nodes}
begun = False
while True:
    for node, its in opened.items():
        while len(its) < int(number):
            one = socket.socket()
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.settimeout(5)
            address, port = node.rsplit(":", 1)
            one.connect((address, int(port)))
            one.setblocking(False)
            its[one] = begin.encode()
        for one, rest in list(its.items()):
            rest = rest or more.encode()
            try:
                its[one] = rest[one.send(rest):]
            except BlockingIOError:
                pass
            except OSError:
                del its[one]
                one.close()
    time.sleep(0.5)
    if not begun:
        begun = True
        print("begun", flush=True)
"""
"""So many connections to each of some nodes, from one machine, that do their worst until it is ended."""


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
        # The server says why and closes; what the client sends at that moment finds the connection closed.
        ended = ("CERTIFICATE_REQUIRED", "ALERT", "BROKEN PIPE", "RESET")
        assert any(why in without.upper() for why in ended), without
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


@pytest.mark.parametrize("kind", ["headers", "body", "long body"])
def test_slow_clients_of_a_service_keep_nobody_from_it(kind: str, tmp_path: Path) -> None:
    """64 of them had each node's service for themselves, for as long as they liked."""
    attacker = next(one for one in LAB.nodes if one.role == "load_balancer")  # other nodes are not let in at all
    here = [one for one in DEPLOYED if one.box.tier == attacker.tier and "port" in one.parameters]
    service = next(one for one in here if one.from_template)
    (tmp_path / "slow.py").write_text(SLOW_SENDERS)
    ssh.upload(attacker, tmp_path, "/run/slow")
    arguments = f"{service.box.address} {service.parameters['port']} 64 20 '{kind}'"
    node = connect(attacker)
    command = f"systemd-run --quiet --collect --unit=slow-senders python3 /run/slow/slow.py {arguments}"
    answered = []
    try:
        node.check_output(command)
        wait_for(lambda: node.file("/run/slow/begun").exists, "all have begun")
        for _ in range(50):
            answered.append(requests.get(service.health_url, timeout=5).status_code)
            # A body that is whole, from another address, of which the service says what is wrong.
            said = requests.post(f"{service.url}/nosuch", json={}, timeout=5)
            answered.append(said.status_code)
        assert node.run("systemctl is-active slow-senders.service").rc == 0, "they were gone before the end"
    finally:
        node.run("systemctl stop slow-senders.service; rm -r /run/slow")
    assert answered == [200, 404] * 50


@pytest.mark.parametrize("kind", ["long bodies", "unread answers"])
def test_one_direct_client_of_all_nodes_keeps_no_client_of_the_balancer_waiting(kind: str) -> None:
    """This machine is let in, as another node could be: it had all threads of a service, or all places for uploads."""
    balancer = next(one for one in LAB.nodes if one.role == "load_balancer")
    here = [one for one in DEPLOYED if one.box.tier == balancer.tier and "port" in one.parameters]
    name = next(one.name for one in here if one.from_template)
    nodes = [f"{one.box.address}:{one.parameters['port']}" for one in here if one.name == name]
    port = nodes[0].rpartition(":")[2]
    client = urllib3.PoolManager(
        ssl_context=ca.context(LAB), server_hostname=balancer.certname, assert_hostname=balancer.certname, retries=False
    )
    url, json = f"https://{balancer.address}:{port}/api/v1/items", {"Content-Type": "application/json"}
    asked, uploaded = [], []
    with subprocess.Popen(
        [sys.executable, "-c", GREEDY_CLIENT, kind, "64", *nodes], stdout=subprocess.PIPE, text=True
    ) as attacker:
        try:
            assert attacker.stdout
            assert attacker.stdout.readline() == "begun\n"
            end = time.monotonic() + 15
            while time.monotonic() < end:
                asked.append(client.request("GET", url, timeout=5).status)
                uploaded.append(client.request("POST", url, body=BODY, headers=json, timeout=5).status)
            assert attacker.poll() is None, "it was gone before the end"
        finally:
            attacker.kill()
    assert (set(asked), set(uploaded)) == ({200}, {400})
