"""A node is on exactly one commit, and the server says which: whatever else it asks for, and whatever goes wrong."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from deployed import FLEET, LAB, connect, environment_of, fleet_environment
from fleet_cli.fleet import deploying
from fleet_cli.lab import ssh
from fleet_cli.repository.labfile import Box
from testinfra.host import Host
from waiting import wait_for
from whole import Whole
from workspace import Fleet, Workspace

ANSWERS = "/var/lib/puppet-deploys/answers.json"
PLANTED = "/run/planted"
FACT = f"Facter.add(:planted) {{ setcode {{ File.write('{PLANTED}', '1'); 'planted' }} }}\n"


@pytest.fixture
def trial_ended(fleet: Fleet, staging: Box) -> Iterator[None]:
    """Whatever a test tries on the staging node: afterwards it is given what the fleet is given."""
    yield
    fleet.ok("run", staging.name, "--end-trial")


def answers(server: Host) -> dict[str, object]:
    found: dict[str, object] = json.loads(server.file(ANSWERS).content_string)
    return found


@pytest.mark.deploys
def test_code_of_an_environment_that_a_node_is_not_given_never_runs_on_it(workspace: Workspace, staging: Box) -> None:
    """Anybody who may push a branch would be root on every node that can be made to ask for it."""
    node = connect(staging)
    workspace.branch("planted")
    workspace.commit("site/profile/lib/facter/planted.rb", FACT)
    workspace.fleet.ok("deploy", "planted")
    planted, given = deploying.answers(FLEET).environment("planted"), fleet_environment()
    for agent in ("puppet agent --test", "puppet-run"):
        run = node.run(f"{agent} --color=false --waitforlock 1 --environment {planted}")
        assert run.rc in {0, 2}, run.stdout + run.stderr
        assert f"doesn't match server specified environment '{given}'" in run.stdout
        assert not node.file(PLANTED).exists, f"{agent}: code of {planted} has run"
        assert not node.file("/var/cache/puppet/lib/facter/planted.rb").exists
    wait_for(lambda: environment_of(staging) == given, "PuppetDB has the catalog")


@pytest.mark.deploys
@pytest.mark.usefixtures("trial_ended")
def test_a_trial_is_for_its_nodes_and_its_time(workspace: Workspace, fleet: Fleet, staging: Box, server: Host) -> None:
    others = answers(server)["fleet"]
    workspace.branch("trial")
    workspace.commit("README.md", "a trial\n")
    result = workspace.fleet("run", staging.name, "--environment", "nosuchbranch")
    assert result.returncode == 1
    assert "'nosuchbranch'" in result.stderr
    workspace.fleet.ok("deploy", "trial")
    workspace.fleet.ok("run", staging.name, "--environment", "trial", "--for", "12s")
    began = time.monotonic()
    trial = deploying.answers(FLEET).environment("trial")
    assert node_environment(staging) == trial
    assert answers(server)["fleet"] == others, "a trial moved the fleet"
    shown = {box["box"]: box["trial"] for box in json.loads(fleet.ok("lab", "status", "--json"))}
    assert shown[staging.name].startswith(f"trial ({trial}) until ")
    assert [name for name, text in shown.items() if text] == [staging.name]
    wait_for(lambda: time.monotonic() - began > 12, "the trial's time is over")
    fleet.ok("run", staging.name)
    assert node_environment(staging) == fleet_environment()


def node_environment(box: Box) -> str:
    """The environment of the catalog that the node applied last."""
    read = "sed -n 's/^  converged_environment: //p' /var/cache/puppet/public/last_run_summary.yaml"
    return str(connect(box).check_output(read))


@pytest.fixture
def broken_answers(server: Host) -> Iterator[None]:
    """The file of answers is damaged, as by a careless edit."""
    server.check_output(f"cp -p {ANSWERS} {ANSWERS}.kept && echo '{{' >{ANSWERS}")
    yield
    server.check_output(f"mv {ANSWERS}.kept {ANSWERS}")


@pytest.mark.usefixtures("broken_answers")
def test_a_server_that_can_not_tell_fails_the_run_and_the_node_stays_as_it_is(fleet: Fleet, staging: Box) -> None:
    """A node would else apply a catalog with nothing in it, and look well."""
    node = connect(staging)
    before = node.file(f"/var/cache/puppet/client_data/catalog/{staging.certname}.json").sha256sum
    result = fleet("run", staging.name)
    assert result.returncode == 1
    assert "answers.json can't be read" in result.stdout
    plain = node.run("puppet agent --test --color=false --waitforlock 1")
    assert plain.rc == 1
    assert "answers.json can't be read" in plain.stderr
    assert node.file(f"/var/cache/puppet/client_data/catalog/{staging.certname}.json").sha256sum == before
    assert node.check_output("flask-microservice status --json")


def test_without_the_server_the_timer_applies_the_catalog_of_the_last_commit(
    staging: Box, fleet: Fleet, request: pytest.FixtureRequest
) -> None:
    """While the server is down, nothing would put right what breaks on a node."""
    fleet.ok("run", staging.name)
    request.getfixturevalue("server_unreachable")
    node = connect(staging)
    node.check_output("systemctl stop logrotate.timer")
    run = node.run("puppet-run --onetime --no-daemonize --detailed-exitcodes --color=false --verbose")
    assert f"Using cached catalog from environment '{fleet_environment()}'" in run.stdout, run.stdout + run.stderr
    assert node.service("logrotate.timer").is_running


def test_an_environment_that_is_no_commit_gives_a_node_nothing(server: Host, staging: Box) -> None:
    """Puppet Server has an environment 'production' in any case: an empty catalog would come of it."""
    question = json.dumps({
        "certname": staging.certname, "environment": "production", "persistence": {"facts": False, "catalog": False},
        "options": {"prefer_requested_environment": True},
    })  # fmt: skip
    ssl, name = "/var/lib/puppet/ssl", LAB.server.certname
    answer = ssh.run(
        LAB.server,
        ["curl", "--silent", "--json", question, "--cacert", f"{ssl}/certs/ca.pem", "--cert", f"{ssl}/certs/{name}.pem",
         "--key", f"{ssl}/private_keys/{name}.pem", f"https://{name}:8140/puppet/v4/catalog"],
    ).stdout  # fmt: skip
    assert "is no deployed commit" in answer
    assert server.file("/etc/puppet/code/environments/production/manifests/site.pp").exists


@pytest.fixture
def nobody_has_to_sign(server: Host) -> Iterator[None]:
    """Whoever has to sign in a test: afterwards nobody has to, as before."""
    yield
    server.check_output(
        "sed -i '/^signers = /d' /etc/deploy-environment.ini && rm -f /etc/deploy-environment/allowed_signers"
    )


def new_key(path: Path) -> str:
    """Make a key to sign with; return its public part."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", path], check=True)
    return path.with_suffix(".pub").read_text(encoding="utf-8").strip()


def sign_with(workspace: Workspace, key: Path) -> None:
    """Have git sign the commits that are deployed from a clone, as a person sets it."""
    for name, value in (("gpg.format", "ssh"), ("user.signingkey", str(key)), ("commit.gpgSign", "true")):
        workspace.git("config", name, value)


def refused(workspace: Workspace, told: str) -> None:
    """Have a deploy refused, with a line that says why; nothing changes for any node."""
    before = fleet_environment()
    result = workspace.fleet("deploy")
    assert result.returncode == 1, result.stdout
    assert told in result.stderr
    assert "Traceback" not in result.stderr
    assert fleet_environment() == before


@pytest.mark.deploys
@pytest.mark.usefixtures("production_restored", "nobody_has_to_sign")
def test_only_what_was_signed_and_locked_is_deployed(workspace: Workspace, server: Host, tmp_path: Path) -> None:
    """Who has taken over the git server, or a Forge, would be root on every node."""
    public, strange = new_key(tmp_path / "anna"), new_key(tmp_path / "mallory")
    path = f"hieradata/nodes/{LAB.server.certname}.yaml"
    text = workspace.read(path)
    workspace.commit(path, f"{text}\nprofile::r10k::signers: {json.dumps({'anna': {'keys': [public]}})}\n")
    workspace.fleet.ok("deploy")
    workspace.fleet.ok("run", LAB.server.name)
    refused(workspace, "is not signed, and profile::r10k::signers wants a signature of anna")
    sign_with(workspace, tmp_path / "mallory")
    own = json.dumps({"anna": {"keys": [public]}, "mallory": {"keys": [strange]}})
    workspace.commit(path, f"{text}\nprofile::r10k::signers: {own}\n")
    refused(workspace, "is signed by a key that profile::r10k::signers does not have (SHA256:")
    sign_with(workspace, tmp_path / "anna")
    digests = json.loads(workspace.read("Puppetfile.digests.json"))
    good = json.dumps(digests)
    digests["puppetlabs-concat"]["sha256"] = ["0" * 64]
    workspace.commit("Puppetfile.digests.json", json.dumps(digests))
    refused(workspace, "module puppetlabs-concat is not the one that Puppetfile.digests.json has")
    workspace.write("Puppetfile.digests.json", good)
    workspace.commit(path, text)
    before = fleet_environment()
    workspace.fleet.ok("deploy")
    assert fleet_environment() != before
    workspace.fleet.ok("run", LAB.server.name)
    assert "signers" not in server.file("/etc/deploy-environment.ini").content_string
    assert not server.file("/etc/deploy-environment/allowed_signers").exists
    journal = server.check_output("journalctl --no-pager --since=-1h -o cat _UID=0 -g 'Puppetfile.digests.json has'")
    assert "puppetlabs-concat" in journal


@pytest.mark.deploys
@pytest.mark.usefixtures("production_restored")
def test_no_node_ever_has_parts_of_two_commits(workspace: Workspace, staging: Box) -> None:
    """Two deploys while agents run, of both kinds; the drill `whole` does thirty."""
    other = next(box for box in LAB.nodes if box.role == "app" and box != staging)
    whole = Whole(workspace, [(staging, "puppet-run"), (other, "puppet agent --test")])
    found = whole.deploy_while_agents_run(2)
    assert found.failed == []
    assert found.mixed == []
    assert len(found.commits) > 1, "no run took place between two deploys"


@pytest.mark.deploys
@pytest.mark.drill
@pytest.mark.usefixtures("production_restored")
def test_whole(workspace: Workspace, server: Host) -> None:
    """Thirty deploys while agents run on all nodes; prints what it took, and the server's memory before and after."""
    apps = [box for box in LAB.nodes if box.role == "app"]
    before = heap(server)
    whole = Whole(workspace, [(box, ("puppet-run", "puppet agent --test")[n % 2]) for n, box in enumerate(apps)])
    found = whole.deploy_while_agents_run(30)
    print(f"\n{found}\nheap of Puppet Server: {before:.0f} MB before, {heap(server):.0f} MB after")
    assert (found.failed, found.mixed) == ([], [])
    kept = int(server.check_output("ls -d /etc/puppet/code/environments/c_* | wc -l"))
    assert kept <= 20, "environments of old deploys stay"
    assert answers(server)["loaded"] == [], "Puppet Server was not told what to forget"


def heap(server: Host) -> float:
    """What is in use of Puppet Server's heap, in MB: the JVM tells it in its journal when it is sent SIGQUIT."""
    server.check_output("systemctl kill --signal=QUIT --kill-whom=main puppetserver.service")
    told = "journalctl --no-pager -q -o cat -u puppetserver.service --since=-20s | grep -E 'generation +total'"
    wait_for(lambda: len(server.run(told).stdout.splitlines()) >= 2, "the JVM tells its heap")
    return sum(int(used) for used in re.findall(r"used (\d+)K", server.check_output(told))) / 1024
