"""A copy of this repository to make mistakes in."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from fleet_cli import secrets
from fleet_cli.validation.finding import Finding
from fleet_cli.validation.whole_check import Validation

REPO = Path(__file__).resolve().parents[3]
FILES = (".yamllint", "Puppetfile", "environment.conf", "hiera.yaml", "lab.yaml")
DIRECTORIES = ("hieradata", "manifests", "modules", "site")

Edit = tuple[str, str]
"""A text of a file, and what stands there instead; an empty one is the end of the file, or all of a new one."""
Edits = Mapping[str, Edit]
Validate = Callable[[Path], list[Finding]]


def copy_of_the_repository(directory: Path) -> Path:
    repo = directory / "control"
    repo.mkdir()
    for name in FILES:
        shutil.copy(REPO / name, repo / name)
    for name in DIRECTORIES:
        shutil.copytree(REPO / name, repo / name)
    return repo


def edit(repo: Path, edits: Edits) -> None:
    for name, (old, new) in edits.items():
        file = repo / name
        file.parent.mkdir(parents=True, exist_ok=True)
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        assert old in text, f"{name} has changed: there is no {old!r} in it any more"
        file.write_text(text.replace(old, new, 1) if old else text + new, encoding="utf-8")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return copy_of_the_repository(tmp_path)


@pytest.fixture
def validate() -> Validate:
    return lambda repo: Validation(repo).findings()


@pytest.fixture(scope="session")
def encrypt(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    keys = tmp_path_factory.mktemp("eyaml")
    secrets.new_keys(keys)
    public = (keys / "public_key.pkcs7.pem").read_bytes()
    return lambda value: secrets.encrypt(public, value)
