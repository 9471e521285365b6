"""What changes do to what runs: services that restart, and services of the fleet that get a new release."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fleet_cli.planning.catalog import Catalog, Hidden, Resource, leaves
from fleet_cli.planning.changes import ResourceChange
from fleet_cli.planning.contents import Content, Contents
from fleet_cli.repository.fixed_paths import FixedPaths

SERVICE = "Flask_microservice::Service"
RELEASE = "Flask_microservice_release"
_VERSION = re.compile(r"^Version=(.+)$", re.MULTILINE)
_OFF = (False, "stopped", "false")


@dataclass(frozen=True)
class Effect:
    """Something that happens on a node because of other changes.

    Attributes:
        subject: the service, or the reference of another resource.
        what: `new release`, `first release`, `removed`, `restart`, `reload`, `start`, `stop` or `run`.
        old, new: versions, for releases.
        because: the references of the changed resources it comes from, or words for the parts of a release.
        package: the package of a release, where that has another name than the service.
    """

    subject: str
    what: str
    old: str = ""
    new: str = ""
    because: tuple[str, ...] = ()
    package: str = ""


def find(
    changes: list[ResourceChange], old: Catalog, new: Catalog, old_contents: Contents, new_contents: Contents
) -> list[Effect]:
    """Return the effects of changes, by subject."""
    found = [*_releases(old, new, old_contents, new_contents), *_refreshes(changes, new), *_switched(changes, old, new)]
    return sorted(found, key=lambda effect: (effect.subject, effect.what))


def _releases(old: Catalog, new: Catalog, old_contents: Contents, new_contents: Contents) -> Iterator[Effect]:
    """A release is what a service's unit, config and secret environment say: another one for any change (naming.py)."""
    names = {resource.title for catalog in (old, new) for resource in catalog.of_kind(RELEASE)}
    for name in sorted(names):
        was, now = (serves(catalog, name) for catalog in (old, new))
        before, after = _Parts(old, old_contents, name), _Parts(new, new_contents, name)
        if was and now:
            reasons = tuple(before.reasons(after))
            if reasons:
                yield Effect(name, "new release", before.version, after.version, reasons, after.package)
        elif now:
            yield Effect(name, "first release", "", after.version, package=after.package)
        elif new.get(f"{RELEASE}[{name}]") and was:
            yield Effect(name, "removed", before.version)


def serves(catalog: Catalog, name: str) -> bool:
    """Whether a catalog has a service serve."""
    resource = catalog.get(f"{RELEASE}[{name}]")
    return resource is not None and resource.parameters.get("ensure", "serving") == "serving"


class _Parts:
    """What makes a release, from a catalog."""

    def __init__(self, catalog: Catalog, contents: Contents, service: str) -> None:
        self._files: list[Content | None] = []
        its = FixedPaths(service)
        for path in (its.unit, its.config, its.environment):
            resource = catalog.get(f"File[{path}]")
            self._files.append(contents.of(resource).get("") if resource else None)
        declared = catalog.get(f"{SERVICE}[{service}]")
        self.package = str(declared.parameters.get("package") or "") if declared else ""
        self._config = dict(leaves(declared.parameters.get("config", {}))) if declared else {}
        self._secrets, self._environment = (
            _digests(declared.parameters.get(name)) if declared else {} for name in ("secrets", "secret_environment")
        )
        unit = self._files[0]
        self.unit = unit.decode("utf-8", "replace") if isinstance(unit, bytes) else ""
        found = _VERSION.search(self.unit)
        self.version = found[1] if found else ""

    def reasons(self, now: "_Parts") -> Iterator[str]:
        if self.version != now.version:
            yield "its package"
        if _VERSION.sub("", self.unit) != _VERSION.sub("", now.unit):
            yield "its unit"
        if self._files[1] != now._files[1]:
            parts = [*_differences(self._config, now._config), *_differences(self._secrets, now._secrets, shown=False)]
            yield f"its config: {', '.join(parts)}" if parts else "its config"
        if self._files[2] != now._files[2]:
            parts = list(_differences(self._environment, now._environment, shown=False))
            yield f"its environment: {', '.join(parts)}" if parts else "its environment"


def _digests(value: Any) -> dict[str, str]:
    return dict(value.parts) if isinstance(value, Hidden) else {}


def _differences(was: Mapping[str, Any], now: Mapping[str, Any], *, shown: bool = True) -> Iterator[str]:
    for key in sorted({*was, *now}):
        if was.get(key) == now.get(key):
            continue
        if not shown:
            yield f"the secret {key}"
        elif key not in now:
            yield f"{key} is gone"
        else:
            yield (
                f"{key} {json.dumps(was[key])} → {json.dumps(now[key])}"
                if key in was
                else f"{key} {json.dumps(now[key])}"
            )


def _refreshes(changes: list[ResourceChange], catalog: Catalog) -> Iterator[Effect]:
    """Follow events from changed resources, and from what contains them, to what they notify."""
    events = _Events(catalog)
    added = {change.reference for change in changes if change.action == "add"}
    causes: dict[str, set[str]] = {}
    for change in changes:
        if change.action != "remove":
            for reached in events.reached_from(change.reference):
                causes.setdefault(reached, set()).add(change.reference)
    for reference, because in causes.items():
        resource = catalog.resources[reference]
        if resource.kind == "Service" and reference not in added:
            yield Effect(resource.title, _restart(resource), because=tuple(sorted(because)))
        elif resource.kind == "Exec":
            yield Effect(reference, "run", because=tuple(sorted(because)))


def _restart(service: Resource) -> str:
    return "reload" if "reload" in str(service.parameters.get("restart", "")) else "restart"


class _Events:
    """Where an event of a resource goes."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._notified: dict[str, set[str]] = {}
        for resource in catalog:
            for name, others in resource.relationships.items():
                for other in others:
                    if name == "notify":
                        self._notified.setdefault(resource.reference, set()).add(other)
                    elif name == "subscribe":
                        self._notified.setdefault(other, set()).add(resource.reference)

    def reached_from(self, reference: str) -> set[str]:
        """Return the resources that act on an event of a resource, or on one of those that do."""
        reached: set[str] = set()
        waiting = [reference]
        while waiting:
            for target in self._targets(waiting.pop()):
                if target not in reached and self._acts(target):
                    reached.add(target)
                    waiting.append(target)
        return reached

    def _acts(self, reference: str) -> bool:
        resource = self._catalog.get(reference)
        if resource is None:
            return False
        if resource.kind == "Service":
            return resource.parameters.get("ensure") not in _OFF
        return resource.kind == "Exec"

    def _targets(self, reference: str) -> Iterator[str]:
        senders, waiting = {reference}, [reference]
        while waiting:
            for outer in self._catalog.containers.get(waiting.pop(), ()):
                if outer not in senders:
                    senders.add(outer)
                    waiting.append(outer)
        for sender in senders:
            for target in self._notified.get(sender, ()):
                yield from self._within(target)

    def _within(self, reference: str) -> Iterator[str]:
        seen, waiting = {reference}, [reference]
        while waiting:
            one = waiting.pop()
            yield one
            for inner in self._catalog.contained.get(one, ()):
                if inner not in seen:
                    seen.add(inner)
                    waiting.append(inner)


def _switched(changes: list[ResourceChange], old: Catalog, new: Catalog) -> Iterator[Effect]:
    """Services that are declared to run, or not to run, where that was otherwise."""
    for change in changes:
        if not change.reference.startswith("Service[") or change.action == "remove":
            continue
        was, now = old.get(change.reference), new.get(change.reference)
        before = was.parameters.get("ensure") if was else None
        after = now.parameters.get("ensure") if now else None
        if before == after or after is None or now is None:
            continue
        if after in _OFF:
            if was:
                yield Effect(now.title, "stop", because=(change.reference,))
        else:
            yield Effect(now.title, "start", because=(change.reference,))
