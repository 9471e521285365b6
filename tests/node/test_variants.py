"""What a service can declare besides port and version: several from one package, a unix socket, limits; and its end."""

import configparser
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from deployed import connect
from fleet_cli.repository.labfile import Box
from testinfra.host import Host
from workspace import Fleet, Workspace

pytestmark = pytest.mark.deploys

PACKAGE = "inventory"
NAME = "inventory-eu"
SOCKET = f"/run/{NAME}.sock"
ENVIRONMENT = "variants"
FILE = f"hieradata/services/{NAME}.yaml"
DECLARED: dict[str, Any] = {
    "package": PACKAGE,
    "socket": SOCKET,
    "migrations": True,
    "environment": {"SHARE": "50%"},
    "limits": {"memory": "300M", "tasks": 40, "cpu": "150%", "files": 2048},
    "unit": {"Service": {"OOMScoreAdjust": 100}},
    "deadlines": {"watch": 1},
    "log": {"level": "debug", "keep": 3, "max_size": "5M"},
    "secrets": {"app": ["secret_key"]},
}
SECRETS: dict[str, Any] = {"app": {"secret_key": "only on a box of the lab, and gone with it"}}


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory, staging: Box, fleet: Fleet) -> Iterator[Workspace]:
    """An environment in which the staging node runs one more service; afterwards it is as production declares."""
    workspace = Workspace.clone(tmp_path_factory.mktemp("variants") / "control")
    workspace.branch(ENVIRONMENT)
    yield workspace
    if connect(staging).user(NAME).exists:
        apply(workspace, staging, {"ensure": "absent", "purge": True, "package": PACKAGE})
    fleet.ok("run", staging.name, "--end-trial")


def apply(control: Workspace, box: Box, declared: dict[str, Any]) -> dict[str, Any]:
    """Declare the service and run the agent; what came of it."""
    data = {
        "flask_microservice::services": {NAME: declared},
        "flask_microservice::secrets": {NAME: SECRETS},
    }
    control.commit(FILE, yaml.safe_dump(data, explicit_start=True))
    control.fleet.ok("deploy", ENVIRONMENT)
    (run,) = control.fleet.agent(box.name, "--environment", ENVIRONMENT)
    return run


@pytest.fixture(scope="module")
def first_run(control: Workspace, staging: Box) -> dict[str, Any]:
    """What came of the run that brought the service; the service that was there before is as it was."""
    node = connect(staging)
    serving = node.check_output(f"flask-microservice status --json {PACKAGE}")
    run = apply(control, staging, DECLARED)
    assert node.check_output(f"flask-microservice status --json {PACKAGE}") == serving, "the first one was touched"
    return run


def ask(node: Host, path: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(
        node.check_output(f"curl --silent --fail --unix-socket {SOCKET} http://localhost{path}")
    )
    return answer


def show(node: Host, name: str, *properties: str) -> list[str]:
    (status,) = json.loads(node.check_output(f"flask-microservice status --json {name}"))
    unit = f"{name}@{status['release']}.service"
    return [node.check_output(f"systemctl show -P {one} {unit}") for one in properties]


def test_a_second_service_from_one_package_on_a_unix_socket(
    first_run: dict[str, Any], control: Workspace, staging: Box
) -> None:
    node = connect(staging)
    assert (first_run["outcome"], first_run["failed"]) == ("changed", [])
    assert ask(node, "/health/ready")["status"] == "ready"
    added = node.check_output(
        f"curl --silent --unix-socket {SOCKET} -H 'Content-Type: application/json'"
        """ -d '{"name": "lamp of the second", "kind": "goods", "category": "general"}' http://localhost/api/v1/items"""
    )
    assert json.loads(added)["name"] == "lamp of the second"
    assert "lamp of the second" not in node.check_output("curl --silent http://localhost:7002/api/v1/items")
    listening = node.file(SOCKET)
    assert (listening.user, listening.group, oct(listening.mode)) == ("root", NAME, "0o660")

    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(node.file(f"/etc/{NAME}/default_config.ini").content_string)
    assert parser["database"]["url"] == f"sqlite:////var/lib/{NAME}/{NAME}.db"
    assert '"path": "/api/v1/items"' in node.file(f"/var/log/{NAME}/{NAME}.log").content_string
    (again,) = control.fleet.agent(staging.name, "--environment", ENVIRONMENT)
    assert (again["outcome"], again["changed"]) == ("unchanged", [])


@pytest.mark.usefixtures("first_run")
def test_what_it_declares_of_the_machine_is_what_systemd_gives_it(staging: Box) -> None:
    node = connect(staging)
    asked = ("MemoryMax", "TasksMax", "CPUQuotaPerSecUSec", "LimitNOFILE", "OOMScoreAdjust")
    assert show(node, NAME, *asked) == [str(300 * 1024**2), "40", "1.500000s", "2048", "100"]
    (pid,) = show(node, NAME, "MainPID")
    assert "SHARE=50%" in node.check_output(f"tr '\\0' '\\n' < /proc/{pid}/environ").splitlines()


@pytest.mark.usefixtures("first_run")
def test_an_absent_service_leaves_data_and_log_until_they_are_purged(control: Workspace, staging: Box) -> None:
    node = connect(staging)
    kept, gone = [f"/var/lib/{NAME}/{NAME}.db", f"/var/log/{NAME}/{NAME}.log"], [f"/etc/{NAME}", SOCKET]
    assert apply(control, staging, {"ensure": "absent", "package": PACKAGE})["failed"] == []
    assert [path for path in kept if not node.file(path).exists] == []
    assert [path for path in gone if node.file(path).exists] == []
    assert node.check_output(f"systemctl list-units --all --no-legend '{NAME}*'") == ""
    assert node.check_output(f"ls -A /opt/releases /etc/systemd/system | grep {NAME} || true") == ""
    assert node.package(PACKAGE).is_installed, "another service runs from the package"

    assert apply(control, staging, {"ensure": "absent", "package": PACKAGE, "purge": True})["failed"] == []
    assert [path for path in kept if node.file(str(Path(path).parent)).exists] == []
    assert not node.user(NAME).exists
    assert ask_port(node) == "ready"


def ask_port(node: Host) -> str:
    answer = json.loads(node.check_output("curl --silent --fail http://localhost:7002/health/ready"))
    return str(answer["status"])
