"""A fleet of machines that ssh reaches, in the place of a real one: an ssh on PATH answers as each of them would.

What a machine says is in files, which `save` writes: `HOST/PROGRAM` is the output of a program, `HOST/PROGRAM.error`
what it says where it fails, `HOST/unreachable` what ssh says where it does not come through.
"""

import json
import os
import subprocess
import sys
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fleet_cli import cli
from fleet_cli.machine.errors import FleetError

SSH = """\
#!/bin/sh
[ "$1" != -G ] || { echo "hostname 127.0.0.1"; exit 0; }
# The last two words are the machine and the command; the command ends with the program's name.
for word; do host=$command; command=$word; done
cd "$FAKE_FLEET/$host" 2>/dev/null || {
  echo "ssh: Could not resolve hostname $host: Name or service not known" >&2
  exit 255
}
[ ! -e unreachable ] || { cat unreachable >&2; exit 255; }
program=${command##*/}
echo "$host $program" >>"$FAKE_FLEET/asked"
[ ! -e "$program.error" ] || { cat "$program.error" >&2; exit 1; }
[ "$program" != fleet-query ] || exec "$FAKE_FLEET_PYTHON" -I -S "$FAKE_FLEET/puppetdb.py"
[ -e "$program" ] || { echo "sudo: /usr/local/sbin/$program: command not found" >&2; exit 1; }
exec cat "$program"
"""
PUPPETDB = """\
import json, os, sys

def rows(pql):
    with open(os.environ["FAKE_FLEET"] + "/queries", "a") as queries:
        print(pql, file=queries)
    words = {"max(": "good", "Load_balancer": "balanced", "reports": "logs"}
    with open("fleet-query." + next((words[word] for word in words if word in pql), pql.partition("[")[0])) as file:
        return json.load(file)

asked = sys.stdin.read()
print(json.dumps({name: rows(pql) for name, pql in json.loads(asked).items()} if asked[0] == "{" else rows(asked)))
"""

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"
SERVER = "puppet.example.org"
HIERA = """\
version: 5
hierarchy:
  - {name: One machine, path: "nodes/%{trusted.certname}.yaml"}
  - {name: A tier, path: "tiers/%{trusted.extensions.pp_environment}.yaml"}
  - {name: Services, glob: "services/*.yaml"}
defaults: {datadir: hieradata, data_hash: yaml_data}
"""
PRODUCTION = "flask_microservice::versions: {orders: '1.0.0-1', inventory: '2.0.0-1'}\n"
SERVICES = "flask_microservice::services:\n  orders: {port: 7001}\n  inventory: {port: 7002}\n"
VERSIONS = {"orders": "1.0.0-1", "inventory": "2.0.0-1"}
PORTS = {"orders": 7001, "inventory": 7002}


def ago(**time: float) -> str:
    """A time before now, as ISO 8601 has it."""
    return (datetime.now(UTC) - timedelta(**time)).isoformat(timespec="seconds").replace("+00:00", "Z")


@dataclass
class Machine:
    """A node: what PuppetDB knows of it, and what its programs print. A test changes what it likes.

    Attributes:
        row: of PuppetDB's `nodes`.
        catalog: the parameters of its services.
        balanced: the parameters of the services that it has ports for.
        report: what fleet-report prints; None where that program is missing.
        inspection: what fleet-inspect prints.
        log: what fleet-log prints, a record each.
        unreachable: what ssh says where it does not come through.
    """

    certname: str
    role: str = "app"
    tier: str = "production"
    row: dict[str, Any] = field(default_factory=dict)
    catalog: dict[str, dict[str, Any]] = field(default_factory=dict)
    balanced: dict[str, dict[str, Any]] = field(default_factory=dict)
    report: dict[str, Any] | None = None
    inspection: dict[str, Any] | None = None
    log: list[dict[str, str]] = field(default_factory=list)
    unreachable: str = ""

    def service(self, name: str) -> dict[str, Any]:
        """What the report says of a service."""
        assert self.report
        found: dict[str, Any] = next(each for each in self.report["services"] if each["name"] == name)
        return found


class Machines:
    """The fleet: a Puppet server, nodes, a control repository whose commits are all at the remote, too."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directory = directory / "machines"
        self.repo = directory / "control"
        self.nodes: dict[str, Machine] = {}
        self.rows: dict[str, list[dict[str, Any]]] = {"events": [], "logs": [], "good": []}
        self.server_error = ""
        self.server_log: list[dict[str, str]] = []
        programs = directory / "programs"
        programs.mkdir()
        (programs / "ssh").write_text(SSH, encoding="utf-8")
        (programs / "ssh").chmod(0o755)
        monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
        monkeypatch.setenv("FAKE_FLEET", str(self.directory))
        monkeypatch.setenv("FAKE_FLEET_PYTHON", sys.executable)
        monkeypatch.setenv("PYTEST_ADDOPTS", "")
        self.remote = directory / "remote.git"
        self._make_repo()
        self.answers: dict[str, Any] = {
            "fleet": self.answer(), "tiers": {}, "nodes": {}, "branches": {}, "deploys": [], "loaded": [],
            "commits": {self.environment: self.head},
        }  # fmt: skip

    def _make_repo(self) -> None:
        self.write("hiera.yaml", HIERA)
        self.write("hieradata/tiers/production.yaml", PRODUCTION)
        self.write("hieradata/services/all.yaml", SERVICES)
        self.write("fleet.yaml", f"server: {SERVER}\nremote: {self.remote}\n")
        self.git("init", "--quiet", "--initial-branch=production")
        self.head = self.commit()
        self.remote.symlink_to(self.repo / ".git")

    def write(self, name: str, text: str) -> None:
        """Write a file of the control repository."""
        file = self.repo / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def git(self, *arguments: str) -> str:
        """Run git in the control repository."""
        person = ["-c", "user.name=Anna", "-c", "user.email=anna@example.org"]
        command = ["git", "-C", str(self.repo), *person, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self) -> str:
        """Commit all that there is; return the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "As declared")
        return self.git("rev-parse", "HEAD")

    def deploy(self) -> None:
        """Commit all that there is, and give it to the fleet."""
        self.head = self.commit()
        self.answers["commits"] = {self.environment: self.head}
        self.answers["fleet"] = self.answer()

    @property
    def environment(self) -> str:
        """Of the commit that is deployed."""
        return f"c_{self.head[:10]}"

    def answer(self, **other: Any) -> dict[str, Any]:
        """What the server gives to somebody."""
        since = int(datetime.now(UTC).timestamp()) - 3600
        own = {"environment": self.environment, "branch": "production", "since": since, "by": "root", "until": None}
        return {**own, "before": [], **other}

    def add(self, certname: str, role: str = "app", services: dict[str, str] | None = None) -> Machine:
        """A node on which all is as declared."""
        versions = VERSIONS if services is None and role == "app" else (services or {})
        machine = Machine(certname, role)
        machine.row = {
            "certname": certname, "report_timestamp": ago(minutes=10), "latest_report_status": "unchanged",
            "catalog_environment": self.environment,
        }  # fmt: skip
        machine.catalog = {
            name: {"version": version, "port": PORTS[name], "ensure": "present", "health_path": "/health/ready"}
            for name, version in versions.items()
        }
        machine.report = {
            "certname": certname,
            "time": ago(seconds=1),
            "agent": {
                "disabled": None, "running": False, "failed": [],
                "last_run": {"time": ago(minutes=10), "version": self.head, "environment": self.environment,
                             "status": "unchanged", "failures": 0, "changed": 0},
            },
            "services": [_running(name, version) for name, version in versions.items()],
            "installed": dict(versions),
            "errors": {},
        }  # fmt: skip
        machine.inspection = _inspection(machine.report["services"])
        self.nodes[certname] = machine
        return machine

    def save(self) -> None:
        """Write what all machines say."""
        for machine in self.nodes.values():
            self._save(machine)
        inventory = [_trusted(machine.certname, machine.role, machine.tier) for machine in self.nodes.values()]
        resources = [
            {"certname": machine.certname, "type": "Flask_microservice::Service", "title": name, "parameters": its}
            for machine in self.nodes.values()
            for name, its in machine.catalog.items()
        ]
        says = {
            "inventory": [_trusted(SERVER, "puppetserver", "production"), *inventory],
            "resources": resources,
            "nodes": [machine.row for machine in self.nodes.values() if machine.row],
            "balanced": [
                {"certname": machine.certname, "title": name, "parameters": its}
                for machine in self.nodes.values()
                for name, its in machine.balanced.items()
            ],
            **self.rows,
        }
        files = {f"fleet-query.{name}": json.dumps(rows) for name, rows in says.items()}
        files["fleet-answers"] = json.dumps(self.answers)
        files["fleet-log"] = "\n".join(json.dumps(record) for record in self.server_log)
        if self.server_error:
            files["fleet-query.error"] = self.server_error
        self._put(SERVER, files)
        (self.directory / "puppetdb.py").write_text(PUPPETDB, encoding="utf-8")

    def _save(self, machine: Machine) -> None:
        files = {"fleet-log": "\n".join(json.dumps(record) for record in machine.log)}
        if machine.report is not None:
            files["fleet-report"] = json.dumps(machine.report)
        if machine.inspection is not None:
            files["fleet-inspect"] = json.dumps(machine.inspection)
        if machine.unreachable:
            files["unreachable"] = machine.unreachable
        self._put(machine.certname, files)

    def _put(self, host: str, files: dict[str, str]) -> None:
        place = self.directory / host
        place.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (place / name).write_text(text + "\n", encoding="utf-8")

    def queries(self) -> list[str]:
        """What PuppetDB was asked."""
        return (self.directory / "queries").read_text(encoding="utf-8").splitlines()

    def asked(self) -> list[str]:
        """The machine and the program of each ssh."""
        return (self.directory / "asked").read_text(encoding="utf-8").splitlines()

    def alone(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of fleet in a process of its own."""
        self.save()
        command = [sys.executable, "-m", "fleet_cli", "-C", str(self.repo), *arguments]
        environment = {**os.environ, "PYTHONPATH": str(SCRIPTS)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def fleet(self, *arguments: str, status: int = 0) -> str:
        """Run a command of fleet as a person does; return what it printed, and a failure's message."""
        self.save()
        result = CliRunner().invoke(cli.fleet, ["-C", str(self.repo), *arguments])
        if isinstance(result.exception, FleetError):
            assert status == 1, result.exception
            return str(result.exception)
        assert result.exit_code == status, result.output + repr(result.exception)
        return result.output


def _inspection(services: list[dict[str, Any]]) -> dict[str, Any]:
    """What root sees where all is as declared."""
    units: dict[str, dict[str, str]] = {}
    for service in services:
        name = service["name"]
        units[f"{name}.socket"] = {"active": "active", "sub": "running", "enabled": "enabled", "user": ""}
        units[f"{name}.service"] = {"active": "active", "sub": "exited", "enabled": "enabled", "user": ""}
        units[f"{name}@{service['release']}.service"] = {
            "active": "active", "sub": "running", "enabled": "disabled", "user": name,
        }  # fmt: skip
    return {
        "services": {service["name"]: {"paths": _paths(service["name"])} for service in services},
        "units": units,
        "listening": {"tcp": [22, *(PORTS[service["name"]] for service in services)], "unix": []},
        "authority": None,
        "errors": {},
    }


def _paths(name: str) -> dict[str, dict[str, str]]:
    rows = {
        f"/etc/{name}": ("directory", "root", name, "0750"),
        f"/etc/{name}/default_config.ini": ("file", "root", name, "0640"),
        f"/var/lib/{name}": ("directory", name, name, "0750"),
        f"/var/log/{name}": ("directory", "root", "adm", "0751"),
        f"/var/log/{name}/{name}.log": ("file", name, "adm", "0640"),
    }
    return {path: dict(zip(("kind", "owner", "group", "mode"), row, strict=True)) for path, row in rows.items()}


def _trusted(certname: str, role: str, tier: str) -> dict[str, Any]:
    return {"certname": certname, "trusted": {"extensions": {"pp_role": role, "pp_environment": tier}}}


def _running(name: str, version: str) -> dict[str, Any]:
    release = f"{version}.3fa9c1d2"
    return deepcopy({
        "name": name, "state": "serving", "version": version, "release": release, "declared": release, "kept": [],
        "draining": False, "ready": True, "finishing": [], "undeclared": False, "note": "",
    })  # fmt: skip
