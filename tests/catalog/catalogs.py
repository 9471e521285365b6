"""Catalogs, as the Puppet server would compile them, and what they are asked."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fleet_cli.compiling import program
from fleet_cli.machine import temporary

FACTS = Path(__file__).with_name("debian13.json")
ENVIRONMENT = "common"
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


class Compiling:
    """One Puppet process for many catalogs: it loads Puppet, and parses the code of the repository, once.

    Args:
        compiler: the process.
        environments: the directory that it has its environments in.
        repo: the control repository with its modules in vendor/; /repo where Puppet runs.
    """

    def __init__(self, compiler: program.Compiler, environments: Path, repo: Path) -> None:
        self._compiler, self._repo = compiler, repo
        self._hieradata = environments / ENVIRONMENT / "hieradata"
        self._written: set[str] = set()
        self._exports = 0
        self._common_facts = json.loads(FACTS.read_text(encoding="utf-8"))
        self._hieradata.parent.mkdir()
        for entry in repo.iterdir():
            if entry.name != "hieradata":
                (self._hieradata.parent / entry.name).symlink_to(Path("/repo") / entry.name)
        shutil.copytree(repo / "hieradata", self._hieradata, copy_function=os.link)

    def __call__(self, nodes: Sequence[Node]) -> list[Catalog]:
        """Compile the catalogs of all nodes, in their order.

        What a node exports, those after it collect, as if it had reached PuppetDB by then.
        """
        catalogs = []
        exported: list[dict[str, Any]] = []
        self._export(exported)
        for node in nodes:
            self._have(node.hiera)
            answer = self._compiler.compile(self._request(node))
            if made := answer.get("exported"):
                exported += [{**one, "certname": node.certname} for one in made]
                self._export(exported)
            catalogs.append(Catalog(answer))
        return catalogs

    def _export(self, resources: Sequence[Mapping[str, Any]]) -> None:
        self._exports += 1
        self._compiler.export(str(self._exports), resources)

    def _request(self, node: Node) -> program.Request:
        host, _, domain = node.certname.partition(".")
        names = {"hostname": host, "domain": domain, "fqdn": node.certname}
        facts = {**self._common_facts, "networking": {**self._common_facts["networking"], **names}, **node.facts}
        extensions = {"pp_role": node.role, "pp_environment": node.tier}
        exports = str(self._exports)
        return program.Request(node.certname, extensions, ENVIRONMENT, facts, node.code, exports, node.puppetdb)

    def _have(self, hiera: Mapping[str, str]) -> None:
        """Have in Hiera what the repository has, but for some files; Puppet reads a file anew if it is another one."""
        for path in self._written:
            (self._hieradata / path).unlink()
            if (self._repo / "hieradata" / path).exists():
                (self._hieradata / path).hardlink_to(self._repo / "hieradata" / path)
        self._written = set(hiera)
        for path, text in hiera.items():
            file = self._hieradata / path
            file.unlink(missing_ok=True)  # a hard link: writing to it would write to the repository
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")


@contextmanager
def compiling(repo: Path, keys: Path) -> Iterator[Compiling]:
    """Something that compiles catalogs of a control repository until the block is left.

    Args:
        repo: with its modules in vendor/.
        keys: the directory of the eyaml keys.
    """
    with temporary.directory() as directory:
        live, reads = {directory: program.ENVIRONMENTS}, {repo: "/repo", keys: EYAML_KEYS}
        with program.started(live, reads, placeholders=False) as compiler:
            yield Compiling(compiler, directory, repo)


def compile_nodes(nodes: Sequence[Node], repo: Path, keys: Path) -> list[Catalog]:
    """Compile catalogs once: see compiling."""
    with compiling(repo, keys) as compile:
        return compile(nodes)
