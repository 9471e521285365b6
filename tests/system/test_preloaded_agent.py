"""The agent that is loaded ahead, without a node: who asks it for a run gets what `puppet agent` would have done."""

import tempfile
from pathlib import Path

import preloaded
import pytest
from fleet_cli.roots import rootfs

SYSTEMD = Path(__file__).with_name("preloaded_agent.rb")
LOADED = "/usr/lib/ruby/vendor_ruby/puppet/version.rb"


def run(script: str) -> list[str]:
    """What shell commands print where the preloaded agent waits; a line `started N` says how often it was started."""
    setting = f'puppet_run() {{ timeout 120 ruby --disable=gems /puppet_agent/puppet-run "$@"; }}\n{script}'
    stdin = f"{setting}\necho started $(wc -l < /started)\n"
    with tempfile.TemporaryDirectory() as directory:
        binds = {preloaded.install(Path(directory)): "/puppet_agent", SYSTEMD: "/preloaded_agent.rb"}
        return rootfs.run("toolbox", ["ruby", "/preloaded_agent.rb"], binds=binds, stdin=stdin).stdout.splitlines()


@pytest.mark.parametrize(
    "option",
    [
        "--version",
        "--nosuchoption",
        "--onetime --nosuchoption",
        "--configprint=certname",
        "--waitforlock=1 --maxwaitforlock=300 --configprint=waitforlock,maxwaitforlock",
    ],
)
def test_output_and_exit_status_are_those_of_the_agent(option: str) -> None:
    plain = f"puppet agent {option if '--onetime' in option else f'--test {option}'}"
    printed = run(f"{plain} 2>&1; echo status $?; puppet_run {option} 2>&1; echo status $?")
    assert printed[-1] == "started 1"
    lines = printed[:-1]
    half = len(lines) // 2
    assert lines[half - 1].startswith("status ")
    assert lines[:half] == lines[half:]


def test_runs_are_forks_of_one_process() -> None:
    assert run("puppet_run --version; puppet_run --version & puppet_run --version; wait")[-1] == "started 1"


def test_a_changed_library_counts_from_the_next_run_on() -> None:
    # As dpkg does it: another file of the same name and the same mtime.
    replace = f"cp -p {LOADED} /new; mv /new {LOADED}; "
    ssl = 'lib=$(ls /usr/lib/*/libssl.so.3); cp -p "$lib" /new; mv /new "$lib"; '
    wait = "sleep 1; "  # a change while it is being loaded is another matter
    printed = run(f"puppet_run --version; {replace}{wait}puppet_run --version; {ssl}{wait}puppet_run --version")
    assert printed[-1] == "started 3"
    assert len(set(printed[:-1])) == 1


def test_a_run_takes_place_where_nobody_answers() -> None:
    printed = run("puppet_run --version; rm /run/puppet-run.socket; puppet_run --version")
    assert len(printed) == 3
    assert printed[0] == printed[1]


def test_a_caller_that_goes_away_leaves_the_others_served() -> None:
    gone = "ruby -rsocket -e 'UNIXSocket.new(\"/run/puppet-run.socket\")'"
    printed = run(f"puppet_run --version; {gone}; puppet_run --version")
    assert printed[0] == printed[1]
    assert printed[-1] == "started 1"


def test_a_signal_to_the_caller_ends_the_run_and_only_that() -> None:
    silent = "ruby -rsocket -e 'server = TCPServer.new(\"127.0.0.1\", 8140); sleep' & server=$!; "
    hang = "ruby --disable=gems /puppet_agent/puppet-run --server=localhost > /output 2>&1 & caller=$!; "
    agent = 'grep -qas "^puppet agent" /proc/[0-9]*/cmdline'
    began = f"timeout 60 sh -c 'until {agent}; do sleep 0.1; done' && echo began; "
    ended = f"timeout 60 sh -c 'while {agent}; do sleep 0.1; done' && echo ended; "
    # With which status depends on how far it has come, with `puppet agent` too.
    end = "kill -TERM $caller; wait $caller; "
    printed = run(silent + hang + began + end + ended + "kill $server; puppet_run --version > /dev/null")
    assert printed == ["began", "ended", "started 1"]
