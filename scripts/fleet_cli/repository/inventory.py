"""Which machines the fleet has, with the role and the tier in their certificates.

Trusted extensions stand in certificates only, so a repository that is to be checked without its Puppet server needs a
list: nodes.yaml at its top, one machine a line:

    app1.example.org: {role: app, tier: production}

A machine of which an external node classifier or a console says what it is has its classes and its parameters (which
code and Hiera see as variables) there too:

    app1.example.org: {role: app, tier: production, classes: [profile::base, profile::web], parameters: {site: cp}}

Where there is no such file, the boxes of lab.yaml are the machines.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from fleet_cli.machine.errors import FleetError
from fleet_cli.repository import labfile

FILE = "nodes.yaml"
MAX_BYTES = 16 * 2**20
MAX_DEPTH = 8
_CERTNAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_WORD = re.compile(r"\A[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_KEYS = ("role", "tier")
_CLASSES, _PARAMETERS = "classes", "parameters"
_CLASS = re.compile(r"(?:::)?[a-z][a-z0-9_]*(?:::[a-z][a-z0-9_]*)*")

_PARAMETER = re.compile(r"[a-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, order=True)
class Machine:
    """A machine that gets its catalog from the Puppet server.

    Attributes:
        certname: the name in its certificate.
        role, tier: the trusted extensions pp_role and pp_environment in it.
        file, line, role_column, tier_column: where it is declared, if that is known.
        classes: those that an external node classifier declares for it.
        parameters: those that it gives, a hash as JSON; empty where there are none.
    """

    certname: str
    role: str
    tier: str
    file: str = field(default="", compare=False, repr=False)
    line: int = field(default=1, compare=False, repr=False)
    role_column: int = field(default=1, compare=False, repr=False)
    tier_column: int = field(default=1, compare=False, repr=False)
    classes: tuple[str, ...] = ()
    parameters: str = ""

    @property
    def group(self) -> tuple[str, str]:
        """Role and tier: machines of one group differ in the files of their own alone."""
        return (self.role, self.tier)


def machines(repo: Path) -> list[Machine]:
    """Return the machines of a control repository, by certname.

    Raises:
        FleetError: nodes.yaml is wrong (the message has file and line), or neither it nor lab.yaml is there.
    """
    file = repo / FILE
    if file.exists():
        return in_file(file)
    if not (repo / "lab.yaml").exists():
        raise FleetError(
            f"{repo}: neither {FILE} nor lab.yaml says which machines there are: write {FILE} with"
            " `fleet nodes > nodes.yaml`, or by hand, a line `CERTNAME: {role: ROLE, tier: TIER}` for each"
        )
    lab = labfile.load(repo / "lab.yaml")
    return sorted(Machine(box.certname, box.role, box.tier) for box in lab.boxes if box.role != labfile.BARE_ROLE)


def in_file(file: Path) -> list[Machine]:
    """Return the machines of a list.

    Raises:
        FleetError: it can't be read, or is wrong (the message has file and line).
    """
    try:
        if file.stat().st_size > MAX_BYTES:
            raise FleetError(f"{file}: larger than {MAX_BYTES // 2**20} MiB: is it a list of machines?")
        return parse(file.read_bytes(), str(file))
    except OSError as error:
        raise FleetError(f"{file}: {error.strerror}") from None


def listed(repo: Path) -> list[Machine]:
    """Return the machines of a control repository as machines does; none where it has no list."""
    return machines(repo) if (repo / FILE).exists() or (repo / "lab.yaml").exists() else []


def parse(content: bytes, name: str = FILE) -> list[Machine]:
    """Read the text of nodes.yaml.

    Raises:
        FleetError: something in it is wrong; the message begins with `NAME:LINE:`.
    """
    try:
        text = content.decode("utf-8")
        _refuse_depth(text, name)
        document = yaml.compose(text, Loader=yaml.CSafeLoader)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FleetError(f"{name}:{line}: not UTF-8: save the file as UTF-8") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise FleetError(f"{name}:{mark.line + 1 if mark else 1}: not valid YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise FleetError(f"{name}:1: not valid YAML: {error}") from None
    if document is None:
        return []
    if not isinstance(document, yaml.MappingNode):
        raise _wrong(name, document, "expected a hash, a line `CERTNAME: {role: ROLE, tier: TIER}` for each machine")
    seen: dict[str, int] = {}
    found = []
    for key, value in document.value:
        machine = _machine(name, key, value)
        if machine.certname in seen:
            raise _wrong(name, key, f"{machine.certname} is here twice, first in line {seen[machine.certname]}")
        seen[machine.certname] = key.start_mark.line + 1
        found.append(machine)
    return sorted(found)


def of_trusted_facts(rows: Iterable[Mapping[str, Any]]) -> tuple[list[Machine], list[str]]:
    """Return the machines that PuppetDB knows, and the certnames of those whose certificate lacks a role or a tier.

    Args:
        rows: what it answers to `inventory[certname, trusted] {}`.
    """
    found, without = [], []
    for row in rows:
        extensions = (row.get("trusted") or {}).get("extensions") or {}
        role, tier = extensions.get("pp_role"), extensions.get("pp_environment")
        if role and tier:
            found.append(Machine(row["certname"], role, tier))
        else:
            without.append(row["certname"])
    return sorted(found), sorted(without)


def render(found: Iterable[Machine]) -> str:
    """Return the text of nodes.yaml for machines."""
    head = "---\n# The machines of this fleet, with what their certificates say. Written by `fleet nodes`.\n"
    lines = [f"{one.certname}: {{role: {_scalar(one.role)}, tier: {_scalar(one.tier)}}}\n" for one in sorted(found)]
    return head + ("".join(lines) or "{}\n")


def _refuse_depth(text: str, name: str) -> None:
    """Refuse what is nested deeper than any list of machines: composing recurses in C, and would end the process."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise FleetError(f"{name}:{line}: nested too deeply for a list of machines")


def _scalar(text: str) -> str:
    """A word as YAML has it: quoted where it would be read as something else (`no`, `1e3`)."""
    return text if yaml.safe_load(text) == text else f"'{text}'"


def _machine(name: str, key: yaml.Node, value: yaml.Node) -> Machine:
    if not isinstance(key, yaml.ScalarNode) or not _CERTNAME.fullmatch(key.value):
        raise _wrong(name, key, "a machine is named by its certname: lower-case letters, digits, dots and dashes")
    words: dict[str, str] = {}
    classes: tuple[str, ...] = ()
    parameters = ""
    for entry in value.value if isinstance(value, yaml.MappingNode) else ():
        if isinstance(entry[0], yaml.ScalarNode) and entry[0].value == _CLASSES:
            classes = _classes(name, key.value, entry[1])
            continue
        if isinstance(entry[0], yaml.ScalarNode) and entry[0].value == _PARAMETERS:
            parameters = _parameters(name, key.value, entry[1])
            continue
        if not all(isinstance(part, yaml.ScalarNode) for part in entry) or entry[0].value not in _KEYS:
            raise _wrong(
                name, entry[0], f"{key.value}: a machine has a role and a tier, each a word, classes and parameters"
            )
        if not _WORD.match(entry[1].value):
            raise _wrong(name, entry[1], f"{key.value}: {entry[1].value!r} is no {entry[0].value}")
        words[entry[0].value] = entry[1].value
    if set(words) != set(_KEYS):
        raise _wrong(name, key, f"{key.value}: expected {{role: ROLE, tier: TIER}}, as in the machine's certificate")
    return Machine(key.value, words["role"], words["tier"], classes=classes, parameters=parameters)


def _classes(name: str, certname: str, value: yaml.Node) -> tuple[str, ...]:
    said = value.value if isinstance(value, yaml.SequenceNode) else [value]
    for one in said:
        if not isinstance(one, yaml.ScalarNode) or not _CLASS.fullmatch(one.value):
            raise _wrong(name, one, f"{certname}: expected classes: [NAME, …], as code in Puppet's language names them")
    return tuple(one.value for one in said)


def _parameters(name: str, certname: str, value: yaml.Node) -> str:
    try:
        said = yaml.safe_load(yaml.serialize(value))
        text = json.dumps(said, sort_keys=True)
    except (TypeError, ValueError, yaml.YAMLError):
        said, text = None, ""
    if not isinstance(said, dict) or not all(isinstance(key, str) and _PARAMETER.fullmatch(key) for key in said):
        raise _wrong(name, value, f"{certname}: expected parameters: {{NAME: VALUE, …}}, names as of variables")
    return text


def _wrong(name: str, node: yaml.Node, message: str) -> FleetError:
    return FleetError(f"{name}:{node.start_mark.line + 1}: {message}")
