"""A bad release never serves, and no request is lost: whatever is switched, refused, killed or rolled back."""

import json
import shlex
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from deployed import connect
from fleet_cli.lab import laboratory, ssh
from fleet_cli.repository.labfile import Box, Lab
from load import Load
from releases import Node, append, failing_migration, never_ready, never_starts, variant, without_gunicorn
from workspace import Fleet, Workspace

pytestmark = pytest.mark.deploys

SERVICE = "inventory"
ENVIRONMENT = "switching"
HIERA = f"hieradata/services/{SERVICE}.yaml"
OTHER = "orders"
OTHER_HIERA = f"hieradata/services/{OTHER}.yaml"
PINS = "hieradata/tiers/staging.yaml"

BROKEN: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "imports what is not there": (
        "1.2.0-1", never_starts,
        "ModuleNotFoundError: No module named 'nosuchmodule'",
    ),
    "has nothing to start": ("1.2.0-2", without_gunicorn, "did not start"),
    "can't migrate": ("1.2.0-3", failing_migration, "its migrations failed: Error: there is no way"),
    "is never ready": (
        "1.2.0-4", never_ready,
        "not ready within 6 s (deadlines.ready): GET /health/ready answered 503",
    ),
    "crashes after it was ready": (
        "1.2.0-6",
        # At a worker's third health check, its server dies.
        append("database.py", "import os\n_asked, _current = [], require_current\ndef require_current() -> str:\n"
               "    _asked.append(1)\n    if len(_asked) == 3:\n        os.kill(os.getppid(), 9)\n"
               "    return _current()"),
        "was ready, but then it stopped",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def node(staging: Box) -> Node:
    return Node(staging, SERVICE)


@pytest.fixture(scope="module")
def port(repo: Path) -> int:
    return int(yaml.safe_load((repo / HIERA).read_text())["flask_microservice::services"][SERVICE]["port"])


@pytest.fixture(scope="module")
def url(staging: Box, port: int) -> str:
    return f"http://{staging.address}:{port}/api/v1/items"


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """An environment of its own, in which the service's deadlines are short."""
    workspace = Workspace.clone(tmp_path_factory.mktemp("switching") / "control")
    workspace.branch(ENVIRONMENT)
    data = yaml.safe_load(workspace.read(HIERA))
    data["flask_microservice::services"][SERVICE]["deadlines"] = {"ready": 6, "watch": 2}
    workspace.commit(HIERA, yaml.safe_dump(data))
    return workspace


@pytest.fixture(scope="module", autouse=True)
def left_as_declared(control: Workspace, fleet: Fleet, node: Node) -> Iterator[None]:
    """Start from the environment of these tests, and leave the node as production declares."""
    apply(control, node)
    yield
    fleet.ok("run", node.box.name, "--end-trial")


@pytest.fixture(autouse=True)
def as_before(node: Node, request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test the release of before serves, and nothing else is there."""
    node.shell(f"cp -a /etc/{SERVICE}/default_config.ini /root/{SERVICE}.ini")
    before = node.release
    yield
    if "good_at_last" not in request.fixturenames:
        node.shell(f"cp -a /root/{SERVICE}.ini /etc/{SERVICE}/default_config.ini")
        node.call("switch", SERVICE)
    assert node.release == before
    assert node.traces() == []
    assert node.running() == [f"{SERVICE}@{before}.service"]


def apply(control: Workspace, node: Node) -> dict[str, Any]:
    """Deploy the environment and run the agent; what came of it."""
    control.fleet.ok("deploy", ENVIRONMENT)
    (run,) = control.fleet.agent(node.box.name, "--environment", ENVIRONMENT)
    return run


def pin(control: Workspace, version: str) -> None:
    data = yaml.safe_load(control.read(PINS))
    data["flask_microservice::versions"][SERVICE] = version
    control.commit(PINS, yaml.safe_dump(data))


@pytest.fixture
def publish(fleet: Fleet, lab: Lab, tmp_path: Path) -> Callable[[Iterable[str]], None]:
    """Publishes broken versions like any other."""

    def publish(names: Iterable[str]) -> None:
        package = laboratory.package(next(service for service in lab.services if service.name == SERVICE))
        made = [variant(package, *BROKEN[name][:2], tmp_path) for name in names]
        fleet.ok("publish", *(str(path) for path in made))

    return publish


@pytest.fixture(scope="class")
def good_at_last(control: Workspace, node: Node) -> Iterator[None]:
    """After the last of several tests what was declared before them is so on the node."""
    before = node.release
    yield
    run = apply(control, node)
    assert (run["outcome"], node.release) == ("changed", before)
    assert Node(node.box, OTHER).status()["state"] == "serving"


@pytest.fixture
def declared_again(control: Workspace) -> Iterator[None]:
    """Whatever a test declares: the next deploy is of what was declared before."""
    declared = {path: control.read(path) for path in (PINS, HIERA, OTHER_HIERA)}
    yield
    for path, text in declared.items():
        control.write(path, text)
    control.commit(PINS, declared[PINS])


def configure(control: Workspace, path: str, service: str, log: dict[str, str]) -> None:
    """Declare the section log of a service's config."""
    data = yaml.safe_load(control.read(path))
    data["flask_microservice::services"][service]["config"]["log"] = log
    control.commit(path, yaml.safe_dump(data))


def refused(control: Workspace, node: Node, url: str, what: str) -> dict[str, Any]:
    """Declare a broken version and run the agent: the run fails, and the old one serves. Return the run."""
    version, _, reason = BROKEN[what]
    before = node.release
    pin(control, version)
    with Load(url, keep_alive=what != "is never ready") as load:
        run = apply(control, node)
        assert node.release == before
    assert (run["outcome"], load.lost) == ("failed", []), load
    assert set(load.releases) == {before}, "the broken release answered"
    (failure,) = run["failed"]
    assert failure["resource"] == f"Flask_microservice_release[{SERVICE}]"
    assert reason in failure["message"]
    assert f"{before} still serves" in failure["message"]
    assert node.traces() == []
    return run


@pytest.mark.usefixtures("good_at_last", "declared_again")
class TestRun:
    """One thing after the other is declared, and after the last of them what was declared before."""

    def test_a_broken_version_fails_the_run_and_loses_nothing_and_another_service_is_switched_in_that_run(
        self, control: Workspace, node: Node, url: str, publish: Callable[[Iterable[str]], None]
    ) -> None:
        """A refused release keeps no other service from its new one; each resource tells its own outcome."""
        what = "imports what is not there"
        publish([what])
        other = Node(node.box, OTHER)
        other_before = other.release
        configure(control, OTHER_HIERA, OTHER, {"level": "debug"})
        run = refused(control, node, url, what)
        assert f"Flask_microservice_release[{OTHER}]" in run["changed"]
        assert (other.status()["state"], other.status()["kept"][0]) == ("serving", other_before)
        assert other.traces() == []

    def test_going_back_brings_the_config_back_and_puppet_does_not_undo_it(
        self, control: Workspace, node: Node
    ) -> None:
        first = node.release
        configure(control, HIERA, SERVICE, {"level": "debug"})
        assert apply(control, node)["outcome"] == "changed"
        node.call("rollback", SERVICE)
        assert node.release == first
        pid = node.shell(f"systemctl show -P MainPID '{SERVICE}@{first}.service'")
        seen = node.shell(f"nsenter -t {pid} -m cat /etc/{SERVICE}/default_config.ini")
        assert "level = info" in seen, "the old release runs with the new config"
        (run,) = control.fleet.agent(node.box.name)
        assert run["outcome"] == "failed"
        assert "was rolled back on this node" in run["failed"][0]["message"]
        assert node.release == first


@pytest.mark.drill
@pytest.mark.usefixtures("good_at_last", "declared_again")
def test_refused_config(control: Workspace, node: Node, url: str) -> None:
    """It never serves."""
    before = node.release
    configure(control, HIERA, SERVICE, {"levle": "info"})
    with Load(url) as load:
        run = apply(control, node)
    assert (run["outcome"], load.lost, set(load.releases)) == ("failed", [], {before}), load
    assert "unknown key levle in [log]; did you mean level?" in run["failed"][0]["message"]
    assert f"/etc/{SERVICE}/default_config.ini:" in run["failed"][0]["message"], "file and line are not named"
    # The node's people see it too, and a further run still fails.
    assert node.status()["state"] == "outdated"


@pytest.mark.drill
@pytest.mark.usefixtures("good_at_last", "declared_again")
def test_broken_versions(control: Workspace, node: Node, url: str, publish: Callable[[Iterable[str]], None]) -> None:
    """Each way in which a version can be broken."""
    publish(BROKEN)
    for what in BROKEN:
        refused(control, node, url, what)
        print(f"a version that {what} was refused")


def test_changes_of_config_and_rollbacks_lose_no_request(node: Node, url: str) -> None:
    first = node.release
    with Load(url, keep_alive=None) as load:
        node.touch_config("second")
        node.call("switch", SERVICE)
        second = node.release
        load.until(load.answered + 50)
        node.call("rollback", SERVICE)
        assert node.release == first
        load.until(load.answered + 50)
        node.call("switch", SERVICE)
        load.until(load.answered + 50)
    print(f"three switches under load, {load}")
    assert load.lost == []
    assert set(load.releases) == {first, second}


@pytest.mark.drill
def test_plain_restart(node: Node, url: str) -> None:
    """Say what the same load loses by a restart, to compare."""
    for keep_alive in (False, True):
        with Load(url, keep_alive=keep_alive) as load:
            node.shell(f"systemctl restart {SERVICE}@{node.release}.service")
            load.until(load.answered + 50)
        print(f"systemctl restart of one instance behind the open socket, {load}")
        with Load(url, keep_alive=keep_alive) as load:
            # A service that binds its port itself: the port is closed until it is back.
            node.shell(f"systemctl stop {SERVICE}.socket {SERVICE}.service; systemctl start {SERVICE}.service")
            load.until(load.answered + 50)
        print(f"systemctl restart of service and port, {load}")
        assert load.answered > 0


KILLED_AT = """
import os, signal, subprocess, sys
name, step = sys.argv[1:]
switch = subprocess.Popen(["flask-microservice", "switch", name], stderr=subprocess.PIPE, text=True)
for line in switch.stderr:
    if line.startswith(f"{name}: {step}"):
        switch.send_signal(signal.SIGKILL)
        break
sys.exit(0 if switch.wait() == -signal.SIGKILL else 1)
"""


def killed(step: str, node: Node, url: str) -> None:
    """Kill a switch at a step; nothing is lost by it, and the next one goes on."""
    before = node.release
    with Load(url) as load:
        node.touch_config(f"killed while {step}")
        connect(node.box).check_output(f"python3 -c {shlex.quote(KILLED_AT)} {SERVICE} {step}")
        assert node.status()["state"] in ("interrupted", "outdated", "serving")
        done = node.switch()
        assert done.returncode == 0, done.stderr
        assert node.release != before
        assert node.traces() == []
        assert node.running() == [f"{SERVICE}@{node.release}.service"]
    assert load.lost == [], load


def test_a_switch_that_is_killed_loses_nothing_and_the_next_one_goes_on(node: Node, url: str) -> None:
    """As the new release gets the port."""
    killed("starting", node, url)


@pytest.mark.drill
def test_killed_switch(node: Node, url: str) -> None:
    """At each of its steps."""
    for step in ("preparing", "trying", "starting", "stopping"):
        killed(step, node, url)


def test_of_two_switches_at_once_one_waits(node: Node, url: str) -> None:
    with Load(url) as load:
        node.touch_config("two at once")
        command = ssh.command(node.box)
        first, second = (
            subprocess.Popen(
                [*command, "sudo", "flask-microservice", "switch", SERVICE], stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True,
            )
            for _ in range(2)
        )  # fmt: skip
        results = [process.communicate(timeout=60) for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), results
    assert sorted(out.split(": ")[1].split()[1:] for out, _ in results) == [["serves", "already"], ["serves", "now"]]
    assert any("waiting for another switch" in err for _, err in results)
    assert load.lost == [], load


def test_a_full_disk_while_preparing_leaves_the_old_release(node: Node, url: str) -> None:
    releases = f"/opt/releases/{SERVICE}"
    before = node.release
    # A file system with room for what is there, and not for one more release.
    node.shell(
        f"size=$(du -sm {releases} | cut -f 1) && mkdir -p /run/full"
        " && mount -t tmpfs -o size=$((size + 4))m full /run/full"
        f" && cp -a {releases}/. /run/full/ && mount --bind /run/full {releases}"
    )
    try:
        with Load(url) as load:
            node.touch_config("no room")
            done = node.switch()
        assert done.returncode == 1
        assert "could not be prepared: No space left on device" in done.stderr
        assert f"{before} still serves" in done.stderr
        assert (node.release, load.lost) == (before, []), load
    finally:
        node.shell(f"umount {releases} /run/full && rmdir /run/full")


@pytest.mark.drill
def test_busy_check_socket(node: Node, url: str) -> None:
    before = node.release
    node.touch_config("busy")
    digest = node.status()["declared"].rpartition(".")[2]
    path = f"/run/flask-microservice/{SERVICE}/trial-{digest}.sock"
    node.shell(f"mkdir -p {path}/taken")
    try:
        with Load(url) as load:
            done = node.switch()
        assert done.returncode == 1
        assert "its socket for health checks can't be opened" in done.stderr
        assert (node.release, load.lost) == (before, []), load
    finally:
        node.shell(f"rm -r {path}")


def test_a_declared_version_that_is_not_installed_is_refused(node: Node) -> None:
    unit = f"/etc/systemd/system/{SERVICE}@.service"
    node.shell(f"cp -a {unit} /run/unit && sed -i 's/^Version=.*/Version=7.0-1/' {unit}")
    try:
        done = node.switch()
        assert done.returncode == 1
        assert f"{SERVICE} 7.0-1 is declared, but it is 1.0.0-1 on this node" in done.stderr
    finally:
        node.shell(f"mv /run/unit {unit}")


@pytest.mark.drill
def test_reboot_in_a_switch(node: Node, url: str) -> None:
    before = node.release
    node.touch_config("reboot")
    switch = subprocess.Popen(
        [*ssh.command(node.box), "sudo", "flask-microservice", "switch", SERVICE], stderr=subprocess.PIPE, text=True
    )
    assert switch.stderr is not None
    for line in switch.stderr:
        if line.startswith(f"{SERVICE}: trying"):
            break
    boot = node.shell("cat /proc/1/stat | cut -d ' ' -f 22")
    ssh.run(node.box, ["systemctl", "reboot", "--force", "--force"], check=False)  # which cuts the connection
    switch.wait(timeout=60)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        up = ssh.run(node.box, ["cut", "-d", " ", "-f", "22", "/proc/1/stat"], check=False)
        if up.returncode == 0 and up.stdout.strip() != boot:
            break
        time.sleep(0.5)
    while time.monotonic() < deadline:
        try:
            answer = requests.get(url, timeout=5)
        except requests.RequestException:
            time.sleep(0.2)
            continue
        assert answer.headers["X-Release"] == before
        break
    else:
        pytest.fail("the service did not come back after the reboot")
    assert node.release == before


# The settings without which requests are lost: each was found by a loss.


def nonblocking(node: Node) -> bool:
    """Whether the socket of the port is non-blocking for the release that serves."""
    script = f"""
import pathlib, subprocess, sys
inode = subprocess.run(["ss", "-Hltne", "sport = :{{}}".format(sys.argv[1])], capture_output=True, text=True).stdout
inode = inode.split("ino:")[1].split()[0]
pid = subprocess.run(["systemctl", "show", "-P", "MainPID", "{SERVICE}@{node.release}.service"],
                     capture_output=True, text=True).stdout.strip()
for descriptor in pathlib.Path("/proc", pid, "fd").iterdir():
    if str(descriptor.readlink()) == "socket:[{{}}]".format(inode):
        flags = pathlib.Path("/proc", pid, "fdinfo", descriptor.name).read_text().split("flags:")[1].split()[0]
        print(bool(int(flags, 8) & 0o4000))
        break
"""
    port = node.shell(f"systemctl show -P Listen {SERVICE}.socket").split(":")[-1].split()[0]
    return node.shell(f"python3 -c {shlex.quote(script)} {port}").strip() == "True"


def test_starting_a_release_never_makes_workers_of_the_old_one_hang_in_accept(node: Node) -> None:
    assert nonblocking(node), "a worker of the running release can hang in accept()"
    # The same without the setting, to see that this test would notice.
    unit = f"{SERVICE}@0.probe.service"
    node.shell(
        f"sed -e '/^NonBlocking=/d; s/^Sockets=.*/Sockets={SERVICE}.socket/; /^Requires=/d; /^PartOf=/d;"
        f" /^ExecStartPre/d; s/^Type=.*/Type=oneshot/; s/^ExecStart=.*/ExecStart=true/; /^BindReadOnly/d'"
        f" /etc/systemd/system/{SERVICE}@.service > /run/systemd/system/{unit}"
        f" && systemctl daemon-reload && systemctl start {unit}"
    )
    try:
        assert not nonblocking(node), "the setting makes no difference here: this test shows nothing"
    finally:
        node.shell(f"rm /run/systemd/system/{unit}; systemctl daemon-reload; systemctl restart {SERVICE}.service")
    assert nonblocking(node)


def test_a_release_that_dies_again_and_again_does_not_close_the_port(node: Node, url: str) -> None:
    unit = f"{SERVICE}@{node.release}.service"
    # More often than systemd's usual start limit, which is 5 in 10 s; sooner than it starts it again by itself.
    node.shell(f"for i in 1 2 3 4 5 6 7 8; do systemctl kill --signal=KILL {unit}; systemctl restart {unit}; done")
    assert node.shell(f"systemctl is-active {SERVICE}.socket").strip() == "active"
    assert requests.get(url, timeout=20).status_code == 200


def test_traffic_does_not_start_a_release_that_was_stopped(node: Node, url: str) -> None:
    unit = f"{SERVICE}@{node.release}.service"
    node.shell(f"systemctl stop {unit}")
    try:
        with pytest.raises(requests.Timeout):
            requests.get(url, timeout=2)
        assert node.running() == []
        assert node.status()["state"] == "stopped"
    finally:
        node.shell(f"systemctl start {unit}")
    assert requests.get(url, timeout=20).status_code == 200


def test_the_server_is_one_that_hands_connections_over(node: Node) -> None:
    # gunicorn before 27 lost connections that were kept alive, or just accepted, when it stopped.
    version = node.shell(f"/opt/releases/{SERVICE}/{node.release}/venv/bin/python -c"
                         " 'import importlib.metadata; print(importlib.metadata.version(\"gunicorn\"))'")  # fmt: skip
    assert int(version.split(".")[0]) >= 27


def test_a_draining_service_says_so_and_goes_on_serving(node: Node, url: str) -> None:
    health = url.replace("/api/v1/items", "/health/ready")
    node.call("drain", SERVICE)
    try:
        assert (requests.get(health, timeout=5).status_code, requests.get(url, timeout=5).status_code) == (503, 200)
        (status,) = json.loads(node.call("status", "--json", SERVICE).stdout)
        assert (status["draining"], status["ready"]) == (True, True)
    finally:
        node.call("undrain", SERVICE)
    assert requests.get(health, timeout=5).status_code == 200
