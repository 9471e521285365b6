"""Deploys while agents run: each commit has its number in a manifest, a value of Hiera, a file and a plugin."""

import shlex
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from deployed import connect
from fleet_cli.fleet import agents
from fleet_cli.lab import ssh
from fleet_cli.machine import process
from fleet_cli.repository.labfile import Box
from workspace import Workspace

PLACE = "/run/whole"
PARTS = ("manifest", "hiera", "source", "plugin")
PROFILE = """\
# Writes the number of its commit, by each way that a commit has to a node.
#
# @param value the number, as Hiera has it
class profile::whole (String $value) {{
  $fact = $facts['whole']
  file {{
    '{place}': ensure => directory;
    '{place}/manifest': content => '{number}';
    '{place}/hiera': content => $value;
    '{place}/plugin': content => "${{fact}}";
  }}
  # The catalog is there, and what it names is still to be fetched.
  -> exec {{ '/bin/sleep 1': }}
  -> file {{ '{place}/source': source => 'puppet:///modules/profile/whole' }}
}}
"""

LOCK_OPTIONS = "--waitforlock=1 --maxwaitforlock=300"
"""Those of fleet-run."""


@dataclass
class Found:
    """What came of it.

    Attributes:
        runs: how many runs there were.
        commits: the numbers that nodes had after a run.
        mixed: what a node had of several commits after a run.
        failed: runs that failed, with what they printed.
        deploy_seconds: how long each deploy took.
    """

    runs: int = 0
    commits: set[str] = field(default_factory=set)
    mixed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    deploy_seconds: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        """As the drill prints it."""
        times = sorted(self.deploy_seconds)
        return (
            f"{len(times)} deploys ({times[0]:.1f} to {times[-1]:.1f} s, median {times[len(times) // 2]:.1f} s),"
            f" {self.runs} runs, which ended at {len(self.commits)} commits; mixed: {len(self.mixed)}"
        )


@dataclass
class Whole:
    """Nodes on which agents run one after the other, each by its own command, while commits are deployed."""

    workspace: Workspace
    nodes: Sequence[tuple[Box, str]]

    def deploy_while_agents_run(self, times: int) -> Found:
        """Deploy so many commits, one after the other; each takes as long as it takes."""
        found = Found()
        over = threading.Event()
        role = "site/role/manifests/app.pp"
        text = self.workspace.read(role).rstrip().removesuffix("}")
        self.workspace.write(role, f"{text}  include profile::whole\n}}\n")
        self._deploy(0, found)
        with ThreadPoolExecutor() as pool:
            running = [pool.submit(self._run, box, agent, over, found) for box, agent in self.nodes]
            try:
                for number in range(1, times + 1):
                    self._deploy(number, found)
            finally:
                over.set()
        for run in running:
            run.result()
        for box, _ in self.nodes:
            connect(box).check_output(f"rm -rf {PLACE}")
        return found

    def _deploy(self, number: int, found: Found) -> None:
        self.workspace.write("site/profile/manifests/whole.pp", PROFILE.format(place=PLACE, number=number))
        self.workspace.write("site/profile/files/whole", str(number))
        self.workspace.write("site/profile/lib/facter/whole.rb", f"Facter.add(:whole) {{ setcode {{ '{number}' }} }}\n")
        path = "hieradata/roles/app.yaml"
        kept = [line for line in self.workspace.read(path).splitlines() if not line.startswith("profile::whole")]
        self.workspace.commit(path, "\n".join([*kept, f"profile::whole::value: '{number}'"]) + "\n")
        printed = self.workspace.fleet("deploy")
        assert printed.returncode == 0, printed.stderr
        took = [line.rsplit(" ", 2)[1] for line in printed.stderr.splitlines() if "deploy of production: done" in line]
        found.deploy_seconds += [float(seconds) for seconds in took]

    def _run(self, box: Box, agent: str, over: threading.Event, found: Found) -> None:
        while not over.is_set():
            run = process.run(
                [
                    *ssh.command(box),
                    "sudo",
                    "sh",
                    "-c",
                    shlex.quote(f"{agent} --color=false {LOCK_OPTIONS} 2>&1"),
                ],
                check=False,
            )
            found.runs += 1
            if run.returncode not in agents.OUTCOMES or agents.OUTCOMES[run.returncode] == "failed":
                found.failed.append(f"{box.name}: {agent}: {run.returncode}: {run.stdout[-2000:]}")
                continue
            had = dict(zip(PARTS, connect(box).check_output(_read()).split("|"), strict=True))
            found.commits |= set(had.values())
            if len(set(had.values())) > 1:
                found.mixed.append(f"{box.name}: {agent}: {had}")


def _read() -> str:
    return "; echo -n '|'; ".join(f"cat {PLACE}/{part}" for part in PARTS)
