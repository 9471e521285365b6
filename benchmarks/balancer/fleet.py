"""A balancer and two nodes on the loopback, as the catalogs of a commit configure them."""

import csv
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fleet_cli.machine import process, steps
from fleet_cli.machine.errors import FleetError
from fleet_cli.roots import forge, rootfs

from tests import new_secrets
from tests.catalog.catalogs import Catalog, Node, compile_nodes

REPO = Path(__file__).resolve().parents[2]
BALANCER = "127.0.0.1"
NODES = ("127.0.0.2", "127.0.0.3")
SERVICES = {"slow": 17001, "other": 17002}
HIERA = {
    "services/orders.yaml": "---\n{}\n",
    "services/inventory.yaml": "---\n{}\n",
    "services/benchmark.yaml": (
        "---\nflask_microservice::services:\n"
        + "".join(
            f"  {name}: {{port: {port}, version: '1.0-1', application: 'application:application'}}\n"
            for name, port in SERVICES.items()
        )
        + "flask_microservice::versions: {}\n"
    ),
    "tiers/benchmark.yaml": (
        "---\nflask_microservice::balancers: [127.0.0.1]\n"
        "profile::load_balancer::clients: [127.0.0.0/8]\nprofile::load_balancer::tls: false\n"
    ),
}


@dataclass(frozen=True)
class Configured:
    """What the catalogs of a commit say.

    Attributes:
        commit: its name; nothing for the tree as it is.
        haproxy: HAProxy's configuration.
        services: for each, the variables, and the arguments of gunicorn.
        gunicorn: its settings, as a file.
        balancers: the file that says who is a balancer; empty before there was one.
    """

    commit: str
    haproxy: str
    services: dict[str, tuple[dict[str, str], list[str]]]
    gunicorn: str
    balancers: str


def configured(commit: str, work: Path) -> Configured:
    """Compile the catalogs of a commit, or of this tree, for two nodes and a balancer.

    Raises:
        FleetError: one of them does not compile, or there is no such commit.
    """
    tree = work / f"control-{commit or 'this'}"
    tree.mkdir()
    if commit:
        process.run(["git", "-C", REPO, "archive", "-o", work / "tree.tar", commit])
        process.run(["tar", "-x", "-C", tree, "-f", work / "tree.tar"])
    else:
        listed = process.run(["git", "-C", REPO, "ls-files", "-co", "--exclude-standard", "-z"]).stdout
        for name in filter(None, listed.split("\0")):
            if (REPO / name).is_file():
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(REPO / name, tree / name)
    with forge.serving() as url:
        (tree / "r10k.yaml").write_text(f"forge:\n  baseurl: {url}\n", encoding="utf-8")
        install = "cd /repo && r10k puppetfile install --config r10k.yaml"
        rootfs.run("toolbox", ["sh", "-c", install], binds={tree: "/repo"})
    keys = work / f"keys-{commit or 'this'}"
    keys.mkdir()
    new_secrets.new_keys(keys)
    nodes = [_node(f"node{number}", "app", address) for number, address in enumerate(NODES)]
    *apps, balancer = compile_nodes([*nodes, _node("balancer", "load_balancer", BALANCER)], tree, keys)
    for catalog in (*apps, balancer):
        if catalog.error:
            raise FleetError(f"a catalog of {commit or 'this tree'} does not compile: {catalog.error}")
    gunicorn = (tree / "modules/flask_microservice/files/gunicorn.conf.py").read_text(encoding="utf-8")
    services = {name: _command(apps[0], name) for name in SERVICES}
    files = [one for one in apps[0] if one.reference == "File[/etc/flask-microservice/balancers]"]
    balancers = "".join(one["content"] for one in files)
    return Configured(commit, _on_loopback(balancer), services, gunicorn, balancers)


def _node(name: str, role: str, address: str) -> Node:
    names = {"hostname": name, "domain": "example.test", "fqdn": f"{name}.example.test", "ip": address}
    # No machine is reached at a loopback address, unless it says so.
    own = f"---\nprofile::load_balancer::members::address: {address}\n"
    hiera = HIERA | {f"nodes/{name}.example.test.yaml": own}
    return Node(f"{name}.example.test", role, "benchmark", hiera=hiera, facts={"networking": names})


def _on_loopback(balancer: Catalog) -> str:
    """HAProxy's configuration, with nothing changed but where it listens."""
    fragments = [
        one
        for one in balancer
        if one.reference.startswith("Concat::Fragment[") and one["target"] == "/etc/haproxy/haproxy.cfg"
    ]
    text = "".join(one["content"] for one in sorted(fragments, key=lambda one: str(one["order"])))
    return re.sub(r"bind :(\d+),\S+ v6only", rf"bind {BALANCER}:\1", text)


def _command(node: Catalog, name: str) -> tuple[dict[str, str], list[str]]:
    """The variables of a service's unit, and what it tells gunicorn."""
    text = node[f"File[/etc/systemd/system/{name}@.service]"]["content"]
    variables = dict(re.findall(r'^Environment="?(FLASK_MICROSERVICE_\w+)=([^"\n]*)', text, re.MULTILINE))
    (line,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    (backlog,) = re.findall(r"^Backlog=(\d+)$", text, re.MULTILINE)
    words = shlex.split(line)
    told = [word for option in ("--workers", "--threads", "--graceful-timeout") if option in words
            for word in (option, words[words.index(option) + 1])]  # fmt: skip
    return variables, [*told, "--backlog", backlog, "--no-control-socket", "--preload"]


@dataclass
class Running:
    """The balancer and its nodes while they run.

    Attributes:
        down: for how many seconds each node was not UP since `down` was last cleared, by service and node.
    """

    socket: Path
    down: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)

    def states(self) -> dict[str, str]:
        """What HAProxy says of each node."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asked:
            asked.connect(str(self.socket))
            asked.sendall(b"show stat\n")
            said = b""
            while more := asked.recv(65536):
                said += more
        rows = csv.DictReader(said.decode().removeprefix("# ").splitlines())
        return {
            f"{row['pxname']} {row['svname']}": row["status"].split()[0]
            for row in rows
            if row["pxname"] in SERVICES and row["svname"] not in ("FRONTEND", "BACKEND")
        }

    def wait(self) -> None:
        """Wait until all nodes are UP.

        Raises:
            FleetError: they are not within a minute.
        """
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                states = self.states()
            except OSError:
                states = {}
            if states and set(states.values()) == {"UP"}:
                return
            time.sleep(0.2)
        raise FleetError(f"the nodes are not up within a minute: {states}")

    def watch(self) -> None:
        """Look at the nodes from now on."""
        self._watch.start()

    def stop(self) -> None:
        """Look no longer."""
        self._over.set()
        self._watch.join()

    def _look(self) -> None:
        last = time.monotonic()
        while not self._over.wait(0.2):
            now = time.monotonic()
            for name, state in self.states().items():
                if state != "UP":
                    self.down[name] = self.down.get(name, 0.0) + now - last
            last = now


@contextmanager
def running(its: Configured, work: Path) -> Iterator[Running]:
    """HAProxy in a throw-away Debian 13, and gunicorn beside it, until the block is left."""
    place = work / f"run-{its.commit or 'this'}"
    place.mkdir()
    (place / "haproxy.cfg").write_text(its.haproxy, encoding="utf-8")
    (place / "gunicorn.conf.py").write_text(its.gunicorn, encoding="utf-8")
    (place / "balancers").write_text(its.balancers, encoding="utf-8")
    (place / "sockets").mkdir()
    with ExitStack() as stack:
        log = stack.enter_context((place / "log").open("w"))
        for name, port in SERVICES.items():
            variables, arguments = its.services[name]
            for address in NODES:
                command = [sys.executable, "-m", "gunicorn", "--config", str(place / "gunicorn.conf.py"), *arguments,
                           "--bind", f"{address}:{port}", "benchmarks.balancer.application:application"]  # fmt: skip
                own = {**os.environ, **variables, "FLASK_MICROSERVICE_BALANCERS": str(place / "balancers")}
                child = subprocess.Popen(command, cwd=REPO, env=own, stderr=log, stdout=log)
                stack.callback(_end, child)
        binds = {place: "/benchmark", place / "sockets": "/run/haproxy"}
        # As a shell's child: HAProxy changes its user, and would outlive what started it.
        command = ["sh", "-c", "haproxy -db -f /benchmark/haproxy.cfg & wait"]
        stack.enter_context(rootfs.started("node", command, stderr=log, binds=binds))
        fleet = Running(place / "sockets/root.sock")
        with steps.step("all nodes are up"):
            fleet.wait()
        fleet.watch()
        stack.callback(fleet.stop)
        yield fleet


def _end(child: "subprocess.Popen[bytes]") -> None:
    child.terminate()
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
