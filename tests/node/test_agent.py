"""The agent that is loaded ahead: puppet-run does what `puppet agent --test` does, only sooner."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from datetime import datetime

import pytest
from deployed import FLEET, connect
from fleet_cli.fleet import agents, puppetdb
from fleet_cli.lab import ssh
from fleet_cli.repository.labfile import Box, Lab
from testinfra.host import Host
from waiting import wait_for
from workspace import Fleet

HOLD_LOCK = """
lock = '/var/cache/puppet/state/agent_catalog_run.lock'
begin
  File.write(lock, Process.pid.to_s, flags: File::WRONLY | File::CREAT | File::EXCL)
rescue Errno::EEXIST
  sleep 0.1
  retry
end
sleep ARGV.last.to_f
File.delete(lock)
puts Time.now.to_f
"""
"""Ruby: an agent run that takes as many seconds as its last argument says, and prints when it ended."""
PROGRAM = "/usr/local/lib/puppet-run/preloaded-agent.rb"
PATCHES = "/usr/local/lib/puppet-run/patches.rb"
JOURNAL = "journalctl --no-pager -q -u puppet-run.service --since=-120s"
WAITING = "systemctl show --property=MainPID --value puppet-run.service"


def errors(printed: str) -> list[str]:
    """The errors among what an agent printed, but for how long something took."""
    return [re.sub(r"[0-9.]+ seconds", "", line) for line in printed.splitlines() if line.startswith("Error")]


@pytest.fixture
def node(lab: Lab) -> Host:
    return connect(lab.nodes[-1])


@pytest.fixture
def without_preloaded_agent(node: Host) -> Iterator[None]:
    node.check_output("systemctl stop puppet-run.socket puppet-run.service")
    yield
    node.check_output("systemctl start puppet-run.socket")


@pytest.fixture
def changed_program(node: Host) -> Iterator[None]:
    """The program on disk is another than the one that waits; afterwards it is what it was, as Puppet wants it."""
    before = node.file(PROGRAM).content_string
    node.check_output(f"echo \"warn 'loaded anew'\" >> {PROGRAM}.new")
    node.check_output(f"cat {PROGRAM} >> {PROGRAM}.new && mv {PROGRAM}.new {PROGRAM}")
    yield
    node.check_output("systemctl stop puppet-run.service")
    node.run_expect([0, 2], "puppet agent --test --tags profile::puppet_agent::preloaded")
    assert node.file(PROGRAM).content_string == before


def test_an_agent_run_is_a_fork_of_the_one_that_waits(node: Host) -> None:
    node.run_expect([0, 2], "puppet-run --noop --waitforlock 1")
    waiting = node.check_output(WAITING)
    assert waiting != "0"
    run = node.run("puppet-run --noop --waitforlock 1 --color=false")
    assert run.rc == 0, run.stderr
    assert "Applied catalog in" in run.stdout
    assert node.check_output(WAITING) == waiting


@pytest.mark.parametrize("option", ["--nosuchoption", "--server=nosuch.invalid"])
def test_a_run_that_fails_has_the_status_and_the_message_of_the_agent(node: Host, option: str) -> None:
    plain = node.run(f"puppet agent --test --color=false {option}")
    preloaded = node.run(f"puppet-run --color=false {option}")
    assert plain.rc != 0
    assert preloaded.rc == plain.rc
    assert errors(plain.stderr)
    # It asks the server once more: for its environment, before all else.
    assert set(errors(preloaded.stderr)) == set(errors(plain.stderr))


@pytest.mark.usefixtures("without_preloaded_agent")
def test_a_run_takes_place_where_no_agent_waits(node: Host) -> None:
    run = node.run("puppet-run --noop --waitforlock 1 --color=false")
    assert run.rc == 0, run.stderr
    assert "Applied catalog in" in run.stdout


@pytest.mark.usefixtures("changed_program")
def test_an_upgrade_of_puppet_counts_from_the_next_run_on(node: Host) -> None:
    assert node.run("puppet-run --noop --waitforlock 1").rc == 0
    assert "loaded anew" in node.check_output(JOURNAL)


def test_no_patch_of_puppet_is_left_out_on_the_boxes(node: Host, server: Host) -> None:
    """Runs would be slower than they are said to be; on another Debian than the one that was tested that is meant."""
    node.check_output("systemctl stop puppet-run.service")
    node.run_expect([0, 2], "puppet-run --noop --waitforlock 1")
    assert "left out" not in node.check_output(JOURNAL)
    log = "/var/log/puppetserver/puppetserver.log"
    assert "is left out" not in server.check_output(f"tac {log} | sed '/Puppet Server has successfully started/q'")


@pytest.fixture
def unpatched(node: Host) -> Iterator[None]:
    """All patches are off, as by profile::puppet_agent::patched; afterwards it is what it was, as Puppet wants it."""
    node.check_output(f"truncate -s 0 {PATCHES}")
    yield
    node.run_expect([0, 2], "puppet agent --test --tags profile::puppet_agent::preloaded")
    node.check_output("systemctl stop puppet-run.service")
    assert node.file(PATCHES).size > 0


@pytest.mark.usefixtures("unpatched")
def test_without_patches_a_run_is_that_of_a_plain_agent(node: Host) -> None:
    run = node.run("puppet-run --noop --waitforlock 1 --color=false")
    assert run.rc == 0, run.stderr
    assert "Applied catalog in" in run.stdout
    assert "each run starts from nothing" in node.check_output(JOURNAL)


def test_a_run_asks_for_all_services_at_once_and_starts_one_that_was_stopped(staging: Box) -> None:
    node = connect(staging)
    run = node.run("puppet-run --noop --debug --waitforlock 1 --color=false")
    assert run.rc == 0, run.stderr
    assert "Prefetching systemd resources for service" in run.stdout
    assert "systemctl is-active --" not in run.stdout
    node.check_output("systemctl stop logrotate.timer")
    run = node.run("puppet-run --waitforlock 1 --color=false")
    assert run.rc == 2, run.stdout + run.stderr
    assert node.service("logrotate.timer").is_running


def test_a_plugin_that_does_not_load_is_mended_by_the_run_that_finds_it(staging: Box) -> None:
    node = connect(staging)
    plugin = "/var/cache/puppet/lib/puppet_x/flask_microservice/status.rb"
    before = node.file(plugin).content_string
    node.check_output(f"echo 'broken(' >> {plugin}")
    run = node.run("puppet-run --waitforlock 1 --color=false")
    assert run.rc == 0, run.stdout + run.stderr
    assert node.file(plugin).content_string == before


@pytest.fixture
def hanging_puppetdb(server: Host) -> Iterator[None]:
    """PuppetDB takes connections, and says nothing."""
    server.check_output("systemctl kill --signal=STOP puppetdb.service")
    yield
    server.check_output("systemctl kill --signal=CONT puppetdb.service")


def reports(box: Box) -> set[str]:
    return {str(row["hash"]) for row in puppetdb.query(FLEET, f'reports[hash] {{ certname = "{box.certname}" }}')}


def test_a_puppetdb_that_hangs_holds_up_no_run_and_gets_the_report_later(
    staging: Box, server: Host, request: pytest.FixtureRequest
) -> None:
    node = connect(staging)
    before = reports(staging)
    request.getfixturevalue("hanging_puppetdb")
    run = node.run("puppet-run --waitforlock 1 --color=false")
    assert run.rc in {0, 2}, run.stdout + run.stderr
    server.check_output("systemctl kill --signal=CONT puppetdb.service")
    wait_for(lambda: bool(reports(staging) - before), "PuppetDB has the report of the run")


def test_a_run_begins_within_a_second_of_the_end_of_another(staging: Box, fleet: Fleet) -> None:
    node = connect(staging)
    # Puppet takes the process that its lock names for a run where it is Ruby's and has `puppet` in its arguments.
    command = [*ssh.command(staging), "sudo", "--", shlex.join(["ruby", "-e", HOLD_LOCK, "puppet", "10"])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        wait_for(lambda: node.file(agents.LOCK).exists, "another run goes on")
        (run,) = fleet.agent(staging.name)
        assert run["outcome"] in {"unchanged", "changed"}, run
        ended = float(other.communicate()[0])
    report = json.loads(node.file(agents.REPORT).content_string)
    began = datetime.fromisoformat(report["logs"][0]["time"][:26] + "+00:00").timestamp()
    assert -0.1 < began - ended < 1.5


def test_noop_says_what_would_change_and_changes_nothing(staging: Box, fleet: Fleet) -> None:
    node = connect(staging)
    node.check_output("systemctl stop logrotate.timer")
    printed = fleet.ok("run", "--noop", staging.name)
    assert f"{staging.name}: would change (1 to change, " in printed
    assert "Service[logrotate.timer]/ensure: ensure changed 'stopped' to 'running' (noop)" in printed
    assert not node.service("logrotate.timer").is_running
    fleet.ok("run", staging.name)
    assert f"{staging.name}: unchanged (0 to change, " in fleet.ok("run", "--noop", staging.name)


def test_only_root_may_ask_for_a_run(node: Host) -> None:
    socket = node.file("/run/puppet-run.socket")
    assert (socket.user, socket.mode) == ("root", 0o600)
