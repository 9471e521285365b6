"""The tools, each as it is run by people who want it fast."""

import json
import os
import re
import shutil
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from fleet_cli.fleet import deploying
from fleet_cli.lab import description, ssh
from fleet_cli.machine import paths, process
from fleet_cli.machine.errors import FleetError
from fleet_cli.repository.labfile import Box, Lab

from benchmarks.converge import desired, meter
from benchmarks.converge.desired import State
from benchmarks.converge.meter import Sample

ENVIRONMENT = "benchmark"
ON_NODE = "/opt/fleet-benchmark"
APT_SOURCE = "/etc/apt/sources.list.d/fleet-benchmark.sources"
STATES = Path(__file__).resolve().parent / "states"

LOCK_OPTIONS = "--waitforlock=1 --maxwaitforlock=300"
"""Those of fleet-run."""


class Tool(ABC):
    """One tool: what it is told, how it is run, and how it says how much it changed."""

    name: ClassVar[str]
    prefix: ClassVar[str] = desired.TOOLS_SET

    def __init__(self, lab: Lab, box: Box, work: Path, venv: Path, watch: int = 0) -> None:
        self.lab = lab
        self.box = box
        self.watch = watch
        self.directory = work / type(self).__name__.lower()
        self.venv = venv
        self.server: Box | None = None

    def declare(self, state: State) -> None:
        """Tell the tool the state; nothing happens on the node."""
        shutil.rmtree(self.directory, ignore_errors=True)
        shutil.copytree(STATES, self.directory)
        services = [service.as_dict() for service in state.services]
        (self.directory / "services.json").write_text(json.dumps({"services": services}), encoding="utf-8")

    @abstractmethod
    def command(self) -> list[str]:
        """What an operator would type."""

    def environment(self) -> dict[str, str]:
        """The environment of the command."""
        return {"PATH": os.environ["PATH"], "HOME": "/root", "LC_ALL": "C.UTF-8"}

    @abstractmethod
    def changes(self, done: "subprocess.CompletedProcess[str]") -> int | None:
        """How many changes the run made by its own account; None if it failed."""

    def run(self, expect_changes: bool) -> Sample:
        """Bring the node into the declared state.

        Raises:
            FleetError: it failed, or changed something although nothing was to change, or the other way round.
        """
        sample, done = meter.measure(self.command(), self.box, self.server, self.environment(), self.directory)
        changes = self.changes(done)
        if changes is None or (changes > 0) != expect_changes:
            wanted = "changes" if expect_changes else "no change"
            tail = "\n".join((done.stdout + done.stderr).splitlines()[-30:])
            raise FleetError(f"{self.name}: expected {wanted}, it made {changes} (status {done.returncode}):\n{tail}")
        return sample


class Puppet(Tool):
    """The agent, with the module and the profiles of this repository, through the lab's Puppet server."""

    name = "Puppet"
    prefix = desired.MODULE_SET
    agent = "$(command -v puppet-run || echo puppet agent --test)"

    def __init__(self, lab: Lab, box: Box, work: Path, venv: Path, watch: int = 0) -> None:
        super().__init__(lab, box, work, venv, watch)
        self.server = lab.server
        self.directory.mkdir(parents=True)
        self._repository = self.directory / "control"
        process.run(["git", "clone", "--quiet", "--shared", paths.control_repo(), self._repository])
        process.run(["git", "-C", self._repository, "checkout", "--quiet", "-B", ENVIRONMENT])
        for file in (self._repository / "hieradata/services").glob("*.yaml"):
            file.unlink()  # the node's own services: the catalog is to have those of the benchmark only

    def declare(self, state: State) -> None:
        """Commit the state, deploy it on a branch of its own, and have the node be given that."""
        file = self._repository / "hieradata/services/benchmark.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(desired.hiera(state, APT_SOURCE, self.watch), encoding="utf-8")
        git = ["git", "-C", str(self._repository), "-c", "user.name=benchmark", "-c", "user.email=root@localhost"]
        process.run([*git, "add", "--all"])
        process.run([*git, "commit", "--quiet", "--allow-empty", "--message", "State of the benchmark"])
        deploying.deploy(description.of(self.lab), self._repository, ENVIRONMENT)
        deploying.try_on(description.of(self.lab), self._repository, [self.box], ENVIRONMENT, "1d")

    def command(self) -> list[str]:
        """The same agent as `fleet run` starts."""
        options = f"--color=false {LOCK_OPTIONS}"
        remote = f"sudo sh -c 'LC_ALL=C.UTF-8 {self.agent} {options}'"
        return [*ssh.command(self.box), remote]

    def changes(self, done: "subprocess.CompletedProcess[str]") -> int | None:
        """The status says whether something was changed."""
        return {0: 0, 2: 1}.get(done.returncode)


class PlainPuppet(Puppet):
    """The same agent from nothing, as the other tools start."""

    name = "Puppet, not preloaded"
    agent = "puppet agent --test"


class Salt(Tool):
    """Masterless: the states are on the node already."""

    name = "salt-call --local"

    def declare(self, state: State) -> None:
        """Put the states on the node."""
        super().declare(state)
        ssh.upload(self.box, self.directory, f"{ON_NODE}/states")

    def command(self) -> list[str]:
        """salt-call over ssh, as the agent's."""
        call = (
            f"{ON_NODE}/salt/bin/salt-call --local --config-dir {ON_NODE}/salt-config --file-root {ON_NODE}/states"
            " --out json --retcode-passthrough state.apply services"
        )
        return [*ssh.command(self.box), f"sudo env LC_ALL=C.UTF-8 {call}"]

    def changes(self, done: "subprocess.CompletedProcess[str]") -> int | None:
        """Each state says what it changed."""
        if done.returncode != 0:
            return None
        return sum(bool(state["changes"]) for state in json.loads(done.stdout)["local"].values())


class Ansible(Tool):
    """Pipelining on, facts off, one ssh connection for all."""

    name = "Ansible"

    def command(self) -> list[str]:
        """ansible-playbook on an inventory of one node."""
        (self.directory / "inventory").write_text(
            f"{self.box.name} ansible_python_interpreter=/usr/bin/python3\n", encoding="utf-8"
        )
        return [str(self.venv / "bin/ansible-playbook"), "--inventory", "inventory", "playbook.yml"]

    def environment(self) -> dict[str, str]:
        """Its settings are in ansible.cfg of the states; no other file of this machine counts."""
        return {
            **super().environment(),
            "ANSIBLE_CONFIG": "ansible.cfg",
            "ANSIBLE_SSH_ARGS": f"-F {paths.SSH_CONFIG} -o ControlMaster=auto -o ControlPersist=60s",
        }

    def changes(self, done: "subprocess.CompletedProcess[str]") -> int | None:
        """The recap has the number of changed tasks."""
        recap = re.search(r"changed=(\d+)", done.stdout)
        return int(recap[1]) if done.returncode == 0 and recap else None


class Mitogen(Ansible):
    """Ansible with Mitogen's strategy: one Python on the node that all tasks run in."""

    name = "Ansible + Mitogen"

    def environment(self) -> dict[str, str]:
        """Ansible's, with the strategy."""
        (plugins,) = self.venv.glob("lib/python*/site-packages/ansible_mitogen/plugins/strategy")
        return {
            **super().environment(),
            "ANSIBLE_STRATEGY_PLUGINS": str(plugins),
            "ANSIBLE_STRATEGY": "mitogen_linear",
        }


class Pyinfra(Tool):
    """pyinfra over its own ssh connection."""

    name = "pyinfra"

    def command(self) -> list[str]:
        """A deploy on an inventory of one node."""
        # What ssh makes of its configuration: pyinfra's own reader is stricter.
        said = process.run(["ssh", "-G", *ssh.command(self.box)[1:]]).stdout.splitlines()
        settings = dict(line.split(" ", 1) for line in said if " " in line)
        data = {
            "ssh_hostname": settings["hostname"],
            "ssh_port": int(settings["port"]),
            "ssh_user": settings["user"],
            "ssh_key": settings["identityfile"],
            "ssh_strict_host_key_checking": "no",
            "ssh_known_hosts_file": "/dev/null",
            "_sudo": True,
        }
        (self.directory / "inventory.py").write_text(f"node = [({self.box.name!r}, {data!r})]\n", encoding="utf-8")
        return [str(self.venv / "bin/pyinfra"), "--yes", "inventory.py", "deploy.py"]

    def changes(self, done: "subprocess.CompletedProcess[str]") -> int | None:
        """The grand total has the number of operations that changed something; a dash is none."""
        total = re.search(r"Grand total\s+\d+\s+(\d+|-)", done.stdout + done.stderr)
        if done.returncode != 0 or not total:
            return None
        return 0 if total[1] == "-" else int(total[1])


ALL: tuple[type[Tool], ...] = (Puppet, PlainPuppet, Salt, Mitogen, Pyinfra, Ansible)
