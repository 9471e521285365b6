"""The control repository as a Puppet server has it: with the Puppetfile's modules and with secrets it can decrypt."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from fleet_cli.machine import paths
from fleet_cli.repository import labfile, secrets
from fleet_cli.roots import forge, rootfs

from .. import new_secrets
from .catalogs import Catalog, Node, compiling

Compile = Callable[[Sequence[Node]], list[Catalog]]

PUPPET_CODE = ("environment.conf", "hiera.yaml", "Puppetfile")
PUPPET_DIRECTORIES = ("hieradata", "manifests", "modules", "scripts", "site")


@pytest.fixture(scope="session")
def lab() -> labfile.Lab:
    """What lab.yaml says."""
    return labfile.load(paths.control_repo() / "lab.yaml")


@pytest.fixture(scope="session")
def eyaml_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a pair of eyaml keys of these tests."""
    directory = tmp_path_factory.mktemp("eyaml")
    new_secrets.new_keys(directory)
    return directory


@pytest.fixture(scope="session")
def encrypt(eyaml_keys: Path) -> Callable[[str], str]:
    """Encrypt a value so that the compiled catalogs can hold it."""
    public = (eyaml_keys / "public_key.pkcs7.pem").read_bytes()
    return lambda value: secrets.encrypt(public, value)


@pytest.fixture(scope="session")
def deployed(lab: labfile.Lab, eyaml_keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the control repository, its modules fetched by r10k, its secrets generated for every tier."""
    repo = tmp_path_factory.mktemp("deployed") / "control"
    repo.mkdir()
    for name in PUPPET_CODE:
        shutil.copy(paths.control_repo() / name, repo / name)
    for name in PUPPET_DIRECTORIES:
        shutil.copytree(paths.control_repo() / name, repo / name)

    with forge.serving() as url:
        (repo / "r10k.yaml").write_text(f"forge:\n  baseurl: {url}\n", encoding="utf-8")
        rootfs.run(
            "toolbox",
            ["sh", "-c", "cd /repo && r10k puppetfile install --config r10k.yaml --verbose"],
            binds={repo: "/repo"},
        )

    public = (eyaml_keys / "public_key.pkcs7.pem").read_bytes()
    (repo / "hieradata/secrets").mkdir(exist_ok=True)
    for tier in {box.tier for box in lab.boxes}:
        text = new_secrets.generate(repo, tier, public)
        (repo / f"hieradata/secrets/{tier}.yaml").write_text(text, encoding="utf-8")
    return repo


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


def taken(compile: Compile, module: str, candidates: Mapping[str, Sequence[Any]]) -> dict[str, list[bool]]:
    """Return for the types of a module, by name, which values Puppet takes, all asked in one catalog."""
    code = "".join(
        f"notify {{ '{name}': message => $facts['candidates']['{name}'].map |$value| "
        f"{{ $value =~ {module}::{name} }} }}\n"
        for name in candidates
    )
    (catalog,) = compile([Node(code=code, facts={"candidates": candidates})])
    return {name: catalog[f"Notify[{name}]"]["message"] for name in candidates}
