"""People with accounts of their own work on the fleet from a machine that Puppet does not know, as far as they may.

ops1 is a plain Debian with a clone of the control repository. anna may deploy, rita may look: both on the Puppet server
and in the tier staging, and nowhere else.
"""

import json
import shlex
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from conftest import restored
from deployed import LAB, connect
from fleet_cli.lab import laboratory, ssh
from fleet_cli.machine import host, process
from releases import variant
from workspace import Workspace

pytestmark = pytest.mark.deploys

OPS = LAB.box("ops1")
RIGHTS = {"anna": ["run", "publish", "deploy"], "rita": ["read"]}
REMOTE = "/srv/git/control.git"
STAGING = next(box for box in LAB.nodes if box.tier == "staging")
MACHINES = (LAB.server, STAGING)
NAMES = " ".join(box.name for box in MACHINES)
PEOPLE = (f"hieradata/nodes/{LAB.server.certname}.yaml", "hieradata/tiers/staging.yaml")
FLEET = f"---\nserver: {LAB.server.certname}\nremote: ssh://{LAB.server.certname}{REMOTE}\n"
_CLEAR = """
for one in anna rita; do pkill -KILL -u $one; userdel -r $one; done 2>/dev/null
true
"""


@dataclass(frozen=True)
class Person:
    """A person at ops1."""

    name: str

    def type(self, command: str) -> process.Result:
        """Type a command in the clone."""
        line = f"cd control && {command}"
        return ssh.run(OPS, ["su", "--login", self.name, "--command", line], check=False)

    def ok(self, command: str) -> str:
        """Type a command that must succeed; return what it printed."""
        done = self.type(command)
        assert done.returncode == 0, f"{self.name}: {command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def refused(self, command: str) -> str:
        """Type a command that must not be done; return what the person is told."""
        done = self.type(command)
        assert done.returncode == 1, f"{self.name}: {command}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stderr


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Person]]:
    """anna and rita, with keys of their own, on ops1 and on the machines they work on; afterwards they are gone."""
    directory = tmp_path_factory.mktemp("people")
    try:
        with restored(LAB, directory / "before"), ThreadPoolExecutor() as pool:
            workspace = Workspace.clone(directory / "control")
            bare = pool.submit(_prepare)
            _hire(workspace, {name: _key(directory / name) for name in RIGHTS})
            workspace.fleet.ok("deploy")
            workspace.fleet.ok("run", LAB.server.name)
            staging = pool.submit(workspace.fleet.ok, "run", STAGING.name)
            bare.result()
            for name in RIGHTS:
                _move_in(name, directory / name)
            Person("anna").ok("scripts/fleet --version")
            # The second environment would be as the first, and make all wait once more.
            ssh.run(OPS, ["cp", "-a", "/home/anna/control/.venv", "/home/rita/control/"])
            ssh.run(OPS, ["chown", "-R", "rita:rita", "/home/rita/control/.venv"])
            staging.result()
            yield {name: Person(name) for name in RIGHTS}
    finally:
        # Whoever is in Hiera no more may do nothing; the account stays.
        for box in (OPS, *MACHINES):
            ssh.run(box, ["sh", "-c", _CLEAR])


def _prepare() -> None:
    """Make ops1 a machine to work at."""
    ssh.run(OPS, ["sh", "-c", _CLEAR])
    packages = ["git", "openssh-client", "python3-venv"]
    ssh.run(OPS, ["apt-get", "-q", "-y", "--no-install-recommends", "install", *packages])


def _key(file: Path) -> str:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"{file.name}@ops1", "-f", str(file)]
    subprocess.run(command, check=True)
    return file.with_suffix(".pub").read_text(encoding="utf-8").strip()


def _hire(workspace: Workspace, keys: dict[str, str]) -> None:
    """Declare who may do what."""
    people = {name: {"keys": [keys[name]], "rights": rights} for name, rights in RIGHTS.items()}
    for path in PEOPLE:
        data = yaml.safe_load(workspace.read(path))
        workspace.commit(path, yaml.safe_dump({**data, "profile::operators::people": people}))


def _move_in(name: str, key: Path) -> None:
    """Make the account on ops1, with a key, the known hosts and a clone of what was deployed."""
    home = f"/home/{name}"
    ssh.run(OPS, ["useradd", "--create-home", "--shell", "/bin/bash", name])
    ssh.run(OPS, ["install", "-d", "-m", "0700", f"{home}/.ssh"])
    ssh.upload(OPS, key, f"{home}/.ssh/id_ed25519")
    ssh.run(OPS, ["chmod", "0600", f"{home}/.ssh/id_ed25519"])
    names = [box.certname for box in (LAB.server, *LAB.nodes)]
    known = ssh.run(OPS, ["ssh-keyscan", "-T", "20", *names]).stdout
    ssh.run(OPS, ["tee", f"{home}/.ssh/known_hosts"], stdin=known)
    pip = "".join(f"export {variable}={shlex.quote(value)}\n" for variable, value in host.pip_environment().items())
    ssh.run(OPS, ["tee", f"{home}/.profile"], stdin=pip)
    ssh.run(OPS, ["chown", "-R", f"{name}:{name}", home])
    clone = f"git clone --quiet ssh://{LAB.server.certname}{REMOTE} control"
    ssh.run(OPS, ["su", "--login", name, "--command", clone])
    ssh.run(OPS, ["su", "--login", name, "--command", "cat >control/fleet.yaml"], stdin=FLEET)
    who = f"git config user.name {name} && git config user.email {name}@example.org"
    ssh.run(OPS, ["su", "--login", name, "--command", f"cd control && {who}"])


@pytest.fixture(scope="module")
def anna(people: dict[str, Person]) -> Person:
    return people["anna"]


@pytest.fixture(scope="module")
def rita(people: dict[str, Person]) -> Person:
    return people["rita"]


def test_who_may_look_sees_the_whole_fleet(rita: Person) -> None:
    done = rita.type("scripts/fleet status --json")
    assert done.returncode == 1, done.stderr
    shown = {node["node"]: node for node in json.loads(done.stdout)["nodes"]}
    assert shown.keys() == {box.name for box in LAB.nodes}
    assert "profile::operators says who may log in" in json.dumps(shown.pop("app1"))
    assert "production" in rita.ok("scripts/fleet nodes")
    rita.ok(f"scripts/fleet log --json {NAMES}")


@pytest.mark.parametrize(
    ("command", "program"),
    [
        ("deploy --back", "fleet-deploy"),
        ("run", "fleet-run"),
        ("run staging1 --environment production", "fleet-deploy"),
    ],
)
def test_who_may_look_can_not_touch(command: str, program: str, rita: Person) -> None:
    before = connect(LAB.server).check_output("cat /var/lib/puppet-deploys/answers.json")
    done = rita.type(f"scripts/fleet {command}")
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert f"your account may not run {program} there" in said
    assert "Traceback" not in said
    assert connect(LAB.server).check_output("cat /var/lib/puppet-deploys/answers.json") == before


def test_nobody_gets_a_shell_of_root_by_these_rights(anna: Person) -> None:
    for box in MACHINES:
        for command in (
            "sudo -n id",
            "sudo -n /usr/local/sbin/puppet-run --server ops1",
            "sudo -n puppet agent --test",
        ):
            done = anna.type(f"ssh {box.certname} {shlex.quote(command)}")
            assert done.returncode != 0, f"{box.name}: {command}"


def test_a_change_is_pushed_deployed_run_and_recorded(anna: Person, tmp_path: Path) -> None:
    package = laboratory.package(next(service for service in LAB.services if service.name == "inventory"))
    file = variant(package, "1.0.9-1", lambda _: None, tmp_path)
    ssh.upload(OPS, file, f"/home/anna/{file.name}")
    # On a lab that stands, an earlier run of this test has published it.
    said = anna.ok(f"scripts/fleet publish ~/{file.name}")
    assert said.strip() in (f"inventory 1.0.9-1 amd64: {how}" for how in ("published", "was published already"))

    anna.ok("git commit --quiet --allow-empty --message 'A change of mine'")
    assert "1 ahead: `git push" in anna.refused("scripts/fleet deploy")
    anna.ok("git push --quiet")
    commit = anna.ok("git rev-parse HEAD").strip()
    assert commit[:10] in anna.ok("scripts/fleet deploy")
    runs = json.loads(anna.ok("scripts/fleet run --tier staging --json"))
    assert [run["node"] for run in runs] == ["staging1"]

    records = json.loads(anna.ok(f"scripts/fleet log --json --who anna {NAMES}"))["records"]
    assert {"publish", "deploy", "run"} <= {record["action"] for record in records}
    assert {record["who"] for record in records} == {"anna"}
    assert {record["from"] for record in records} == {OPS.address}


def test_what_is_declared_is_what_runs(anna: Person) -> None:
    said = anna.ok("scripts/fleet verify --tier staging --junit verified.xml")
    assert "staging1" in said
    assert "<testsuite" in anna.ok("cat verified.xml")


def test_a_machine_with_another_host_key_is_named_and_the_others_go_on(anna: Person) -> None:
    anna.ok(f"cp ~/.ssh/known_hosts ~/known && ssh-keygen -q -R {STAGING.certname}")
    try:
        done = anna.type(f"scripts/fleet run {NAMES} --noop --json")
    finally:
        anna.ok("mv ~/known ~/.ssh/known_hosts")
    assert done.returncode == 1
    runs = {run["node"]: run for run in json.loads(done.stdout)}
    assert runs[STAGING.name]["outcome"] == "unreachable"
    assert "its host key is not known yet" in runs[STAGING.name]["errors"][0]
    assert runs[LAB.server.name]["outcome"] in ("unchanged", "would change")


def test_who_may_not_deploy_is_told_so_by_a_rollout_whatever_else_is_wrong(anna: Person, rita: Person) -> None:
    """No plan can be made on ops1, a container; what rita lacks is the right."""
    anna.ok("git commit --quiet --allow-empty --message 'Another change' && git push --quiet")
    assert "your account may not run fleet-deploy there" in rita.refused("scripts/fleet rollout --why mine")
    assert "no rollout so far" in rita.ok("scripts/fleet rollout list")
