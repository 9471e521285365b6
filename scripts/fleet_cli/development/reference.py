"""Pages that are written from the code: a module's REFERENCE.md, by puppet-strings, and docs/findings.md."""

import re
import shutil
from pathlib import Path

from fleet_cli.machine import temporary
from fleet_cli.machine.errors import FleetError
from fleet_cli.roots import rootfs
from fleet_cli.validation import codes

NAME = "REFERENCE.md"
FINDINGS = "docs/findings.md"
_FINDINGS_HEAD = """\
# Findings of fleet validate

    scripts/fleet validate          # each finding is one line: FILE:LINE:COLUMN: CODE: what is wrong; what to do

[validate.md](validate.md#allow-a-finding) says how to allow a finding that is intended. The files of the last column,
which look for it, are below `scripts/fleet_cli`. `scripts/fleet reference` writes this page from
`scripts/fleet_cli/validation/codes.py`: change it there.
"""
_PACKAGE = Path(__file__).resolve().parents[1]
_SAID = re.compile(r"Data type: (?:`[^\n]*`|\n*```puppet\n.*?\n```)\n\n(?!Default value:)\S", re.DOTALL)
"""Where a parameter's type is followed by words of its own."""


def generate(module: Path) -> str:
    """Return what REFERENCE.md of a module should say now.

    Raises:
        FleetError: the module's code can't be read, or lacks documentation; the message says where.
    """
    with temporary.directory() as scratch:
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


def findings_page() -> str:
    """Return what docs/findings.md should say now: each code of a finding, and what it means."""
    parts = [_FINDINGS_HEAD]
    for subject, meanings in codes.CODES.items():
        rows = [f"| `{code}` | {meaning} | {', '.join(_found_by(code))} |" for code, meaning in meanings.items()]
        head = [f"## {subject}", "", "| code | what it means | found by |", "| --- | --- | --- |"]
        parts.append("\n".join([*head, *rows, ""]))
    return "\n".join(parts)


def sources_of_findings() -> dict[str, str]:
    """The text of each file that makes findings, by its path below this package: the checks, and what reads files."""
    files = [path for path in _PACKAGE.glob("validation/**/*.*") if path.suffix in (".py", ".rb")]
    texts = {path: path.read_text(encoding="utf-8") for path in [*files, *_PACKAGE.glob("repository/*.py")]}
    return {
        str(path.relative_to(_PACKAGE)): text
        for path, text in sorted(texts.items())
        if path != Path(codes.__file__) and (path in files or "Finding" in text)
    }


def _found_by(code: str) -> list[str]:
    return [f"`{name}`" for name, text in sources_of_findings().items() if re.search(rf"[\"']{code}[\"']", text)]


def write_findings(repo: Path) -> Path:
    """Bring docs/findings.md of a control repository up to date; return its path."""
    file = repo / FINDINGS
    file.write_text(findings_page(), encoding="utf-8")
    return file
