"""The fixed paths are the same in the module, in the template and in fleet."""

import json
import re
from pathlib import Path

from fleet_cli.repository.fixed_paths import FixedPaths

REPO = Path(__file__).resolve().parents[3]
SERVICE, PACKAGE = "some-orders", "order-book"
OURS = FixedPaths(SERVICE, PACKAGE)
NAMES = [name for name, value in vars(FixedPaths).items() if isinstance(value, property) and not name.startswith("_")]
ONLY_THE_PACKAGE = {"defaults", "schema"}
"""What no manifest names."""


def test_the_module_has_the_same_paths() -> None:
    text = (REPO / "modules/flask_microservice/functions/paths.pp").read_text(encoding="utf-8")
    filled = text.replace("${service}", SERVICE).replace("${package}", PACKAGE)
    filled = filled.replace("${python_package}", PACKAGE.replace("-", "_"))
    module = dict(re.findall(r"^ +'(\w+)' +=> \"([^\"]+)\",$", filled, re.MULTILINE))
    assert {name: getattr(OURS, name) for name in NAMES if name not in ONLY_THE_PACKAGE} == {
        name: module.get(name) for name in NAMES if name not in ONLY_THE_PACKAGE
    }
    assert ONLY_THE_PACKAGE.isdisjoint(module)


def test_the_template_has_the_same_paths() -> None:
    said = json.loads((REPO / "template/cookiecutter.json").read_text(encoding="utf-8"))
    name = "some-orders"
    ours = FixedPaths(name)
    filled = {
        key: str(value)
        .replace("{{ cookiecutter.name }}", name)
        .replace("{{ cookiecutter.__package }}", name.replace("-", "_"))
        for key, value in said.items()
    }
    assert {
        "__venv": ours.virtualenv, "__command": ours.command, "__wsgi": ours.application, "__defaults": ours.defaults,
        "__settings_schema": ours.schema,
        "__site_config": ours.config, "__log": ours.log, "__data": ours.data_dir,
    }.items() <= filled.items()  # fmt: skip


def test_no_other_module_of_fleet_spells_one_out() -> None:
    paths = re.compile(
        r"/opt/(venvs|releases)/|default_config\.ini|/secret_environment|settings\.schema\.json|/var/(lib|log)/\{"
    )
    package = REPO / "scripts/fleet_cli"
    found = {
        f"{file.relative_to(package)}: {line.strip()}"
        for file in sorted(package.rglob("*.py"))
        if file.name != "fixed_paths.py"
        for line in file.read_text(encoding="utf-8").splitlines()
        if paths.search(line) and '"""' not in line
    }
    assert found == set()
