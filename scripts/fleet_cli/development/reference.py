"""REFERENCE.md of a Puppet module, by puppet-strings, from the documentation in its code."""

import re
import shutil
from pathlib import Path

from fleet_cli.machine import kept
from fleet_cli.machine.errors import FleetError
from fleet_cli.roots import rootfs

NAME = "REFERENCE.md"
_SAID = re.compile(r"Data type: (?:`[^\n]*`|\n*```puppet\n.*?\n```)\n\n(?!Default value:)\S", re.DOTALL)
"""Where a parameter's type is followed by words of its own."""


def generate(module: Path) -> str:
    """Return what REFERENCE.md of a module should say now.

    Raises:
        FleetError: the module's code can't be read, or lacks documentation; the message says where.
    """
    with kept.scratch() as scratch:
        # A copy under the module's own name, without what only looks like its code.
        copy = shutil.copytree(module, scratch / module.name, ignore=shutil.ignore_patterns("examples"))
        (copy / NAME).unlink(missing_ok=True)
        strings = f"puppet strings generate --format markdown --out {NAME}"
        command = f"cd /modules/{module.name} && {strings} 2>&1"
        said = rootfs.run("module", ["sh", "-c", command], binds={scratch: "/modules"}).stdout
        text = (copy / NAME).read_text(encoding="utf-8")
    faults = [line for line in said.splitlines() if line.startswith(("[warn]", "[error]"))]
    faults += [f"nothing is said of the parameter {name}" for name in _undocumented(text)]
    if faults:
        raise FleetError("\n".join([f"{module}: not documented in full:", *faults]))
    return text


def _undocumented(text: str) -> list[str]:
    """The parameters of which a reference has nothing but type and default; puppet-strings lets them pass."""
    sections = [section for section in text.split("\n##### ")[1:] if "Data type:" in section]
    return [section.splitlines()[0] for section in sections if not _SAID.search(section)]


def write(module: Path) -> Path:
    """Bring REFERENCE.md of a module up to date; return its path."""
    file = module / NAME
    file.write_text(generate(module), encoding="utf-8")
    return file
