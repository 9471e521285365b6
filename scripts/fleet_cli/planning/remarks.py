"""What follows from the services of a node and is in no resource: ways, data that stays, limits beyond what it has."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fleet_cli.planning.catalog import Catalog, Hidden
from fleet_cli.planning.effects import SERVICE, serves
from fleet_cli.repository.fixed_paths import FixedPaths

DATA = "data stays"
UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
"""Those of systemd."""


@dataclass(frozen=True)
class Remark:
    """What an operator should know about a change.

    Attributes:
        subject: a service, or a part of `limits`.
        what: `way`, `data stays` or `capacity`.
        text: the remark, without its subject.
    """

    subject: str
    what: str
    text: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.text}"


def find(old: Catalog | None, new: Catalog, facts: Mapping[str, Any] | None = None) -> list[Remark]:
    """Return the remarks about a node.

    Args:
        old, new: its catalogs; no old one if the machine is new.
        facts: what it says of itself, where that is known.
    """
    found = [*_ways(old, new), *_data(old, new)] if old else []
    return [*found, *_capacity(old, new, facts or {})]


def _ways(old: Catalog, new: Catalog) -> Iterator[Remark]:
    """Upstreams that a service asks at another place than before."""
    for service in _services(new):
        was, now = _urls(old, service), _urls(new, service)
        for upstream in sorted(was.keys() & now.keys()):
            before, after = _place(old, upstream, was[upstream]), _place(new, upstream, now[upstream])
            if before != after:
                yield Remark(service, "way", f"asks {upstream} {after} now, no longer {before}")


def _data(old: Catalog, new: Catalog) -> Iterator[Remark]:
    """Services that go, and whose data, in a file, does not."""
    for service, declared in _services(old).items():
        left = new.get(f"{SERVICE}[{service}]")
        if serves(new, service) or not _in_file(declared) or (left and left.parameters.get("purge")):
            continue
        yield Remark(service, DATA, f"its data stays on this node, in {FixedPaths(service).data_dir}")


def _capacity(old: Catalog | None, new: Catalog, facts: Mapping[str, Any]) -> Iterator[Remark]:
    """Limits that are more in all than what the node has, where that is new."""
    memory = facts.get("memory", {}).get("system", {}).get("total_bytes")
    processors = facts.get("processors", {}).get("count")
    if memory:
        before, (limit, number) = (_limits(catalog, "memory", int(memory)) for catalog in (old, new))
        if limit > memory and limit != before[0]:
            text = f"{number} services may use {_gib(limit)} in all (limits), and the node has {_gib(memory)}"
            yield Remark("memory", "capacity", text)
    if processors:
        before, (limit, number) = (_limits(catalog, "cpu", 0) for catalog in (old, new))
        if limit > 100 * processors and limit != before[0]:
            text = f"{number} services may use {limit}% in all (limits), and the node has {100 * processors}%"
            yield Remark("cpu", "capacity", text)


def _limits(catalog: Catalog | None, part: str, whole: int) -> tuple[int, int]:
    """The sum of a limit over the services of a node, and how many have one.

    Args:
        whole: what a percentage is of; 0 where percent is the unit.
    """
    declared = _services(catalog).values() if catalog else ()
    said = [str(limits[part]) for each in declared if part in (limits := each.get("limits") or {})]
    return sum(_amount(text, whole) for text in said), len(said)


def _amount(text: str, whole: int) -> int:
    if text.endswith("%"):
        percent = int(text[:-1])
        return whole * percent // 100 if whole else percent
    return int(text[:-1]) * UNITS[text[-1]] if text[-1] in UNITS else int(text)


def _gib(number: int) -> str:
    return f"{number / UNITS['G']:.1f} GiB"


def _services(catalog: Catalog) -> dict[str, Mapping[str, Any]]:
    """The parameters of the services that a catalog has serve."""
    return {one.title: one.parameters for one in catalog.of_kind(SERVICE) if serves(catalog, one.title)}


def _urls(catalog: Catalog, service: str) -> Mapping[str, str]:
    declared = catalog.get(f"{SERVICE}[{service}]")
    return ((declared.parameters.get("config") or {}).get("upstreams") or {}) if declared else {}


def _place(catalog: Catalog, upstream: str, url: str) -> str:
    """Where an upstream is asked: a balancer only by HTTPS, a service of the node only without."""
    parts = urlsplit(url)
    return "on its own node" if parts.scheme == "http" and serves(catalog, upstream) else f"at {parts.hostname}"


def _in_file(declared: Mapping[str, Any]) -> bool:
    """Whether a service keeps its data in a file; of an application that is not from the template nobody knows."""
    hidden = declared.get("secrets")
    if declared.get("application") or (isinstance(hidden, Hidden) and "database.url" in dict(hidden.parts)):
        return False
    url = ((declared.get("config") or {}).get("database") or {}).get("url", "sqlite:")
    return str(url).startswith("sqlite:")
