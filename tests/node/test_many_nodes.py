"""A fleet of 200 nodes: a run over all of them opens a bounded number of connections, and takes a bounded memory."""

import json
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from deployed import LAB, REPO
from fleet_cli.fleet import agents
from fleet_cli.lab.boxes import NOT_SHARED
from fleet_cli.machine import paths
from workspace import Workspace

NODES = 200
CONNECTIONS = 64
MEBIBYTES = 300
LOOK_SECONDS = 0.2
AT_WORK = f"another run of the agent has gone on for {agents.LOCK_LIMIT_SECONDS} s"


@dataclass
class Peak:
    """The most that a program and those that it started had at a time."""

    connections: int = 0
    mebibytes: float = 0.0
    over: threading.Event = field(default_factory=threading.Event)

    def watch(self, pid: int) -> None:
        """Look again and again until it is over."""
        while not self.over.wait(LOOK_SECONDS):
            members = _below(pid)
            self.connections = max(self.connections, sum(_name(each) == "ssh" for each in members))
            self.mebibytes = max(self.mebibytes, sum(_kibibytes(each) for each in members) / 1024)


def _below(pid: int) -> list[int]:
    """A process and all that it, or one of these, has started."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            number, rest = int(stat.parent.name), stat.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        children.setdefault(int(rest.rpartition(")")[2].split()[1]), []).append(number)
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _kibibytes(pid: int) -> int:
    """Its own memory and its share of what it has in common with others."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


@pytest.mark.drill
def test_many_nodes(workspace: Workspace, tmp_path: Path) -> None:
    # Targets that are the same box take turns there: the more boxes, the sooner it ends.
    boxes = LAB.nodes
    text = NOT_SHARED + paths.SSH_CONFIG.read_text(encoding="utf-8")
    names = [f"target{number}.fleet.test" for number in range(NODES)]
    for number, name in enumerate(names):
        box = boxes[number % len(boxes)]
        text += text[text.index(f"Host {box.name} ") :].partition("\n\n")[0].replace(
            f"Host {box.name} {box.certname}", f"\nHost {name}"
        ) + "\n"  # fmt: skip
    (tmp_path / "ssh-config").write_text(text, encoding="utf-8")
    # PuppetDB knows nothing of these names: the list of the repository says them.
    (tmp_path / "fleet.yaml").write_text(
        f"server: {LAB.server.name}\nremote: nowhere\nssh_config: ssh-config\n"
        "puppetdb: {url: 'https://127.0.0.1:1', certificate: none.pem, key: none.key, authority: none.pem}\n",
        encoding="utf-8",
    )
    nodes = "".join(f"{name}: {{role: app, tier: production}}\n" for name in names)
    (workspace.directory / "nodes.yaml").write_text(nodes, encoding="utf-8")
    described = str(tmp_path / "fleet.yaml")
    command = [
        *("setpriv", "--pdeathsig", "TERM"),  # whoever ends the drill ends what it has started
        str(REPO / "scripts/fleet"),
        "-C",
        str(workspace.directory),
        "--fleet",
        described,
        "run",
        "--noop",
        "--json",
    ]
    peak = Peak()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        watching = threading.Thread(target=peak.watch, args=(child.pid,))
        watching.start()
        out, err = child.communicate()
        peak.over.set()
        watching.join()
    print(f"{NODES} nodes: at most {peak.connections} connections and {peak.mebibytes:.0f} MiB at a time")
    assert peak.connections <= CONNECTIONS
    assert peak.mebibytes <= MEBIBYTES
    runs = {run["node"]: run for run in json.loads(out)}
    # No machine of a real fleet has forty names: here a target may find its box at work for others all the time.
    busy = {name for name, run in runs.items() if run["outcome"] == "not run" and AT_WORK in "".join(run["errors"])}
    print(f"{len(busy)} of them have waited {agents.LOCK_LIMIT_SECONDS} s for others that are the same box")
    assert sorted(runs) == sorted(name.partition(".")[0] for name in names)
    wrong = {name: run for name, run in runs.items() if run["outcome"] not in ("unchanged", "would change")}
    assert wrong.keys() == busy, err
    assert len(busy) < NODES / 10
    assert child.returncode == (1 if busy else 0), err
