"""Where a node is not as declared: one difference a service, with its likely cause."""

from collections.abc import Iterator

from fleet_cli.fleet.causes import FAILED, Cause, Causes, iso
from fleet_cli.fleet.commits import SHORT, Commits
from fleet_cli.fleet.observed import UNKNOWN, Difference, NodeStatus, ServiceStatus

NOT_KNOWN = Cause("the cause is not known")


def of_fleet(commits: Commits, puppetdb: str) -> Iterator[Difference]:
    """What is about all nodes: what could not be asked, and a commit that waits for its deploy.

    Args:
        puppetdb: why PuppetDB could not be asked; empty if it could.
    """
    if puppetdb:
        what = "not known: catalogs and agent runs"
        yield Difference("fleet", "", what, puppetdb, kind=UNKNOWN)
    if commits.error:
        yield Difference("fleet", "", "not known: what is deployed", commits.error, kind=UNKNOWN)
    if commits.remote_error:
        yield Difference("fleet", "", "not known: what git has to deploy", commits.remote_error, kind=UNKNOWN)
    if commits.answers and not commits.deployed:
        yield Difference("fleet", "", "nothing is deployed", "there was no deploy yet: `fleet deploy`")
    elif commits.deployed and commits.remote and commits.remote != commits.deployed:
        there, here = commits.deployed[:SHORT], commits.remote[:SHORT]
        given = commits.answers.given("", "") if commits.answers else None
        by = f"{given.by} gave the fleet {there} last, and " if given else ""
        cause = f"{by}nobody has deployed {here} since, which the remote has: `git pull` and `fleet deploy`"
        yield Difference("fleet", "", f"commit {there} is deployed", cause, iso(given.since) if given else "")


def of_node(status: NodeStatus, causes: Causes) -> Iterator[Difference]:
    """What is about a node, and its services."""
    name, report = status.node.name, status.report
    # Where nothing ran yet, that one line says all.
    services = [] if causes.never_ran() else status.services
    found = [one for service in services if (one := _of_service(name, service, causes))]
    if report and report.error:
        what = "not asked" if report.reached else "not reached"
        yield Difference(name, "", what, report.error, kind=UNKNOWN)
    for part, why in (report.unknown if report else {}).items():
        yield Difference(name, "", f"not known: {part}", why, kind=UNKNOWN)
    yield from found
    told = {one.cause for one in found}
    has_failed = any(text.startswith(FAILED) for text in told)
    for what, cause in _about_node(status, causes):
        # Another failure of the same run is no news.
        if cause and cause.text not in told and not (has_failed and cause.text.startswith(FAILED)):
            yield Difference(name, "", what, cause.text, cause.since)


def _about_node(status: NodeStatus, causes: Causes) -> Iterator[tuple[str, Cause | None]]:
    """What keeps a node from being as declared, whether or not a version differs already."""
    if never := causes.never_ran():
        yield "no catalog", never
        return
    yield "last run", causes.failed()
    yield "agent disabled", causes.disabled()
    if status.known and status.known.periodic:
        yield "agent silent", causes.silent()
    yield "on trial", causes.trial()
    yield "another commit", None if causes.running() else causes.not_run_since_deploy()


def _of_service(node: str, service: ServiceStatus, causes: Causes) -> Difference | None:
    what = _what(service)
    if not what:
        return None
    cause = _cause(service, causes)
    return Difference(node, service.name, what, cause.text, cause.since)


def _what(service: ServiceStatus) -> str:
    """What differs, in words; empty if nothing does."""
    known = {place: version for place, version in service.versions.items() if version is not None}
    if service.state == "undeclared" or _is_undeclared(service):
        return f"{service.serving or 'nothing'} serves, and no catalog has it"
    if len(set(known.values())) > 1:
        runs: list[tuple[list[str], str]] = []
        for place, version in known.items():
            if runs and runs[-1][1] == version:
                runs[-1][0].append(place)
            else:
                runs.append(([place], version))
        return "; ".join(f"{', '.join(places)} {version or 'none'}" for places, version in runs)
    if service.state in ("outdated", "rolled-back") and service.release != service.wanted:
        return f"release {service.release} serves, and {service.wanted} is declared"
    if service.state and service.state != "serving":
        return service.state
    return "unhealthy" if service.healthy is False else ""


def _is_undeclared(service: ServiceStatus) -> bool:
    return bool(service.serving) and service.catalog == "" and not service.declared


def _cause(service: ServiceStatus, causes: Causes) -> Cause:
    """The likely cause: that of the first step of the way from git to the port that is not as the one before."""
    if service.catalog is not None and service.declared not in (None, service.catalog):
        taken_up = causes.not_run_since_deploy() is None
        found: tuple[Cause | None, ...] = (
            causes.never_ran(), causes.trial(), causes.other_commit() if taken_up else None, causes.running(),
            causes.agent(service), causes.other_commit(), causes.silent(),
        )  # fmt: skip
        return next(filter(None, found), NOT_KNOWN)
    if service.state == "undeclared" or _is_undeclared(service):
        undeclared = Cause("it runs undeclared: declare it, with `ensure: absent` to remove it")
        return causes.staying(service) or causes.trial() or undeclared
    if rolled_back := causes.rolled_back(service):
        return rolled_back
    if service.installed == service.serving == (service.catalog or service.serving) and service.state != "new":
        # The agent did its part: what is wrong came later.
        found = (causes.running(), causes.failed_on(service), _by_hand(service, causes), _health(service))
    else:
        found = (causes.running(), causes.agent(service), _by_hand(service, causes), causes.silent())
    return next(filter(None, found), NOT_KNOWN)


def _by_hand(service: ServiceStatus, causes: Causes) -> Cause | None:
    """What no failure of the agent explains."""
    if service.installed is not None and service.catalog and service.installed != service.catalog:
        since = causes.last_run
        return Cause("somebody has changed the package by hand since the last run, which did not fail", since)
    return {
        "interrupted": Cause(f"a switch is under way, or was killed: `flask-microservice switch {service.name}` there"),
        "stopped": Cause("its units do not run as declared: somebody has stopped or changed them by hand"),
        "outdated": Cause(f"its files have changed since the last run: `fleet run {causes.node.name}`"),
        "new": Cause(f"it never served: `fleet run {causes.node.name}`"),
    }.get(service.state)


def _health(service: ServiceStatus) -> Cause | None:
    if service.healthy is not False:
        return None
    if service.draining:
        return Cause(
            "it is draining, so that balancers send no new requests: its machine goes down, or the service goes"
        )
    return Cause(f"unhealthy: its health check fails; see there: journalctl -u '{service.name}@*'")
