"""What tests of catalogs start from: a deployed control repository, and what compiles and checks what it declares."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from fleet_cli.repository import labfile, secrets
from fleet_cli.sandbox import entering, running

from ..deployed_repository import deployed, eyaml_keys, lab
from .catalogs import Catalog, Node, compiling

__all__ = ["Compile", "deployed", "eyaml_keys", "lab", "taken"]

Compile = Callable[[Sequence[Node]], list[Catalog]]


@pytest.fixture(scope="session")
def encrypt(eyaml_keys: Path) -> Callable[[str], str]:
    """Encrypt a value so that the compiled catalogs can hold it."""
    public = (eyaml_keys / "public_key.pkcs7.pem").read_bytes()
    return lambda value: secrets.encrypt(public, value)


@pytest.fixture(scope="session")
def compile(deployed: Path, eyaml_keys: Path) -> Iterator[Compile]:
    """Compile catalogs of the deployed control repository: give it nodes, get a catalog for each."""
    with compiling(deployed, eyaml_keys) as found:
        yield found


@pytest.fixture(scope="session")
def lab_catalogs(lab: labfile.Lab, compile: Compile) -> dict[str, Catalog]:
    """The catalog of each box of the lab, by its certname."""
    boxes = [lab.server, *lab.nodes]
    nodes = [Node(box.certname, box.role, box.tier) for box in boxes]
    return dict(zip([box.certname for box in boxes], compile(nodes), strict=True))


@pytest.fixture
def check_rules(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Have nft check the files of rules in a directory. It asks the kernel for that, as root of its own network."""
    monkeypatch.setattr(entering, "CAPABILITIES", (*entering.CAPABILITIES, "NET_ADMIN"))
    script = "for file in /rules/*.nft; do nft --check --file $file || exit 1; done"

    def check(rules: Path) -> None:
        running.run("node", ["sh", "-c", script], reads={rules: "/rules"}, root=True)

    return check


def taken(compile: Compile, module: str, candidates: Mapping[str, Sequence[Any]]) -> dict[str, list[bool]]:
    """Return for the types of a module, by name, which values Puppet takes, all asked in one catalog."""
    code = "".join(
        f"notify {{ '{name}': message => $facts['candidates']['{name}'].map |$value| "
        f"{{ $value =~ {module}::{name} }} }}\n"
        for name in candidates
    )
    (catalog,) = compile([Node(code=code, facts={"candidates": candidates})])
    return {name: catalog[f"Notify[{name}]"]["message"] for name in candidates}
