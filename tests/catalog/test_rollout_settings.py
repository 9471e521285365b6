"""What Hiera may say of rollouts is one thing to Puppet, which checks it, and to `fleet rollout`, which goes by it."""

import json
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from fleet_cli.machine.errors import FleetError
from fleet_cli.rollout import settings
from fleet_cli.rollout.settings import PREFIX, Settings

from .catalogs import Catalog, Node
from .conftest import Compile
from .control import Control

TAKEN: dict[str, list[Any]] = {
    "tiers": [[], ["staging", "production"]],
    "canary": [0, 1, 12, "0%", "10%", "100%"],
    "batch": [1, 12, "1%", "100%"],
    "max_parallel": [1, "50%"],
    "max_unreachable": [0, "0%", "10%"],
    "watch": [0, 60, 86400],
    "deadline": [1, 86400],
    "pause_deadline": [0, 604800],
    "no_traffic": ["pause", "verify_only"],
    "least_requests": [1, 5000],
    "error_ratio": [0, 0.0, 0.5, 1, 1.0],
    "latency_ratio": [1, 1.0, 3, 2.5],
    "webhook": ["https://hooks.example.org/a?b={token}", "HTTPS://example.org"],
    "check_seconds": [1, 3600],
}
REFUSED: dict[str, list[Any]] = {
    "tiers": ["staging", [""], [1], {"staging": 1}],
    "canary": [-1, "", "1", "101%", "010%", "10 %", "1.5%", "10%\n", 1.5, True, []],
    "batch": [0, "0%", -1, "25"],
    "max_parallel": [0, "0%"],
    "max_unreachable": [-1, "-1%"],
    "watch": [-1, 86401, 1.5, "60", True],
    "deadline": [0, 86401],
    "pause_deadline": [-1, "never"],
    "no_traffic": ["Pause", "success", "", True],
    "least_requests": [0, "100"],
    "error_ratio": [-0.1, 1.1, 2, "1%", True],
    "latency_ratio": [0.9, 0, "2"],
    "webhook": ["http://hooks.example.org", "", 1, ["https://hooks.example.org"]],
    "check_seconds": [0, 3601],
}
ALL = [(name, value) for values in (TAKEN, REFUSED) for name in values for value in values[name]]


def compiled(compile: Compile, given: list[tuple[str, Any]]) -> list[Catalog]:
    return compile([
        Node(code=f"class {{ 'profile::rollout': {name} => $facts['said'] }}", facts={"said": value})
        for name, value in given
    ])  # fmt: skip


def read(directory: Path, name: str, value: Any) -> Settings:
    """What `fleet rollout` takes a value to be that stands in the file of a tier."""
    file = directory / "data/staging.yaml"
    file.write_text(f"---\n{PREFIX}{name}: {json.dumps(value)}\n")
    for command in (["add", "--all"], ["commit", "--quiet", "--allow-empty", "--message=A value"]):
        subprocess.run(["git", "-C", directory, *command], check=True)
    head = subprocess.run(["git", "-C", directory, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return settings.of(directory, head.stdout.strip(), "staging")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("values")
    (directory / "data").mkdir()
    (directory / "hiera.yaml").write_text(
        "---\nversion: 5\nhierarchy:\n- {name: Tier, path: '%{trusted.extensions.pp_environment}.yaml'}\n"
    )
    for command in (["init", "--quiet"], ["config", "user.name", "A"], ["config", "user.email", "a@example.org"]):
        subprocess.run(["git", "-C", directory, *command], check=True)
    return directory


def test_what_hiera_does_not_say_is_the_same_to_puppet_and_to_the_program(compile: Compile) -> None:
    (catalog,) = compile([Node(code="include profile::rollout", hiera={"common.yaml": "---\n{}\n"})])
    by_puppet = {"webhook": "", **catalog["Class[Profile::Rollout]"].parameters}
    by_program = {**asdict(Settings()), "tiers": []}
    assert {name: by_puppet.get(name) for name in by_program} == by_program
    assert by_program.keys() == TAKEN.keys() == REFUSED.keys()


def test_puppet_and_the_program_take_and_refuse_the_same_values(compile: Compile, repository: Path) -> None:
    differ = []
    for (name, value), catalog in zip(ALL, compiled(compile, ALL), strict=True):
        try:
            read(repository, name, value)
            taken = True
        except FleetError:
            taken = False
        if [taken, not catalog.error] != [value in TAKEN[name] and not isinstance(value, bool)] * 2:
            differ.append((name, value, taken, catalog.error))
    assert not differ


def test_every_node_takes_the_settings_and_nothing_on_it_changes_with_them(tmp_path: Path) -> None:
    control = Control(tmp_path)
    common = control.read("hieradata/common.yaml")
    control.write("hieradata/common.yaml", f"{common}profile::rollout::watch: 5\nprofile::rollout::canary: '10%'\n")
    plan = control.plan()
    assert plan.nodes > 1
    assert not plan.changes
