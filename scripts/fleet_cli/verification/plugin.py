"""The pytest plugin of `fleet verify`: which nodes there are, and the fixtures for tests of one's own.

    python -m pytest -p fleet_cli.verification.plugin --fleet fleet.yaml --fleet-tier staging tests/verify

Fixtures: `node`, a node (Subject); `services`, what its newest catalog declares (a list of Service); `host`, the node
as testinfra has it, over ssh as the person who types; `service`, one service of one node; `balanced`, one service at
one balancer; `fleet`, the description. A test that names `node`, `host` or `services` runs once for each node.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import testinfra
from testinfra.host import Host

from fleet_cli.fleet import description
from fleet_cli.fleet.description import Fleet
from fleet_cli.fleet.nodes import Choice
from fleet_cli.machine import interruptible
from fleet_cli.machine.errors import FleetError
from fleet_cli.machine.printable import printable
from fleet_cli.verification import subjects
from fleet_cli.verification.reporter import Reporter
from fleet_cli.verification.subjects import Balanced, Service, Subject

FLEET = "FLEET"
"""The variable that names the description of the fleet, where no option does."""

INTERRUPTED = 130

_FLEET = pytest.StashKey[Fleet]()
_SUBJECTS = pytest.StashKey[list[Subject]]()
_PER_NODE = ("node", "host", "services")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options that say which nodes are meant."""
    group = parser.getgroup("fleet", "the nodes that are verified")
    group.addoption("--fleet", metavar="FILE", default=os.environ.get(FLEET, description.FILE),
                    help="the description of the fleet")  # fmt: skip
    group.addoption("--fleet-node", action="append", default=[], metavar="NODE", help="only this node, or these")
    group.addoption("--fleet-role", action="append", default=[], metavar="ROLE", help="only nodes of this role")
    group.addoption("--fleet-tier", action="append", default=[], metavar="TIER", help="only nodes of this tier")
    group.addoption("--fleet-query", metavar="PQL", help="only nodes that PuppetDB answers this query with")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Ask the fleet before anything else: where it does not answer there is nothing to test."""
    if config.option.help:
        return None
    choice = Choice(
        config.option.fleet_node, config.option.fleet_role, config.option.fleet_tier, config.option.fleet_query
    )
    try:
        fleet = description.load(Path(config.option.fleet))
        found = interruptible.call(lambda: subjects.collect(fleet, config.rootpath, choice))
    except KeyboardInterrupt:
        os._exit(INTERRUPTED)  # threads may still wait for machines
    except FleetError as error:
        print(printable(f"fleet: {error}"), file=sys.stderr)
        return 1
    config.stash[_FLEET], config.stash[_SUBJECTS] = fleet, found
    return None


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Bring in the fixtures, and the words in which results are told."""
    if _SUBJECTS not in config.stash:
        return
    # Registered last: testinfra's own plugin has a fixture `host`, too.
    config.pluginmanager.register(Fixtures(), "fleet-fixtures")
    if config.pluginmanager.unregister(name="terminalreporter"):
        names = [subject.name for subject in config.stash[_SUBJECTS]]
        config.pluginmanager.register(Reporter(config, names), "terminalreporter")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Have a test run once for each node, service or balanced service."""
    found = metafunc.config.stash.get(_SUBJECTS, [])
    names = metafunc.fixturenames
    of: Sequence[Subject | Service | Balanced]
    if "service" in names:
        of = [service for subject in found for service in subject.services]
        metafunc.parametrize("service", of, ids=map(str, of))
    elif "balanced" in names:
        of = [balanced for subject in found for balanced in subject.balanced]
        metafunc.parametrize("balanced", of, ids=map(str, of))
    elif any(name in names for name in _PER_NODE):
        metafunc.parametrize("node", found, ids=map(str, found), indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what pytest makes of a test without a node or service to run for: it would count as skipped."""
    items[:] = [item for item in items if not _is_about_nothing(item)]


def _is_about_nothing(item: pytest.Item) -> bool:
    params = getattr(getattr(item, "callspec", None), "params", {})
    kinds = {"node": Subject, "service": Service, "balanced": Balanced}
    return any(not isinstance(params[name], kind) for name, kind in kinds.items() if name in params)


class Fixtures:
    """What tests ask for."""

    @pytest.fixture(scope="session")
    def fleet(self, request: pytest.FixtureRequest) -> Fleet:
        """The description of the fleet."""
        return request.config.stash[_FLEET]

    @pytest.fixture
    def node(self, request: pytest.FixtureRequest) -> Subject:
        """A node: each in turn, or that of the test's service."""
        found: Subject
        for name in ("service", "balanced"):
            if name in request.fixturenames:
                found = request.getfixturevalue(name).node
                return found
        found = request.param
        return found

    @pytest.fixture
    def services(self, node: Subject) -> list[Service]:
        """The services of a node."""
        return node.services

    @pytest.fixture
    def host(self, node: Subject, fleet: Fleet) -> Host:
        """A node as testinfra has it, over ssh; nobody is asked for a password."""
        if not node.report.reached:
            pytest.skip(f"{node} is not reached")
        config = str(fleet.ssh_config) if fleet.ssh_config else None
        return testinfra.get_host(f"ssh://{node.certname}", ssh_config=config, ssh_extra_args="-o BatchMode=yes")
