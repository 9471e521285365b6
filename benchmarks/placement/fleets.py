"""The same fleet twice: its services placed by group, and each node with only its own services declared."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import yaml
from fleet_cli.machine import paths
from fleet_cli.repository import inventory
from fleet_cli.repository.inventory import Machine

from tests.catalog.control import FACTS, Control

TIERS = ("staging", "production")
PORT = 10_000
NOWHERE = "http://127.0.0.1:1/"
VERSION, NEWER = "1.0.0-1", "1.1.0-1"


def machines(count: int) -> list[Machine]:
    """So many machines that run services."""
    return [
        Machine(f"app{number:04}.fleet.test", "app", TIERS[number % 10 > 0]) for number in range(count)
    ]  # one of ten is in staging


def placed(directory: Path, nodes: int, services: int, groups: int) -> Control:
    """A repository in which each service names the group of nodes that it runs on."""
    control = _common(directory, nodes)
    for number in range(services):
        name = _name(number)
        _write(
            control, f"services/{name}.yaml", services={name: _service(number, nodes=[f"group-{number % groups:02}"])}
        )
    members: dict[str, list[str]] = {f"group-{number:02}": [] for number in range(groups)}
    for number, machine in enumerate(machines(nodes)):
        members[f"group-{_group(number, groups):02}"].append(machine.certname)
    for tier in TIERS:
        tiers = {machine.certname for machine in machines(nodes) if machine.tier == tier}
        its = {name: [node for node in nodes if node in tiers] for name, nodes in members.items()}
        _write(control, f"tiers/{tier}.yaml", versions=_pins(services), groups=its)
    control.commit()
    return control


def alone(directory: Path, nodes: int, services: int, groups: int) -> Control:
    """A repository in which each node's own file declares its services, and no others are declared."""
    control = _common(directory, nodes)
    for number, machine in enumerate(machines(nodes)):
        own = range(_group(number, groups), services, groups)
        _write(control, f"nodes/{machine.certname}.yaml", services={_name(each): _service(each) for each in own})
    for tier in TIERS:
        _write(control, f"tiers/{tier}.yaml", versions=_pins(services))
    control.commit()
    return control


def bump(control: Control) -> None:
    """Have the first service run at another version in staging."""
    control.replace("hieradata/tiers/staging.yaml", f"{_name(0)}: {VERSION}", f"{_name(0)}: {NEWER}")


def _pins(services: int) -> dict[str, str]:
    return {_name(number): VERSION for number in range(services)}


def _common(directory: Path, nodes: int) -> Control:
    directory.mkdir(parents=True)
    control = Control(directory)
    for folder in ("services", "nodes"):
        for file in (directory / "hieradata" / folder).iterdir():
            file.unlink()
    # No repository of packages answers, in both cases; and validate finds nothing else that is not about services.
    common = control.read("hieradata/common.yaml")
    common = re.sub(r"(?m)^(profile::fleet_repository::url:).*", rf"\1 {NOWHERE}", common)
    control.write("hieradata/common.yaml", common)
    for role in (directory / "hieradata/roles").iterdir():
        if role.name != "app.yaml":
            role.unlink()
    shutil.copy(paths.control_repo() / ".yamllint", directory / ".yamllint")
    (directory / "lab.yaml").unlink()
    found = machines(nodes)
    control.write("nodes.yaml", inventory.render(found))
    facts = json.loads(control.read(FACTS))
    for number, machine in enumerate(found):
        networking = {**facts["networking"], "ip": f"10.77.{number // 250}.{number % 250 + 1}"}
        control.write(f"tests/catalog/facts/{machine.certname}.json", json.dumps({**facts, "networking": networking}))
    return control


def _group(machine: int, groups: int) -> int:
    """Ten machines of a group follow each other: one of them is in staging."""
    return machine // 10 % groups


def _name(number: int) -> str:
    return f"service-{number:03}"


def _service(number: int, **more: object) -> dict[str, object]:
    return {"port": PORT + number, "config": {"log": {"level": "info"}}, "data": "per_node", **more}


def _write(control: Control, name: str, **keys: dict[str, Any]) -> None:
    """Write a file of Hiera; a service's declaration takes one line, so that `bump` finds its version."""
    lines = ["---\n"] if keys else ["---\n{}\n"]
    for key, value in keys.items():
        lines.append(f"flask_microservice::{key}:\n")
        lines += [line for each in value.items() for line in _lines(*each)]
    control.write(f"hieradata/{name}", "".join(lines))


def _lines(name: str, value: object) -> list[str]:
    if isinstance(value, list) and value:
        return [f"  {name}:\n", *(f"    - {each}\n" for each in value)]
    return [f"  {name}: {_flow(value)}\n"]


def _flow(value: object) -> str:
    return yaml.safe_dump(value, default_flow_style=True, width=100_000).removesuffix("...\n").strip()
