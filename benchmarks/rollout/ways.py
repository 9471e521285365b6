"""The ways in which a version comes to the nodes, each as somebody would type it."""

import json
import re
import resource
import shutil
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import yaml
from fleet_cli.lab import ssh
from fleet_cli.machine import paths, process
from fleet_cli.machine.errors import FleetError
from fleet_cli.repository.labfile import Box, Lab

from benchmarks.converge import desired, tools
from benchmarks.converge.desired import State

TIER = "production"
HERE = Path(__file__).resolve().parent
WAITS_AT_NOTHING = {"watch": 0, "canary": 1, "batch": "100%", "max_parallel": "100%", "no_traffic": "verify_only"}
"""Settings of the rollout: one node after the other, and no time of watching."""


@dataclass(frozen=True)
class Sample:
    """One change: seconds of wall clock until the last command has ended, and of CPU on this machine."""

    wall: float
    cpu: float


class Way(ABC):
    """A way to bring a version to the nodes.

    Attributes:
        key: what it is called on the command line.
        name: what it is called in the table.
        prefix: of the names of its set of services.
    """

    key: ClassVar[str]
    name: ClassVar[str]
    prefix: ClassVar[str]

    @abstractmethod
    def declare(self, version: int) -> None:
        """Write down which version is wanted; nothing happens on a node."""

    @abstractmethod
    def commands(self) -> list[list[str]]:
        """What is typed, one after the other."""

    @abstractmethod
    def serves(self, box: Box, version: int) -> bool:
        """Whether a node serves a version."""

    def run(self, boxes: Sequence[Box], version: int) -> Sample:
        """Bring a version to the nodes.

        Raises:
            FleetError: a command failed, or a node does not serve the version afterwards.
        """
        self.declare(version)
        before, began = _cpu(), time.monotonic()
        for command in self.commands():
            self._one(command)
        sample = Sample(time.monotonic() - began, _cpu() - before)
        if missing := [box.name for box in boxes if not self.serves(box, version)]:
            raise FleetError(f"{self.name}: {', '.join(missing)} does not serve version {version}.0-1")
        return sample

    def _one(self, command: list[str]) -> None:
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            tail = "\n".join((done.stdout + done.stderr).splitlines()[-30:])
            raise FleetError(f"{self.name}: {' '.join(command)} ended with status {done.returncode}:\n{tail}")


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Control:
    """A clone of the control repository that declares the benchmark's service on the nodes of production."""

    def __init__(self, directory: Path, boxes: Sequence[Box]) -> None:
        self.directory = directory
        self._nodes = [box.certname for box in boxes]
        process.run(["git", "clone", "--quiet", "--shared", paths.control_repo(), directory])
        tier = directory / f"hieradata/tiers/{TIER}.yaml"
        said = yaml.safe_load(tier.read_text(encoding="utf-8"))
        said |= {f"profile::rollout::{key}": value for key, value in WAITS_AT_NOTHING.items()}
        tier.write_text(yaml.safe_dump(said, explicit_start=True), encoding="utf-8")

    def commit(self, state: State) -> None:
        """Commit the state."""
        data: dict[str, Any] = yaml.safe_load(desired.hiera(state, "", 0))
        del data["flask_microservice::apt_source"]  # from the fleet's own repository, as every service
        for service in data["flask_microservice::services"].values():
            service["nodes"] = self._nodes
        file = self.directory / "hieradata/services/benchmark.yaml"
        file.write_text(yaml.safe_dump(data, explicit_start=True), encoding="utf-8")
        git = ["git", "-C", str(self.directory), "-c", "user.name=benchmark", "-c", "user.email=root@localhost"]
        process.run([*git, "add", "--all"])
        process.run([*git, "commit", "--quiet", "--message", f"Version {state.version} of the benchmark"])

    def fleet(self, *arguments: str) -> list[str]:
        """A command line of fleet on this clone."""
        return [str(paths.control_repo() / "scripts/fleet"), "-C", str(self.directory), *arguments]


class _Fleet(Way):
    prefix = desired.MODULE_SET

    def __init__(self, control: Control, boxes: Sequence[Box]) -> None:
        self.control, self.boxes = control, boxes

    def declare(self, version: int) -> None:
        """Commit it."""
        self.control.commit(State(self.prefix, 1, version=version))

    def serves(self, box: Box, version: int) -> bool:
        """As the node's own program says it."""
        (service,) = State(self.prefix, 1).services
        asked = ssh.run(box, ["flask-microservice", "status", "--json", service.name], check=False)
        return asked.returncode == 0 and str(json.loads(asked.stdout)[0]["release"]).startswith(f"{version}.0-1.")


class Rollout(_Fleet):
    """Push, then node by node with all checks between them."""

    key = name = "rollout"

    def commands(self) -> list[list[str]]:
        """One."""
        return [self.control.fleet("rollout", "--why", "benchmark")]


class Runs(_Fleet):
    """A deploy, then a run on each node in turn: nothing is judged, and nothing would go back."""

    key = "runs"
    name = "deploy, then runs in turn"

    def commands(self) -> list[list[str]]:
        """The deploy, and a run for each node."""
        return [self.control.fleet("deploy"), *(self.control.fleet("run", box.name) for box in self.boxes)]


class Rolling(Way):
    """Ansible's `serial: 1`, as fast as people make it: facts off, pipelining on, one ssh connection a node."""

    key = "ansible"
    name = "Ansible, serial: 1"
    prefix = desired.TOOLS_SET
    kind: ClassVar[type[tools.Ansible]] = tools.Ansible
    playbook = "rolling.yml"

    def __init__(self, lab: Lab, boxes: Sequence[Box], work: Path, venv: Path) -> None:
        self.boxes = boxes
        self._ansible = self.kind(lab, boxes[0], work, venv)

    @property
    def _directory(self) -> Path:
        return self._ansible.directory

    def declare(self, version: int) -> None:
        """Write its variables."""
        self._ansible.declare(State(self.prefix, 1, version=version))
        shutil.copy(HERE / "rolling.yml", self._directory)
        hosts = [f"{box.name} ansible_python_interpreter=/usr/bin/python3\n" for box in self.boxes]
        (self._directory / "inventory").write_text("".join(hosts), encoding="utf-8")

    def commands(self) -> list[list[str]]:
        """One."""
        environment = [f"{name}={value}" for name, value in self._ansible.environment().items()]
        program = str(self._ansible.venv / "bin/ansible-playbook")
        play = [program, "--inventory", "inventory", self.playbook]
        return [["env", "--chdir", str(self._directory), *environment, *play]]

    def set_up(self, version: int) -> None:
        """The first version, with user, config and unit, by the playbook of benchmarks/converge."""
        self.declare(version)
        self.playbook = "playbook.yml"
        for command in self.commands():
            self._one(command)
        self.playbook = "rolling.yml"

    def serves(self, box: Box, version: int) -> bool:
        """The package is installed, and the service was started after that and answers."""
        (service,) = State(self.prefix, 1).services
        asked = f"dpkg-query --show {service.name} && curl --silent --fail http://127.0.0.1:{service.port}/"
        said = ssh.run(box, ["sh", "-c", asked], check=False)
        return said.returncode == 0 and bool(re.search(rf"\t{version}\.0-1\n", said.stdout))


class RollingMitogen(Rolling):
    """The same with Mitogen's strategy."""

    key = "mitogen"
    name = "Ansible + Mitogen, serial: 1"
    kind = tools.Mitogen
