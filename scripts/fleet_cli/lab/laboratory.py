"""The whole lab, from nothing to services that answer, and back to nothing."""

import hashlib
import shutil
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from fleet_cli.fleet import agents, deploying, publishing
from fleet_cli.fleet.nodes import BALANCER_ROLE, in_order
from fleet_cli.lab import cgroups, description, network, nodes, remote, server, ssh, status
from fleet_cli.lab.boxes import Boxes
from fleet_cli.machine import host, paths, steps, temporary
from fleet_cli.machine.cache import Directories
from fleet_cli.machine.errors import FleetError
from fleet_cli.repository import clones
from fleet_cli.repository.labfile import Box, Lab, LabService
from fleet_cli.roots import base
from fleet_cli.services import building, templates

READY_SECONDS = 60.0
PACKAGES = Directories(paths.CACHE / "lab/packages", limit=40)
"""The packages of the lab's services, each made from a state of the template."""


def up(lab: Lab, repo: Path, names: Sequence[str] = ()) -> None:
    """Bring up the boxes of those names, all without names; the Puppet server always. What is in place is left alone.

    Raises:
        FleetError: what could not be done, and where.
    """
    wanted = [lab.box(name) for name in names] or list(lab.boxes)
    host.require_debian_root()
    new_nodes = [box for box in lab.nodes if box in wanted]
    reason = host.why_no_containers()
    if reason:
        raise FleetError(f"system containers can't run on this machine: {reason}")
    clones.head(repo)  # before anything else: is there something to deploy?
    with host.lock(), steps.heartbeat():
        host.ensure_packages(host.LAB_PACKAGES)
        base.ensure()
        for path in clones.uncommitted(repo):
            steps.say(f"note: {path} is not committed; boxes get what is committed")
        work = steps.Parallel()
        work.add("boxes", lambda: _boxes_up(lab, [box for box in lab.boxes if box in (lab.server, *wanted)]))
        work.add("server", lambda: _server_up(lab, repo), after=("boxes",))
        work.add("packages", lambda: _packages(lab))
        work.add("publish", lambda: _publish(lab, repo), after=("server", "packages"))
        work.add("deploy", lambda: _deploy(lab, repo), after=("server",))
        work.finish()
        _converge(lab, repo, [lab.server, *new_nodes])
        _wait_until_ready(lab, new_nodes)


def down(lab: Lab, *, purge: bool = False) -> None:
    """Remove boxes, bridge, address translation and mounts; with `purge` all that is kept for the next time, too."""
    host.require_debian_root()
    with host.lock(), steps.step("lab down"):
        Boxes(lab).down()
        network.down()
        cgroups.down()
        temporary.remove_abandoned()
        shutil.rmtree(paths.RUN, ignore_errors=True)
        if purge:
            for path in paths.STATE.iterdir():
                if path.is_dir():
                    shutil.rmtree(path)
                elif path.name != "lock":
                    path.unlink()


def stands(lab: Lab, repo: Path) -> bool:
    """Whether every box runs and the newest commit was deployed and applied, whatever has happened to it since."""
    return not missing(lab) and deploying.deployed(description.of(lab)) == remote.lab_commit(lab, repo)


def exists(lab: Lab) -> bool:
    """Whether a box of the lab was ever made, running or not."""
    return any(Boxes(lab).made(box) for box in lab.boxes)


def missing(lab: Lab) -> list[str]:
    """What the whole lab lacks, in words; whichever commit is deployed."""
    boxes = Boxes(lab)
    down = [box.name for box in lab.boxes if not boxes.running(box)]
    if down:
        return [f"box {name} is not running" for name in down]
    if not server.bootstrapped(lab):
        return [f"box {lab.server.name} is no whole Puppet server"]
    return [f"box {box.name} is not enrolled" for box in lab.nodes if not nodes.enrolled(box)]


def deployed_from(lab: Lab) -> str:
    """Return the commit whose deploy the nodes are on, as it is without the lab's secrets; empty if there is none."""
    commit = deploying.deployed(description.of(lab))
    if not commit:
        return ""
    asked = ["git", f"--git-dir={remote.PATH}", "show", "--no-patch", "--format=%s", commit]
    subject = ssh.run(lab.server, asked, check=False).stdout.strip()
    return subject.removeprefix(remote.MADE_FROM) if subject.startswith(remote.MADE_FROM) else commit


def _boxes_up(lab: Lab, wanted: list[Box]) -> None:
    boxes = Boxes(lab)
    network.up(lab)
    missing = [box.name for box in wanted if not boxes.running(box)]
    if missing:
        with steps.step(f"vagrant up {' '.join(missing)}"):
            boxes.up(wanted)
    else:
        boxes.up(wanted)


def _server_up(lab: Lab, repo: Path) -> None:
    if server.bootstrapped(lab):
        server.wait_until_up(lab)
    else:
        server.bootstrap(lab, repo)


def _packages(lab: Lab) -> list[Path]:
    return [package(service) for service in lab.services]


def package(service: LabService) -> Path:
    """Return the .deb of a service rendered from the template, built unless it was before from the same template."""
    template = paths.control_repo() / "template"
    digest = hashlib.sha256(repr(service).encode())
    for path in sorted(template.rglob("*")):
        if path.is_file():
            digest.update(str(path.relative_to(template)).encode() + b"\0" + path.read_bytes())
    name = digest.hexdigest()[:16]

    def fill(new: Path) -> None:
        with temporary.directory() as scratch:
            source = templates.render(service.name, scratch, version=service.version, upstream=service.upstream)
            building.build(source, new)

    with PACKAGES.made(name, name, fill) as directory:
        return next(directory.glob("*.deb"))


def _publish(lab: Lab, repo: Path) -> None:
    fleet = description.of(lab)
    known = publishing.published(fleet)
    packages = [building.describe(file) for file in _packages(lab)]
    missing = [each for each in packages if f"{each.name} {each.version} {each.architecture}" not in known]
    if missing:
        publishing.publish(fleet, missing, repo)


def _deploy(lab: Lab, repo: Path) -> None:
    if deploying.deployed(description.of(lab)) != remote.lab_commit(lab, repo):
        deploying.deploy(description.of(lab), repo)


def _converge(lab: Lab, repo: Path, boxes: list[Box]) -> None:
    new = [box for box in boxes if not nodes.enrolled(box)]
    _enroll(lab, repo, new)
    commit = deploying.deployed(description.of(lab))
    behind = [box for box in boxes if not nodes.converged(box, commit)]
    behind += _uninformed_balancers(lab, new, behind)
    for group in in_order(behind):
        failed = [run for run in agents.run(description.of(lab), group) if not run.ok]
        if failed:
            raise FleetError(
                "\n".join(line for run in failed for line in agents.explain(run))
                + "\nthe services of these nodes may be old or missing; `fleet run` tries again"
            )


def _enroll(lab: Lab, repo: Path, boxes: Sequence[Box]) -> None:
    work = steps.Parallel()
    done: list[Box] = []
    for group in in_order(boxes):
        for box in group:
            # Only for those of its own tier: no other box has its database, or is behind it.
            needed = tuple(other.name for other in done if other.tier == box.tier)
            work.add(box.name, partial(nodes.enroll, lab, box, repo), after=needed)
        done += group
    work.finish()


def _uninformed_balancers(lab: Lab, new: Sequence[Box], behind: Sequence[Box]) -> list[Box]:
    """The balancers whose last run was, or will be, before that of a box that they are to find."""
    found = []
    behind = [box for box in behind if box != lab.server]  # which no balancer asks for anything
    for balancer in lab.nodes:
        if balancer.role != BALANCER_ROLE or balancer in behind or not Boxes(lab).running(balancer):
            continue
        before = [*behind, *(() if balancer in new else new)]
        if any(box.tier == balancer.tier for box in before) and nodes.enrolled(balancer):
            found.append(balancer)
    return found


def _wait_until_ready(lab: Lab, boxes: list[Box]) -> None:
    names = {box.name for box in boxes}
    deadline = time.monotonic() + READY_SECONDS
    while True:
        statuses = [box for box in status.collect(lab) if box.box in names]
        waiting = [f"{service.name} on {box.box}" for box in statuses for service in box.services if not service.ready]
        if not waiting:
            return
        if time.monotonic() > deadline:
            raise FleetError(
                f"not ready after {READY_SECONDS:.0f} s: {', '.join(waiting)}; see: "
                "fleet lab ssh BOX -- flask-microservice status"
            )
        time.sleep(0.5)
