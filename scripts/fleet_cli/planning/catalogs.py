"""The catalogs of all machines, as one state of the control repository makes them."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fleet_cli.compiling.pool import Exports, Pool
from fleet_cli.compiling.program import Request
from fleet_cli.machine import cache
from fleet_cli.planning import inputs
from fleet_cli.planning.environment import Environment
from fleet_cli.planning.exported import Exported
from fleet_cli.planning.factsets import FactSets
from fleet_cli.planning.store import Store, compiler_version
from fleet_cli.puppet import sandboxed
from fleet_cli.puppet.kinds import Puppet
from fleet_cli.repository.inventory import Machine

_OF_PUPPET = {"main", "settings"}
"""The classes of every catalog."""
_WHERE = re.compile(r"\(file: [^)]*\)")
_NOT_FOUND = re.compile(r"could not find|not found|unknown|unresolved|no such", re.IGNORECASE)
"""What Puppet says of what a module would have."""

Progress = Callable[[int, int], None]
"""Told how many of how many catalogs are there."""


@dataclass(frozen=True)
class Compiled:
    """What is kept in memory of a catalog.

    Attributes:
        number: its place in the store; 0 for one that is not there.
        error: why there is no catalog; empty if there is one.
        keys, paths: the keys of Hiera that were looked up, the files that were asked for.
        classes: the classes in it that are declared.
        kinds: the types of its resources, as their files are named.
        deferred: the functions that the node is to call.
        collects: the types of exported resources that it looked for.
        exported: the resources that it exports.
    """

    number: int
    error: str
    keys: frozenset[str]
    paths: frozenset[str]
    classes: frozenset[str]
    kinds: frozenset[str]
    deferred: frozenset[str]
    collects: frozenset[str]
    exported: tuple[Mapping[str, Any], ...]


@dataclass
class Catalogs:
    """The catalogs of one environment.

    Attributes:
        environment: the state of the repository.
        by_certname: what a plan is about.
        for_exports: catalogs of other machines, which were only compiled for what they export.
        compiled: how many of them had to be compiled; the others were in the store.
    """

    environment: Environment
    by_certname: dict[str, Compiled] = field(default_factory=dict)
    for_exports: dict[str, Compiled] = field(default_factory=dict)
    compiled: int = 0


class Compiler:
    """Gets catalogs from the store where what they are made from is the same, and has the rest compiled."""

    def __init__(
        self,
        store: Store,
        pool: Pool,
        facts: FactSets,
        *,
        clock: float | None = None,
        always: bool = False,
        puppet: Puppet = sandboxed.PUPPET,
        lenient: bool = False,
    ) -> None:
        """See class.

        Args:
            store, pool, facts: where catalogs are kept, who compiles them, and what nodes say of themselves.
            clock: what time it is for code that asks, in seconds since 1970; now, if not given.
            always: compile each catalog, whatever is in the store.
            puppet: the one that the pool has.
            lenient: as its compilers are (program.started).
        """
        self._store = store
        self._pool = pool
        self._facts = facts
        self._clock = time.time() if clock is None else clock
        self._always = always
        self._compiler = compiler_version(puppet.digest, *(["lenient"] if lenient else []))
        self._shared: dict[frozenset[str], frozenset[str]] = {}

    def of(
        self,
        environment: Environment,
        chosen: Callable[[Machine], bool],
        progress: Progress,
        before: Catalogs | None = None,
    ) -> Catalogs:
        """Return the catalogs of the chosen machines.

        If one of those collects what others export, the others are compiled, too, and then it again.

        Args:
            environment: the state of the repository.
            chosen: whether a machine is meant.
            progress: see Progress.
            before: the catalogs of the other state. PuppetDB keeps what a machine exported last, so one that has no
                catalog any more still exports what it does there.

        Raises:
            FleetError: a machine has no facts, or compilers can't be started.
        """
        catalogs = Catalogs(environment)
        machines = [machine for machine in environment.machines if chosen(machine)]
        self._fill(catalogs, machines, None, progress)
        collectors = [machine for machine in machines if catalogs.by_certname[machine.certname].collects]
        if collectors:
            others = [machine for machine in environment.machines if not chosen(machine)]
            self._fill(catalogs, others, None, progress)
            exports = Exported({name: _last_exported(name, one, before) for name, one in catalogs.by_certname.items()})
            self._fill(catalogs, collectors, exports, progress)
            catalogs.for_exports = {machine.certname: catalogs.by_certname.pop(machine.certname) for machine in others}
        return catalogs

    def _fill(
        self, catalogs: Catalogs, machines: Sequence[Machine], exports: Exported | None, progress: Progress
    ) -> None:
        environment = catalogs.environment
        requests: dict[str, tuple[str, Request]] = {}
        for machine in machines:
            facts = self._facts.of(machine)
            extensions = {"pp_role": machine.role, "pp_environment": machine.tier}
            subject = self._subject(machine, facts)
            known = exports.digest_for(machine.certname) if exports else _nothing
            number = 0 if self._always else self._held(subject, environment, known)
            if number:
                catalogs.by_certname[machine.certname] = self._summary(environment, number, self._store.get(number))
            else:
                name = exports.name if exports else ""
                request = Request(
                    machine.certname, extensions, environment.inside, facts,
                    exports=name, classes=machine.classes, parameters=machine.parameters, clock=self._clock,
                )  # fmt: skip
                requests[machine.certname] = (subject, request)
        done = len(machines) - len(requests)
        progress(done, len(machines))
        asked = list(requests.values())
        given = Exports(exports.name, exports.resources) if exports else None
        for place, answer in self._pool.compile([request for _, request in asked], given):
            subject, request = asked[place]
            known = exports.digest_for(request.certname) if exports else _nothing
            catalogs.by_certname[request.certname] = self._keep(environment, subject, answer, known)
            catalogs.compiled += 1
            done += 1
            progress(done, len(machines))

    def _subject(self, machine: Machine, facts: Mapping[str, Any]) -> str:
        said = (machine.certname, machine.role, machine.tier, machine.classes, machine.parameters)
        about = json.dumps([*said, facts], sort_keys=True)
        return cache.digest(self._compiler, about)

    def _held(self, subject: str, environment: Environment, exports: Callable[[str], str]) -> int:
        for stored in self._store.candidates(subject):
            if all(inputs.value(name, environment, exports) == value for name, value in stored.inputs.items()):
                return stored.number
        return 0

    def _keep(
        self, environment: Environment, subject: str, answer: dict[str, Any], exports: Callable[[str], str]
    ) -> Compiled:
        if answer.get("died"):
            return self._summary(environment, 0, answer)
        asked = answer["inputs"]
        names = inputs.of(asked, environment)
        number = self._store.put(subject, inputs.values(names, environment, exports), answer)
        return self._summary(environment, number, answer)

    def _summary(self, environment: Environment, number: int, answer: Mapping[str, Any]) -> Compiled:
        asked = answer.get("inputs") or {}
        resources = answer.get("resources", ())
        classes = {entry["title"].lower() for entry in resources if entry["type"] == "Class"} - _OF_PUPPET
        kinds = {entry["type"].lower() for entry in resources}
        deferred = {name for entry in resources for name in _deferred(entry.get("parameters"))}
        return Compiled(
            number,
            _explained(answer.get("error", ""), environment),
            self._one(asked.get("keys", ())),
            self._one(asked.get("paths", ())),
            self._one(classes),
            self._one(kinds),
            self._one(deferred),
            frozenset(asked.get("collected", ())),
            tuple(answer.get("exported", ())),
        )

    def _one(self, values: Any) -> frozenset[str]:
        """Nodes that are alike share their sets."""
        found = frozenset(values)
        return self._shared.setdefault(found, found)


def _last_exported(certname: str, now: Compiled, before: Catalogs | None) -> tuple[Mapping[str, Any], ...]:
    was = {**before.by_certname, **before.for_exports}.get(certname) if before else None
    return was.exported if now.error and was else now.exported


def _explained(error: str, environment: Environment) -> str:
    """A file that was not read at all is the reason of an error that names it."""
    for path, reason in environment.refused.items():
        if path in error:
            return reason
    what = _WHERE.sub("", error)
    if _NOT_FOUND.search(what):
        for module, reason in environment.missing.items():
            if re.search(rf"\b{re.escape(module)}(?:::|\b)", what, re.IGNORECASE):
                return f"the module {module} is not here ({reason}): {error}"
    return error


def _deferred(value: Any) -> Iterator[str]:
    """The names of the functions of Deferred values, and of those that they are given."""
    if isinstance(value, Mapping):
        if value.get("__ptype") == "Deferred":
            yield str(value.get("name"))
        for one in value.values():
            yield from _deferred(one)
    elif isinstance(value, list):
        for one in value:
            yield from _deferred(one)


def _nothing(_: str) -> str:
    return "none"
