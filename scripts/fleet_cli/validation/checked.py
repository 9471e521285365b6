"""What a check of one file of Hiera came to."""

from dataclasses import dataclass, field
from typing import NamedTuple

from fleet_cli.repository.finding import Finding
from fleet_cli.repository.scalars import Scalar


class Name(NamedTuple):
    """The name of a service, or of its package, and the keys that lead to it."""

    line: int
    column: int
    name: str
    path: tuple[Scalar, ...]


class Lookup(NamedTuple):
    """A key that a value interpolates."""

    line: int
    column: int
    key: str


class Encrypted(NamedTuple):
    """A value that is encrypted for the key of a tier, or of the fleet: then the tier is empty."""

    line: int
    column: int
    tier: str


@dataclass(frozen=True)
class Checked:
    """What a check of one file came to.

    Attributes:
        findings: what is wrong.
        names: the services that it names.
        lookups: the keys that its values interpolate.
        encrypted: what is encrypted, and for whom.
    """

    findings: list[Finding] = field(default_factory=list)
    names: list[Name] = field(default_factory=list)
    lookups: list[Lookup] = field(default_factory=list)
    encrypted: list[Encrypted] = field(default_factory=list)
