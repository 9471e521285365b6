"""What somebody can do to a node who has taken one of its services over: as good as nothing."""

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
import taken_over
from conftest import DEPLOYED
from deployed import Deployed
from fleet_cli.lab import ssh
from fleet_cli.repository.labfile import Box, Lab

TAKE_LOCKS = """
import fcntl, json, os, sys
locked, wrote = [], []
for place in ("/run", "/run/lock", "/run/flask-microservice", f"/run/flask-microservice/{sys.argv[1]}"):
    try:
        with open(f"{place}/probe", "w"):
            wrote.append(place)
        os.unlink(f"{place}/probe")
    except OSError:
        pass
for place, _, names in os.walk("/run/flask-microservice"):
    for name in names:
        try:
            file = open(os.path.join(place, name))
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            locked.append(file)
        except OSError:
            pass
print(json.dumps({"wrote": wrote, "locked": [file.name for file in locked]}), flush=True)
sys.stdin.read()
"""
# As root: a switch of the service, while that is so.
SWITCH = """
import json, subprocess, sys
name, *attack = sys.argv[1:]
with subprocess.Popen(attack, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as attacker:
    said = json.loads(attacker.stdout.readline())
    switch = subprocess.run(["timeout", "20", "flask-microservice", "switch", name], capture_output=True, text=True)
    attacker.kill()
print(json.dumps({**said, "status": switch.returncode, "said": switch.stderr}))
"""
FILL_SHARED_MEMORY = """
import errno, json, os
told, written = "no error", 0
try:
    with open("/dev/shm/probe", "wb", buffering=0) as file:
        for _ in range(256):
            written += file.write(bytes(1 << 20))
except OSError as error:
    told = errno.errorcode[error.errno]
os.unlink("/dev/shm/probe")
print(json.dumps([told, written >> 20, os.listdir("/dev/shm")]))
"""
CONNECT = """
import json, socket, sys
reached = []
for address, port in json.loads(sys.argv[1]):
    try:
        socket.create_connection((address, port), timeout=1).close()
        reached.append(f"{address} {port}")
    except OSError:
        pass
print(json.dumps(reached))
"""
PORTS = (22, 80, 5432, 8140)
"""What listens on other boxes: sshd, the apt repository, PostgreSQL, the Puppet server."""


@pytest.fixture(scope="module")
def taken(staging: Box) -> Deployed:
    """A service that asks another one of its node."""
    found = [one for one in DEPLOYED if one.box == staging and one.parameters["config"].get("upstreams")]
    assert found, "no service of the staging node has an upstream"
    return found[0]


def test_it_holds_up_no_switch(taken: Deployed) -> None:
    before = f"/run/flask-microservice/{taken.name}.lock"  # the lock of an earlier version of the program
    node = taken.node
    node.check_output(f"flask-microservice switch {taken.name} && install -m 644 /dev/null {before}")
    try:
        attack = taken_over.command(taken, TAKE_LOCKS, taken.name)
        found = json.loads(ssh.run(taken.box, ["python3", "-c", SWITCH, taken.name, *attack]).stdout)
    finally:
        node.check_output(f"rm -f {before}")
    assert before in found["locked"], "this test shows nothing"
    assert (found["status"], found["said"]) == (0, ""), found
    assert found["wrote"] == []


def test_its_shared_memory_is_its_own_and_has_an_end(taken: Deployed) -> None:
    taken.node.check_output("touch /dev/shm/of-the-machine")
    try:
        told, mebibytes, seen = taken_over.run(taken, FILL_SHARED_MEMORY)
    finally:
        taken.node.check_output("rm /dev/shm/of-the-machine")
    assert "of-the-machine" not in seen
    assert (told, mebibytes) == ("ENOSPC", 64)


def test_it_connects_to_whom_it_declares_and_to_nothing_else(
    service: Deployed, lab: Lab, looked_up: dict[str, dict[str, Any]]
) -> None:
    """On its own node sshd and all other services listen at the address of its upstream."""
    boxes = {box.certname: box.address for box in lab.boxes}
    urls = [urlsplit(url) for url in service.parameters["config"].get("upstreams", {}).values()]
    declared = {(boxes.get(str(url.hostname), str(url.hostname)), url.port) for url in urls}
    if looked_up[service.box.name].get(service.name, {}).get("database"):
        declared |= {(box.address, 5432) for box in lab.nodes if (box.role, box.tier) == ("database", service.box.tier)}
    listens = {int(line.split()[3].rpartition(":")[2]) for line in service.node.check_output("ss -Hltn").splitlines()}
    assert 22 in listens
    others = {(box.address, port) for box in lab.boxes for port in PORTS} | {("127.0.0.1", port) for port in listens}
    reached = taken_over.run(service, CONNECT, json.dumps(sorted(others | declared)))
    assert set(reached) == {f"{address} {port}" for address, port in declared}


def test_what_its_node_keeps_it_from_is_kept_from_it_after_each_start(taken: Deployed) -> None:
    """Rules that somebody has removed, or a reboot, are there again before anything of a release runs."""
    node = taken.node
    node.check_output(f"nft delete table inet flask_microservice && systemctl restart {taken.instance}")
    assert taken_over.run(taken, CONNECT, json.dumps([["127.0.0.1", 22]])) == []
    assert node.check_output(f"flask-microservice status --json {taken.name}").count('"ready": true') == 1
