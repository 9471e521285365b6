"""`fleet rollout` as an operator types it, on the production nodes of the lab, and what is there afterwards."""

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from deployed import FLEET, LAB, REPO, TO_LEAVE, connect
from fleet_cli.fleet import puppetdb
from fleet_cli.lab import ca, laboratory, ssh
from fleet_cli.lab.boxes import Boxes
from fleet_cli.repository import labfile
from fleet_cli.repository.labfile import Box
from load import CLIENTS, Load, Trust
from releases import Node, variant
from workspace import Fleet, Workspace

SERVICE = "inventory"
ANSWERS = "/var/lib/puppet-deploys/answers.json"
BALANCER = next(box for box in LAB.nodes if (box.role, box.tier) == ("load_balancer", "production"))
DONE, TAKEN_BACK, PAUSED = 0, 1, 3
"""The exit statuses of a rollout."""


def app_nodes(boxes: Sequence[Box], tier: str = "production") -> list[Box]:
    """The boxes of a tier that run services."""
    return [box for box in boxes if (box.role, box.tier) == ("app", tier)]


def load(clients: int = CLIENTS) -> Load:
    """Clients of the service, at the balancer of production; half of them keep their connection."""
    (port,) = (one["port"] for one in puppetdb.balanced_services(FLEET)[BALANCER.certname] if one["name"] == SERVICE)
    trust = Trust(ca.context(LAB), BALANCER.certname)
    return Load(f"https://{BALANCER.address}:{port}/api/v1/items", keep_alive=None, trust=trust, clients=clients)


@dataclass(frozen=True)
class Rollouts:
    """The command in a clone, and the nodes of production.

    Attributes:
        workspace: the clone.
        boxes: the nodes of production that run services.
        scratch: a directory for packages.
    """

    workspace: Workspace
    boxes: Sequence[Box]
    scratch: Path
    settings: Mapping[str, Any] = field(
        default_factory=lambda: {"canary": 1, "watch": 10, "deadline": 240, "least_requests": 50}
    )

    def publish(self, versions: Mapping[str, Callable[[Path], None]]) -> None:
        """Publish changed packages of the service, by version."""
        package = laboratory.package(next(one for one in LAB.services if one.name == SERVICE))
        files = [variant(package, version, change, self.scratch) for version, change in versions.items()]
        self.workspace.fleet.ok("publish", *map(str, files))

    def pin(self, version: str, *, tiers: Sequence[str] = ("production",)) -> None:
        """Commit a version for tiers, with the settings of these tests."""
        for tier in tiers:
            path = f"hieradata/tiers/{tier}.yaml"
            data = yaml.safe_load(self.workspace.read(path))
            data["flask_microservice::versions"][SERVICE] = version
            data |= {f"profile::rollout::{name}": value for name, value in self.settings.items()}
            self.workspace.commit(path, yaml.safe_dump(data))

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.workspace.fleet(*arguments)

    @contextmanager
    def begun(self, why: str) -> Iterator["subprocess.Popen[str]"]:
        """A rollout that goes on beside the test; ended with it."""
        assert TO_LEAVE, "fleet rollout: mark this test with `deploys`"
        command = [str(REPO / "scripts/fleet"), "-C", str(self.workspace.directory), "rollout", "--why", why]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as child:
            try:
                yield child
            finally:
                child.kill()

    def status(self) -> Any:
        """What `fleet rollout status --json` prints."""
        return json.loads(self("rollout", "status", "--json").stdout)

    def releases(self) -> dict[str, str]:
        """The release that serves on each node, by the name of its box."""
        return {box.name: Node(box, SERVICE).release for box in self.boxes}

    def serving(self, version: str) -> list[str]:
        """The names of the boxes that serve a version."""
        return [name for name, release in self.releases().items() if release.startswith(f"{version}.")]

    def had(self, version: str, since: float) -> list[str]:
        """The names of the boxes on which a version was started, if only to try it, since a time (time.time())."""
        asked = f"journalctl -q --no-pager -o cat -n 1 --since=@{since:.0f} -u '{SERVICE}*@{version}.*'"
        return [box.name for box in self.boxes if connect(box).run(asked).stdout.strip()]


def under_way() -> Mapping[str, Any]:
    """The rollouts that the server has to answer for, by tier."""
    answers: Mapping[str, Any] = json.loads(connect(LAB.server).file(ANSWERS).content_string)
    found: Mapping[str, Any] = answers.get("rollouts", {})
    return found


def given(box: Box) -> str:
    """The environment of the catalog that a node applied last."""
    read = "sed -n 's/^  converged_environment: //p' /var/cache/puppet/public/last_run_summary.yaml"
    return str(connect(box).check_output(read))


@contextmanager
def more_nodes(directory: Path, names: Sequence[str] = ("app3", "app4")) -> Iterator[tuple[Workspace, Sequence[Box]]]:
    """The lab with more nodes in production, which go afterwards: a clone whose lab.yaml has them, and all app nodes.

    Vagrant reads the lab.yaml beside the program that calls it, so it is the clone's that brings them up.
    """
    clone = Workspace.clone(directory)
    before = app_nodes(LAB.nodes)[-1]
    start, _, last = before.address.rpartition(".")
    text = clone.read("lab.yaml")
    (line,) = (line for line in text.splitlines() if f"name: {before.name}," in line)
    lines = [line]
    for number, name in enumerate(names, 1):
        lines.append(line.replace(before.name, name).replace(before.address, f"{start}.{int(last) + number}"))
    clone.commit("lab.yaml", text.replace(line, "\n".join(lines)))
    (directory / ".venv").symlink_to(REPO / ".venv")
    lab = labfile.load(directory / "lab.yaml")
    new = [box for box in lab.nodes if box.name in names]
    try:
        subprocess.run([directory / "scripts/fleet", "lab", "up"], check=True, timeout=1800)
        yield clone, app_nodes(lab.nodes)
    finally:
        Boxes(lab).remove(new)
        for box in new:
            ssh.run(LAB.server, ["puppetserver", "ca", "clean", "--certname", box.certname], check=False)
            ssh.run(LAB.server, ["puppet", "node", "deactivate", box.certname], check=False)
        # Who has collected what they exported: the balancer, and the server of databases.
        Fleet().ok("run", *(box.name for box in LAB.nodes if box.role in ("load_balancer", "database")))
