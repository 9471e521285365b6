"""An agent run waits for another one's end: it tries again each second, gives up at last, and says little meanwhile."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from fleet_cli.fleet import agents
from fleet_cli.fleet.description import Fleet
from fleet_cli.fleet.nodes import Node

REPO = Path(__file__).resolve().parents[3]
FLEET = Fleet(Path("fleet.yaml"), "puppet.fleet.test", "puppet.fleet.test:/srv/git/control.git")
NODE = Node("app1.fleet.test", "app", "production", "app1")
WAITS = "Info: Another puppet instance is already running; --waitforlock flag used, waiting for it to finish."
AGAIN = "Info: Will try again in 1 seconds."
GAVE_UP = "Notice: Exiting now because the maxwaitforlock timeout has been exceeded."
PUPPET = f"""\
#!/bin/sh
echo "$*" >"$GIVEN"
for _ in 1 2 3; do echo '{WAITS}'; echo '{AGAIN}'; done
echo 'Notice: /File[/var/cache/puppet/lib/puppet/type/x.rb]/ensure: defined content'
echo 'Notice: Applied catalog in 1.00 seconds'
exit $STATUS
"""


def put(directory: Path, name: str, program: str) -> None:
    file = directory / name
    file.write_text(program, encoding="utf-8")
    file.chmod(0o755)


def seconds(given: str, option: str) -> int:
    """The value of an option, which Puppet takes as seconds."""
    found = re.search(rf"--{option}[= ](\d+)(?=\s|$)", given)
    assert found, given
    return int(found[1])


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file into which a command in the place of puppet or ssh writes its arguments."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("GIVEN", str(tmp_path / "given"))
    return tmp_path / "given"


@pytest.mark.parametrize("script", ["enroll", "bootstrap-puppetserver"])
@pytest.mark.parametrize("status", [0, 2])
def test_a_first_run_begins_when_another_ends_and_tells_once_that_it_waits(
    script: str, status: int, given: Path, tmp_path: Path
) -> None:
    put(tmp_path, "puppet", PUPPET)
    function = (
        f"source <(sed -n '/^run_agent()/,/^}}/p' {shlex.quote(str(REPO / 'scripts' / script))});"
        " set -euo pipefail; run_agent"
    )
    environment = {**os.environ, "STATUS": str(status), "AUTHORITY": "ab" * 32}
    done = subprocess.run(["bash", "-c", function], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [WAITS, "Notice: Applied catalog in 1.00 seconds"]
    assert seconds(given.read_text(), "waitforlock") == 1
    assert seconds(given.read_text(), "maxwaitforlock") == 300


def test_fleet_run_begins_when_another_ends_and_gives_up_before_it_is_cut_off(given: Path, tmp_path: Path) -> None:
    put(tmp_path, "ssh", f'#!/bin/sh\necho "$*" >"$GIVEN"\necho \'{GAVE_UP}\'\nexit 1\n')
    (run,) = agents.run(FLEET, [NODE])
    assert given.read_text().endswith("sudo -n -- /usr/local/sbin/fleet-run\n")
    assert agents.LOCK_LIMIT_SECONDS <= agents.TIMEOUT_SECONDS / 2
    assert (run.outcome, run.ok) == ("not run", False)
    (reason,) = run.errors
    assert f"another run of the agent has gone on for {agents.LOCK_LIMIT_SECONDS} s on app1" in reason
    assert reason in "\n".join(agents.explain(run))


def test_a_run_that_gave_up_does_not_show_the_report_of_the_other() -> None:
    report = '{"resource_statuses": {"Service[orders]": {"changed": true, "events": []}}}'
    run = agents._result(NODE, 1, f"{WAITS}\n{AGAIN}\n{GAVE_UP}\n{agents._MARK}\n{report}")
    assert (run.outcome, run.changed) == ("not run", [])
