"""Control repositories of fleets of a size: this one's code, with so many machines and services."""

import json
from pathlib import Path

from fleet_cli.repository import inventory
from fleet_cli.repository.inventory import Machine

from tests.catalog.control import Control

NAMES = [f"service-{letter}" for letter in "abcde"]
STAGING_SHARE = 10
"""One machine of so many is in the tier staging; the first one always."""
PORT = 7001


def machines(count: int) -> list[Machine]:
    """So many machines that run services."""
    return [
        Machine(f"app{number:04}.fleet.test", "app", "production" if number % STAGING_SHARE else "staging")
        for number in range(count)
    ]


def make(directory: Path, count: int) -> Control:
    """A repository with `count` machines, each with facts of its own, and a change of one service's version in staging.

    The change is in the working tree; the branch `main` is without it.
    """
    directory.mkdir(parents=True)
    control = Control(directory)
    for file in (directory / "hieradata/services").iterdir():
        file.unlink()
    for number, name in enumerate(NAMES):
        control.write(f"hieradata/services/{name}.yaml", _service(name, PORT + number))
    for tier in ("staging", "production"):
        control.write(f"hieradata/tiers/{tier}.yaml", _tier(dict.fromkeys(NAMES, "1.0.0-1")))
    found = machines(count)
    control.write("nodes.yaml", inventory.render(found))
    common = json.loads(control.read("tests/catalog/debian13.json"))
    for number, machine in enumerate(found):
        networking = {**common["networking"], "ip": f"10.77.{number // 250}.{number % 250 + 1}"}
        text = json.dumps({**common, "networking": networking})
        control.write(f"tests/catalog/facts/{machine.certname}.json", text)
    control.commit()
    bump(control, "1.1.0-1")
    return control


def bump(control: Control, version: str) -> None:
    """Have the first service run at another version in staging."""
    control.write("hieradata/tiers/staging.yaml", _tier({**dict.fromkeys(NAMES, "1.0.0-1"), NAMES[0]: version}))


def _service(name: str, port: int) -> str:
    return (
        f"---\nflask_microservice::services:\n  {name}:\n    port: {port}\n    config:\n      log: {{level: info}}\n"
        "    secrets:\n      app: [secret_key]\n"
    )


def _tier(versions: dict[str, str]) -> str:
    lines = "".join(f"  {name}: '{version}'\n" for name, version in versions.items())
    return f"---\nflask_microservice::versions:\n{lines}"
