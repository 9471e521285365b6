"""The control repository as a Puppet server has it: with the Puppetfile's modules and with secrets it can decrypt."""

import shutil
from pathlib import Path

import pytest
from fleet_cli.machine import paths
from fleet_cli.planning import environment, modules
from fleet_cli.repository import labfile

from . import new_secrets

_FILES = ("environment.conf", "hiera.yaml", "Puppetfile")
_DIRECTORIES = ("hieradata", "manifests", "modules", "scripts", "site")


@pytest.fixture(scope="session")
def lab() -> labfile.Lab:
    """What lab.yaml says."""
    return labfile.load(paths.control_repo() / "lab.yaml")


@pytest.fixture(scope="session")
def eyaml_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with pairs of eyaml keys of these tests: the fleet's, and those of two tiers."""
    directory = tmp_path_factory.mktemp("eyaml")
    new_secrets.new_keys(directory)
    for tier in ("production", "staging"):
        new_secrets.new_keys(directory / "tiers" / tier, tier)
    return directory


def public_key(eyaml_keys: Path, tier: str) -> bytes:
    """What secrets of a tier are encrypted with: the fleet's key, where the tier has none."""
    own = eyaml_keys / "tiers" / tier / "public_key.pkcs7.pem"
    return (own if own.exists() else eyaml_keys / "public_key.pkcs7.pem").read_bytes()


@pytest.fixture(scope="session")
def deployed(lab: labfile.Lab, eyaml_keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the control repository, its modules fetched by r10k, its secrets generated for every tier."""
    repo = tmp_path_factory.mktemp("deployed") / "control"
    repo.mkdir()
    for name in _FILES:
        shutil.copy(paths.control_repo() / name, repo / name)
    for name in _DIRECTORIES:
        shutil.copytree(paths.control_repo() / name, repo / name)
    with modules.fetched((repo / "Puppetfile").read_bytes(), environment.MIRROR) as found:
        shutil.copytree(found.directory / "vendor", repo / "vendor")
    (repo / "hieradata/secrets").mkdir(exist_ok=True)
    for tier in {box.tier for box in lab.boxes}:
        text = new_secrets.generate(repo, tier, public_key(eyaml_keys, tier))
        (repo / f"hieradata/secrets/{tier}.yaml").write_text(text, encoding="utf-8")
    return repo
