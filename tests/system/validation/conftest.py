"""A copy of this repository to make mistakes in."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from fleet_cli.repository import secrets
from fleet_cli.repository.finding import Finding
from fleet_cli.validation import codes
from fleet_cli.validation.all_checks import Validation
from fleet_cli.validation.hiera_check import Packages
from fleet_cli.validation.package_index import Repository

from ... import new_secrets

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
def repo(tmp_path: Path) -> Iterator[Path]:
    repo = copy_of_the_repository(tmp_path)
    yield repo
    shutil.rmtree(repo)  # of so many tests they would be some hundred megabytes


INI = """\
[app]
# Signs what the service hands out.
secret_key =

[log]
file = /var/log/{name}/{name}.log
level = info

[database]
url = sqlite:////var/lib/{name}/{name}.db
"""


LEVELS = ("debug", "info", "warning", "error", "critical")


def schema(levels: Sequence[str] = LEVELS) -> str:
    """What the settings of such a package may be, as a build makes it."""
    level = {"type": "string", "enum": levels, "x-expected": "one of " + ", ".join(levels)}
    file = {"type": "string", "pattern": "^(/.*)?$", "x-expected": "an absolute path, or nothing for standard error"}
    sections = {"log": {"level": level, "file": file}}
    return json.dumps({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "properties": {section: {"properties": keys} for section, keys in sections.items()},
    })  # fmt: skip


def deb(directory: Path, name: str, version: str, more: str = "", said: str = "") -> None:
    """A package with nothing in it but what describes its settings.

    Args:
        directory, name, version: where it is put, and its name and version.
        more: the end of its default_config.ini.
        said: its JSON Schema, if not what `schema` makes; "none" for a package that has none.
    """
    tree = directory / "tree"
    for path, text in (
        ("DEBIAN/control", f"Package: {name}\nVersion: {version}\nArchitecture: all\n"
                           "Maintainer: A B <a@example.org>\nDescription: nothing\n"),
        (f"usr/share/{name}/default_config.ini", INI.format(name=name) + more),
        *([(f"usr/share/{name}/settings.schema.json", said or schema())] if said != "none" else []),
    ):  # fmt: skip
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text, encoding="utf-8")
    target = directory / f"{name}_{version.rpartition(':')[2]}_all.deb"
    subprocess.run(
        ["dpkg-deb", "-Znone", "--root-owner-group", "--build", tree, target], check=True, capture_output=True
    )
    shutil.rmtree(tree)


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages that the tiers pin, and newer ones."""
    directory = tmp_path_factory.mktemp("packages")
    upstream = "\n[upstreams]\ninventory = http://127.0.0.1:7000\n"
    deb(directory, "inventory", "1.0.0-1")
    deb(directory, "orders", "1.0.0-1", upstream)
    deb(directory, "inventory", "2.0.0-1", "\n[cache]\n# Seconds.\nlifetime = 5\n", schema((*LEVELS[1:], "trace")))
    deb(directory, "orders", "2.0.0-1", upstream + "\n[mail]\n# Required: where bills go.\nsender =\n")
    return directory


@pytest.fixture
def validate(packages: Path) -> Validate:
    """What is found in a repository; each finding has a code that docs/findings.md explains."""
    source = Packages(Repository(str(packages)), required=True)

    def found(repo: Path) -> list[Finding]:
        findings = Validation(repo, packages=source).findings()
        assert {finding.code for finding in findings} <= codes.ALL.keys()
        return findings

    return found


@pytest.fixture(scope="session")
def encrypt(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    keys = tmp_path_factory.mktemp("eyaml")
    new_secrets.new_keys(keys)
    public = (keys / "public_key.pkcs7.pem").read_bytes()
    return lambda value: secrets.encrypt(public, value)
