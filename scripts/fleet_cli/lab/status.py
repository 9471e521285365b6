"""What runs in the lab: boxes, services, whether they answer."""

import json
import ssl as tls
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from typing import Any

import urllib3
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fleet_cli.fleet import deploying, puppetdb
from fleet_cli.fleet.deploying import Trial
from fleet_cli.lab import ca, description, ssh
from fleet_cli.lab.boxes import Boxes
from fleet_cli.machine.errors import FleetError
from fleet_cli.machine.printable import printable
from fleet_cli.repository.labfile import Box, Lab

TIMEOUT_SECONDS = 5.0
HEALTH_PATH = "/health/ready"
"""Of a service whose newest catalog has no parameter health_path."""


@dataclass
class ServiceStatus:
    """A service on a box, or at a load balancer.

    Attributes:
        version: what the service itself says; what is declared for it, while it does not answer, or if it says nothing.
        ready: whether its health check answers 200.
    """

    name: str
    version: str
    url: str
    ready: bool


@dataclass
class BoxStatus:
    """A box and the services that Puppet has declared for it.

    Attributes:
        trial: what the box is given instead of the fleet's commit, and until when; empty if it is not on trial.
    """

    box: str
    role: str
    tier: str
    address: str
    running: bool
    trial: str = ""
    services: list[ServiceStatus] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The box as JSON has it."""
        return asdict(self)


def collect(lab: Lab) -> list[BoxStatus]:
    """Ask every box of the lab."""
    boxes = Boxes(lab)
    running = {box.name: boxes.running(box) for box in lab.boxes}
    declared: dict[str, list[dict[str, Any]]] = {}
    trusted: tls.SSLContext | None = None
    trials: dict[str, Trial] = {}
    if running[lab.server.name]:
        try:
            declared = {
                **puppetdb.declared_services(description.of(lab)),
                **puppetdb.balanced_services(description.of(lab)),
            }
            trusted = ca.context(lab)
        except FleetError:
            declared = {}  # the server is still starting: boxes are shown without services
        with suppress(FleetError):  # nothing is deployed, or the answers are damaged: a run says so
            trials = deploying.answers(description.of(lab)).trials
    with ThreadPoolExecutor() as pool:
        statuses = list(
            pool.map(lambda box: _box(box, running[box.name], declared.get(box.certname, []), trusted), lab.boxes)
        )
    for box, found in zip(lab.boxes, statuses, strict=True):
        if trial := trials.get(box.certname):
            found.trial = _trial(trial)
    return statuses


def _trial(trial: Trial) -> str:
    until = time.strftime("%H:%M:%S %Z", time.localtime(trial.until))
    return f"{trial.branch or 'commit'} ({trial.environment}) until {until}"


def _box(box: Box, running: bool, declared: list[dict[str, Any]], trusted: tls.SSLContext | None) -> BoxStatus:
    status = BoxStatus(box.name, box.role, box.tier, box.address, running)
    # A machine is asked by its address, since this one may not know its name; its certificate has the name.
    with urllib3.PoolManager(ssl_context=trusted, server_hostname=box.certname, assert_hostname=box.certname) as asking:
        for service in declared if running else []:
            status.services.append(_service(box, service, asking))
    return status


def _service(box: Box, declared: dict[str, Any], asking: urllib3.PoolManager) -> ServiceStatus:
    path = declared.get("health_path") or HEALTH_PATH
    version, ready = str(declared.get("version", "")), False
    socket = declared.get("socket")
    url = f"unix:{socket}" if socket else _url(box, declared)
    try:
        if socket:
            text = _ask_socket(box, socket, path)
            ready = True
        else:
            answer = asking.request("GET", f"{url}{path}", timeout=TIMEOUT_SECONDS, retries=False)
            ready = answer.status == HTTPStatus.OK
            text = answer.data.decode()
        version = str(json.loads(text).get("version", version))
    except (FleetError, urllib3.exceptions.HTTPError, ValueError, AttributeError):
        pass  # not ready says it
    return ServiceStatus(declared["name"], version, url, ready)


def _url(box: Box, declared: dict[str, Any]) -> str:
    return f"{'https' if declared.get('certificate') else 'http'}://{box.address}:{declared['port']}"


def _ask_socket(box: Box, socket: str, path: str) -> str:
    """Ask a service that nobody but its own machine reaches; return what it answers with status 200.

    Raises:
        FleetError: it does not answer, or with another status.
    """
    curl = ["curl", "--silent", "--fail", "--max-time", str(TIMEOUT_SECONDS), "--unix-socket", socket]
    return ssh.run(box, [*curl, f"http://localhost{path}"]).stdout


def show(statuses: list[BoxStatus]) -> None:
    """Print the lab as a table."""
    table = Table("box", "role", "tier", "service", "version", "URL", "health")
    for status in statuses:
        lead = (status.box, status.role, status.tier)
        if not status.services:
            table.add_row(*lead, "–", "", status.address, "up" if status.running else "[red]down[/red]")
        for service in status.services:
            health = "[green]ready[/green]" if service.ready else "[red]not ready[/red]"
            # A service says its version itself.
            table.add_row(*lead, service.name, Text(printable(service.version)), service.url, health)
            lead = ("", "", "")
    console = Console(width=max(Console().width, 110), highlight=False)
    console.print(table)
    for status in statuses:
        if status.trial:
            console.print(f"{status.box} is on trial: {status.trial}; `fleet run {status.box} --end-trial` ends it")
