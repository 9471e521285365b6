"""metadata.json of the repository's own modules."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from fleet_cli.repository.finding import Finding


def texts(repo: Path, modules: Iterable[str]) -> dict[str, tuple[str, str]]:
    """The metadata of modules that can be read: path and text, by slug."""
    found = {}
    for module in modules:
        name = f"{module}/metadata.json"
        try:
            text = (repo / name).read_text(encoding="utf-8")
            found[str(json.loads(text)["name"]).replace("/", "-")] = (name, text)
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found


def findings(repo: Path, modules: Iterable[str]) -> Iterator[Finding]:
    """Files that are not JSON: Puppet leaves out a module whose metadata.json it can't read.

    Args:
        repo: the control repository.
        modules: the directories of modules below it.
    """
    for module in modules:
        name = f"{module}/metadata.json"
        try:
            json.loads((repo / name).read_bytes())
        except FileNotFoundError:
            continue
        except UnicodeDecodeError:
            yield Finding(name, 1, 1, "not-utf-8", "it is not UTF-8", "save the file as UTF-8")
        except json.JSONDecodeError as error:
            yield Finding(name, error.lineno, error.colno, "json-syntax", error.msg)
