"""A service on a box, and how the tests reach it."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import testinfra
from fleet_cli.development import suite
from fleet_cli.fleet import deploying, puppetdb
from fleet_cli.lab import description
from fleet_cli.machine import paths
from fleet_cli.repository import labfile
from fleet_cli.repository.labfile import Box
from testinfra.host import Host

REPO = Path(__file__).resolve().parents[2]
LAB = labfile.load(REPO / "lab.yaml")
FLEET = description.of(LAB)
TO_LEAVE = os.environ.get(suite.DEPLOYED, "")
"""The commit to leave deployed after tests that deploy; empty where no test may."""


def connect(box: Box) -> Host:
    """Return the testinfra host of a box, as root, over Vagrant's ssh configuration."""
    return testinfra.get_host(f"ssh://{box.name}", ssh_config=str(paths.SSH_CONFIG), sudo=True)


def environment_of(box: Box) -> str:
    """Return the environment that a box got its newest catalog from."""
    rows = puppetdb.query(FLEET, f'nodes[catalog_environment] {{ certname = "{box.certname}" }}')
    return str(rows[0]["catalog_environment"])


def latest_report(box: Box) -> dict[str, Any] | None:
    """Return the newest report of a box, None where there is none."""
    rows = puppetdb.query(FLEET, f'reports {{ certname = "{box.certname}" and latest_report? = true }}')
    return rows[0] if rows else None


def fleet_environment() -> str:
    """Return the environment that the fleet is given."""
    return deploying.answers(FLEET).environment(FLEET.branch)


@dataclass(frozen=True)
class Deployed:
    """A service on a node, as the node's catalog in PuppetDB declares it."""

    box: Box
    parameters: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.parameters["name"])

    @property
    def url(self) -> str:
        return f"http://{self.box.address}:{self.parameters['port']}"

    @property
    def health_url(self) -> str:
        return f"{self.url}{self.parameters['health_path']}"

    @property
    def from_template(self) -> bool:
        """Whether it was made from the template; of another application only what the module sees to is known."""
        return self.parameters.get("application") is None

    @property
    def package(self) -> str:
        return str(self.parameters.get("package") or self.name)

    @property
    def node(self) -> Host:
        return connect(self.box)

    @property
    def instance(self) -> str:
        """The unit of the release that serves."""
        (status,) = json.loads(self.node.check_output(f"flask-microservice status --json --no-health {self.name}"))
        return f"{self.name}@{status['release']}.service"
