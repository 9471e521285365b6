"""Catalogs, as the Puppet server would compile them, and what they are asked."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fleet_cli.compiling import program
from fleet_cli.machine import temporary

FACTS = Path(__file__).with_name("debian13.json")
EYAML_KEYS = "/etc/puppet/eyaml"
"""Where hiera.yaml has the keys of eyaml."""


@dataclass(frozen=True)
class Node:
    """A node to compile a catalog for.

    Attributes:
        certname: the name in its certificate.
        role, tier: the trusted extensions in it; none if empty.
        hiera: files below hieradata/ that differ from the repository's, as `{path: text}`.
        code: Puppet code to compile in the place of manifests/site.pp.
        facts: facts besides those that every node has.
        puppetdb: rows that queries find, by entity, or why PuppetDB does not answer; None: there is no PuppetDB.
    """

    certname: str = "node1.example.test"
    role: str = ""
    tier: str = ""
    hiera: Mapping[str, str] = field(default_factory=dict)
    code: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    puppetdb: Mapping[str, Sequence[Mapping[str, Any]]] | str | None = None


@dataclass(frozen=True)
class Resource:
    """One resource of a catalog, as it goes over the wire."""

    reference: str
    parameters: Mapping[str, Any]
    sensitive: frozenset[str]

    def __getitem__(self, parameter: str) -> Any:
        return self.parameters[parameter]

    def references(self, metaparameter: str) -> set[str]:
        """Return the references in `require`, `before`, `notify` or `subscribe`."""
        value = self.parameters.get(metaparameter, [])
        return {value} if isinstance(value, str) else set(value)


class Catalog:
    """A compiled catalog, or the message of the error that came instead."""

    def __init__(self, compiled: Mapping[str, Any]) -> None:
        self.error: str = compiled.get("error", "")
        self.version: str = compiled.get("version", "")
        resources = [
            Resource(
                f"{resource['type']}[{resource['title']}]",
                resource.get("parameters", {}),
                frozenset(resource.get("sensitive_parameters", [])),
            )
            for resource in compiled.get("resources", [])
        ]
        self._resources = {resource.reference: resource for resource in resources}

    def __getitem__(self, reference: str) -> Resource:
        assert not self.error, self.error
        return self._resources[reference]

    def __contains__(self, reference: str) -> bool:
        assert not self.error, self.error
        return reference in self._resources

    def __iter__(self) -> Iterator[Resource]:
        assert not self.error, self.error
        return iter(self._resources.values())

    def titles(self, kind: str) -> set[str]:
        """Return the titles of all resources of a type."""
        prefix = f"{kind}["
        return {
            resource.reference.removeprefix(prefix).removesuffix("]")
            for resource in self
            if resource.reference.startswith(prefix)
        }


def compile_nodes(nodes: Sequence[Node], repo: Path, keys: Path) -> list[Catalog]:
    """Compile the catalogs of all nodes in one Puppet process, in the nodes' order.

    What a node exports, those after it collect, as if it had reached PuppetDB by then.

    Args:
        nodes: the nodes.
        repo: the control repository with its modules in vendor/.
        keys: the directory of the eyaml keys.
    """
    common_facts = json.loads(FACTS.read_text(encoding="utf-8"))
    catalogs = []
    exported: list[dict[str, Any]] = []
    with temporary.directory() as directory:
        live, reads = {directory: program.ENVIRONMENTS}, {repo: "/repo", keys: EYAML_KEYS}
        with program.started(live, reads, placeholders=False) as compiler:
            for number, node in enumerate(nodes):
                environment = f"node{number}" if node.hiera else "common"
                if not (directory / environment).exists():
                    _lay_out(directory / environment, repo, node.hiera)
                compiler.export(str(len(exported)), exported)
                answer = compiler.compile(_request(node, environment, common_facts, str(len(exported))))
                exported += [{**one, "certname": node.certname} for one in answer.get("exported", ())]
                catalogs.append(Catalog(answer))
    return catalogs


def _request(node: Node, environment: str, common_facts: Mapping[str, Any], exports: str) -> program.Request:
    host, _, domain = node.certname.partition(".")
    names = {"hostname": host, "domain": domain, "fqdn": node.certname}
    facts = {**common_facts, "networking": {**common_facts["networking"], **names}, **node.facts}
    extensions = {"pp_role": node.role, "pp_environment": node.tier}
    return program.Request(node.certname, extensions, environment, facts, node.code, exports, node.puppetdb)


def _lay_out(environment: Path, repo: Path, hiera: Mapping[str, str]) -> None:
    """An environment that is the repository but for some files of Hiera; `repo` is /repo where Puppet runs."""
    environment.mkdir()
    for entry in repo.iterdir():
        if entry.name != "hieradata":
            (environment / entry.name).symlink_to(Path("/repo") / entry.name)
    shutil.copytree(repo / "hieradata", environment / "hieradata", copy_function=os.link)
    for path, text in hiera.items():
        file = environment / "hieradata" / path
        file.unlink(missing_ok=True)  # a hard link: writing to it would write to the repository
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
