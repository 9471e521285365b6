"""Exported resources of a state: in the place of PuppetDB, for the nodes that collect them."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any


class Exported:
    """What the machines of a state export, and what that is worth to one of them."""

    def __init__(self, by_certname: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        self.resources = [
            {**one, "certname": certname} for certname in sorted(by_certname) for one in by_certname[certname]
        ]
        self.name = _digest(self.resources)
        self._by_type: dict[str, list[Mapping[str, Any]]] = {}
        for one in self.resources:
            self._by_type.setdefault(one["type"], []).append(one)
        self._owners = {kind: {one["certname"] for one in found} for kind, found in self._by_type.items()}
        self._of_all = {kind: _digest(found) for kind, found in self._by_type.items()}

    def digest_for(self, certname: str) -> Callable[[str], str]:
        """The digest of what a machine finds of a type: all but its own."""

        def digest(kind: str) -> str:
            if certname not in self._owners.get(kind, ()):
                return self._of_all.get(kind, "empty")
            return _digest([one for one in self._by_type[kind] if one["certname"] != certname])

        return digest


def _digest(resources: Sequence[Mapping[str, Any]]) -> str:
    plain = [[one["certname"], one["type"], one["title"], one.get("parameters")] for one in resources]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]
