"""An application from PyPI that knows nothing of this project, packaged, declared and run like any service."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import yaml
from deployed import REPO, Deployed, connect
from fleet_cli import puppetdb
from fleet_cli.labfile import Box, Lab
from workspace import Fleet, Workspace

pytestmark = pytest.mark.deploys

EXAMPLE = REPO / "modules/flask_microservice/examples/httpbin"
SERVICES = "flask_microservice::services"
HIERA = "hieradata/services/httpbin.yaml"


@pytest.fixture(scope="module")
def declaration() -> str:
    """The Hiera file of the example."""
    return (EXAMPLE / "service.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def package(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its package, built and published by the commands that a developer types."""
    built = json.loads(fleet.ok("build", str(EXAMPLE), "--output", str(tmp_path_factory.mktemp("built")), "--json"))
    fleet.ok("publish", built[0]["path"])
    return Path(built[0]["path"])


@pytest.fixture
def httpbin(workspace: Workspace, staging: Box, lab: Lab, package: Path, declaration: str) -> Iterator[Deployed]:
    """The example, declared on a branch, on the staging box; afterwards it is gone, and the box is as before."""
    assert package.exists()
    workspace.branch("foreign")
    workspace.commit(HIERA, declaration)
    workspace.fleet.ok("deploy", "foreign")
    workspace.fleet.ok("run", staging.name, "--environment", "foreign")
    (parameters,) = [one for one in puppetdb.declared_services(lab)[staging.certname] if one["name"] == "httpbin"]
    yield Deployed(staging, parameters)
    removed = yaml.safe_load(declaration)
    removed[SERVICES]["httpbin"]["ensure"] = "absent"
    workspace.commit(HIERA, yaml.safe_dump(removed))
    workspace.fleet.ok("deploy", "foreign")
    workspace.fleet.ok("run", staging.name, "--environment", "foreign")
    workspace.fleet.ok("run", staging.name, "--end-trial")
    assert not connect(staging).package("httpbin").is_installed


def test_an_application_from_pypi_runs_beside_the_services(httpbin: Deployed, fleet: Fleet) -> None:
    assert not httpbin.from_template
    assert requests.get(httpbin.health_url, timeout=10).status_code == 200
    answer = requests.get(f"{httpbin.url}/get", params={"a": "1"}, timeout=10)
    assert answer.json()["args"] == {"a": "1"}
    assert httpbin.node.package("httpbin").version == httpbin.parameters["version"]

    pid = httpbin.node.check_output(f"systemctl show -P MainPID {httpbin.instance}")
    assert httpbin.node.check_output(f"ps -o user= -p {pid}").strip() == "httpbin"
    assert httpbin.node.file("/etc/httpbin/default_config.ini").mode == 0o640
    journal = httpbin.node.check_output("journalctl --no-pager -q -o cat -u 'httpbin@*'")
    assert "Listening at" in journal, "what an application prints must be somewhere"

    boxes = json.loads(fleet.ok("lab", "status", "--json"))
    (shown,) = [one for box in boxes for one in box["services"] if one["name"] == "httpbin"]
    assert shown["ready"] is True
    assert shown["version"] == httpbin.parameters["version"]
