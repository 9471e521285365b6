"""Where a state of the control repository is read from: a directory, or a commit of a clone."""

import os
from pathlib import Path

SUFFIXES = (".yaml", ".yml", ".eyaml")


def below(repo: Path, directory: str) -> list[str]:
    """The YAML files below a directory of the repository, in order; links to elsewhere are not followed."""
    found = []
    waiting = [directory]
    while waiting:
        current = waiting.pop()
        try:
            entries = list(os.scandir(repo / current))
        except OSError:
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                waiting.append(f"{current}/{entry.name}")
            elif entry.name.endswith(SUFFIXES) and entry.is_file():
                found.append(f"{current}/{entry.name}")
    return sorted(found)
