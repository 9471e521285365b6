"""An application from PyPI that knows nothing of this project, packaged, declared and run like any service."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from deployed import FLEET, REPO, Deployed, connect
from fleet_cli.fleet import puppetdb
from fleet_cli.repository.labfile import Box
from workspace import Fleet, Workspace

pytestmark = pytest.mark.deploys

EXAMPLE = REPO / "modules/flask_microservice/examples/httpbin"
SERVICES = "flask_microservice::services"
ENVIRONMENT = "flask_microservice::secret_environment"
MARK = "only-on-a-box-of-the-lab"
FOUND = "only-on-a-box-of-the-la[b]"
"""It, as grep is told it: what is typed on a box is in the box's journal."""
TOKENS = [f"{MARK} '\"\\\\ $HOME `id` %i %{{foo}} #\nsecond=line{number}" for number in range(2)]
HIERA = "hieradata/services/httpbin.yaml"
VIRTUALENV = "/opt/venvs/httpbin"
PLACES = (
    f"{VIRTUALENV} /opt/releases/httpbin /etc/httpbin /var/lib/httpbin /var/log/httpbin /usr/share/doc/httpbin"
    " /etc/logrotate.d/httpbin /etc/systemd/system/httpbin* /run/httpbin* /var/lib/dpkg/info/httpbin.*"
)
"""Where its package, or the module for its sake, puts something."""


def declared(**more: Any) -> str:
    """The Hiera file of the example, with a secret environment variable besides."""
    data = yaml.safe_load((EXAMPLE / "service.yaml").read_text(encoding="utf-8"))
    data[SERVICES]["httpbin"] |= {"secret_environment": ["TOKEN"], "deadlines": {"watch": 1}, **more}
    return yaml.safe_dump(data, explicit_start=True)


@pytest.fixture(scope="module")
def package(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its package, built and published by the commands that a developer types."""
    built = json.loads(fleet.ok("build", str(EXAMPLE), "--output", str(tmp_path_factory.mktemp("built")), "--json"))
    fleet.ok("publish", built[0]["path"])
    return Path(built[0]["path"])


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A clone with a branch of its own."""
    workspace = Workspace.clone(tmp_path_factory.mktemp("foreign") / "control")
    workspace.branch("foreign")
    return workspace


def apply(control: Workspace, box: Box, hiera: str, token: str) -> None:
    control.commit(HIERA, hiera)
    # Above the value that the lab has made up for the tier.
    value = {ENVIRONMENT: {"httpbin": {"TOKEN": token}}}
    control.commit(f"hieradata/nodes/{box.certname}.yaml", yaml.safe_dump(value, explicit_start=True))
    control.fleet.ok("deploy", "foreign")
    control.fleet.ok("run", box.name, "--environment", "foreign")


@pytest.fixture(scope="module")
def httpbin(control: Workspace, staging: Box, package: Path) -> Iterator[Deployed]:
    """The example, declared on a branch, on the staging box; afterwards it is gone, and the box is as before."""
    assert package.exists()
    apply(control, staging, declared(), TOKENS[0])
    (parameters,) = [one for one in puppetdb.declared_services(FLEET)[staging.certname] if one["name"] == "httpbin"]
    yield Deployed(staging, parameters)
    if connect(staging).package("httpbin").is_installed:
        apply(control, staging, declared(ensure="absent", purge=True), TOKENS[0])
    control.fleet.ok("run", staging.name, "--end-trial")
    assert not connect(staging).package("httpbin").is_installed
    assert not connect(staging).file("/etc/httpbin").exists


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


def test_the_commands_of_its_libraries_run_where_they_are_installed(httpbin: Deployed) -> None:
    node = httpbin.node
    scripts = node.check_output(f"find {VIRTUALENV}/bin -type f").splitlines()
    assert f"{VIRTUALENV}/bin/gunicorn" in scripts
    for script in scripts:
        assert node.check_output(f"head -n 1 {script}").startswith(f"#!{VIRTUALENV}/bin/python"), script
    assert node.check_output(f"{VIRTUALENV}/bin/gunicorn --version").startswith("gunicorn ")
    assert node.run(f"grep -rl /build/httpbin {VIRTUALENV}").stdout == "", "the build's folder, which is on no node"


def token(service: Deployed) -> str:
    """The variable that the service's process has, whatever is in it."""
    pid = service.node.check_output(f"systemctl show -P MainPID {service.instance}")
    environment = base64.b64decode(service.node.check_output(f"base64 -w0 /proc/{pid}/environ")).decode()
    return dict(each.split("=", 1) for each in environment.split("\0") if each)["TOKEN"]


def test_a_secret_environment_variable_arrives_verbatim_and_shows_nowhere(httpbin: Deployed) -> None:
    node = httpbin.node
    assert token(httpbin) == TOKENS[0]
    for shown in (
        "systemctl show 'httpbin*'", "systemctl cat 'httpbin@*'", "journalctl --no-pager -q -o verbose --since -2h",
        "flask-microservice status --json",
    ):  # fmt: skip
        assert node.run(f"{shown} | grep '{FOUND}'").stdout == "", shown
    # The agent keeps its catalog, with this secret as with any other, in a file that is root's alone.
    places = "/etc /run /var/log /var/lib/puppet /var/cache/puppet /opt/releases/httpbin"
    found = node.run(f"grep -rl --exclude-dir=catalog '{FOUND}' {places}").stdout.split()
    release = httpbin.instance.partition("@")[2].removesuffix(".service")
    assert sorted(found) == [
        "/etc/httpbin/secret_environment", f"/opt/releases/httpbin/{release}/secret_environment",
    ]  # fmt: skip
    assert {(node.file(path).user, node.file(path).mode) for path in found} == {("root", 0o400)}
    for kind in ("resources", "events", "reports"):
        assert MARK not in json.dumps(puppetdb.query(FLEET, f'{kind} {{ certname = "{httpbin.box.certname}" }}')), kind


def test_another_value_is_another_release_and_going_back_goes_back_to_the_one_before(
    httpbin: Deployed, control: Workspace, staging: Box
) -> None:
    apply(control, staging, declared(), TOKENS[1])
    assert token(httpbin) == TOKENS[1]
    httpbin.node.check_output("flask-microservice rollback httpbin")
    assert token(httpbin) == TOKENS[0]


def test_nothing_of_it_is_left_after_a_purge_even_if_root_has_run_its_commands(
    httpbin: Deployed, control: Workspace, staging: Box
) -> None:
    """Root may write byte code beside the modules it loads; dpkg leaves a folder with a file that it does not know."""
    node = httpbin.node
    node.check_output(f"{VIRTUALENV}/bin/gunicorn --version")
    node.check_output(f"{VIRTUALENV}/bin/python -c 'import httpbin'")
    owned = node.check_output("dpkg-query --listfiles httpbin").splitlines()
    unknown = set(node.check_output(f"find {VIRTUALENV}").splitlines()) - set(owned)
    assert unknown == set(), "files that dpkg does not know"

    apply(control, staging, declared(ensure="absent", purge=True), TOKENS[0])
    assert node.run(f"ls -d {PLACES}").stdout == ""
    assert not node.user("httpbin").exists
