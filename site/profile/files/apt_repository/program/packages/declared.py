"""The packages that services run from, in the environments that this server gives to nodes."""

import configparser
import json
from pathlib import Path
from typing import Any

from packages import programs
from packages.errors import PublishError

DEPLOYS = Path("/etc/deploy-environment.ini")
PROGRAM = Path(__file__).with_name("declared.rb")


def packages() -> set[str] | None:
    """Return their names; None if nothing is deployed here, or can't be read: nobody knows then."""
    try:
        environments = _environments()
        if not environments:
            return None
        found: list[str] = json.loads(programs.run(["ruby", str(PROGRAM), *map(str, environments)]))
    except (OSError, ValueError, KeyError, configparser.Error, PublishError):
        return None
    return set(found)


def _environments() -> list[Path]:
    settings = configparser.ConfigParser(interpolation=None)
    settings.read_string(DEPLOYS.read_text(encoding="utf-8"))
    section = settings["deploy"]
    answers: dict[str, Any] = json.loads((Path(section["state"]) / "answers.json").read_text(encoding="utf-8"))
    given = [answers["fleet"], *answers["tiers"].values(), *answers["nodes"].values()]
    names = {answer["environment"] for answer in given if answer}
    places = (Path(section["environments"]) / name for name in sorted(names))
    return [place for place in places if place.is_dir()]
