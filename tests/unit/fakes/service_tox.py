"""The commands of a service's tox.ini, for tests that have their tools without tox."""

import configparser
import shlex
from pathlib import Path


def commands(service: Path, environment: str) -> list[list[str]]:
    """Return the command lines of `tox -e environment`, with what they take from other sections filled in."""
    tox = configparser.RawConfigParser()
    tox.read(service / "tox.ini", encoding="utf-8")
    text = tox[f"testenv:{environment}"]["commands"]
    while "{[" in text:
        before, _, rest = text.partition("{[")
        reference, _, after = rest.partition("}")
        section, _, key = reference.partition("]")
        text = before + tox[section][key] + after
    return [shlex.split(line) for line in text.strip().splitlines()]
