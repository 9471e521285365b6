"""Syntax and style of YAML, by yamllint."""

import re
from collections.abc import Collection, Iterable
from pathlib import Path

import yaml

from fleet_cli.repository import yaml_reader
from fleet_cli.repository.finding import Finding
from fleet_cli.repository.yaml_reader import MAX_BYTES

YAMLLINT_CONFIG = ".yamllint"
LARGE = 16 * 2**10
"""Characters. Larger files are checked for deep brackets first, which would take yamllint for ever."""
_SWITCHED_OFF = re.compile(r"#\s*yamllint disable-file\s*\n")


def config_of(repo: Path) -> str:
    """The text of the repository's .yamllint; yamllint's own defaults without one."""
    try:
        return (repo / YAMLLINT_CONFIG).read_text(encoding="utf-8")
    except OSError:
        return "extends: default\n"


def findings(repo: Path, config: str, read: Collection[str], names: Iterable[str]) -> list[Finding]:
    """What yamllint finds in files; of those in `read` without what the reader of Hiera tells already."""
    from yamllint import linter  # noqa: PLC0415 - takes a tenth of a second, and seldom anything is to be linted
    from yamllint.config import YamlLintConfig  # noqa: PLC0415

    settings = YamlLintConfig(config)
    result = []
    for name in names:
        text = text_of(repo / name)
        if text is None or settings.is_file_ignored(name):
            continue
        if _SWITCHED_OFF.match(text):
            continue
        if name not in read and (unbounded := _unbounded(text, name)):
            result.append(unbounded)
            continue
        # The syntax of a file of Hiera was read already, which is half of the work.
        lint = linter.get_cosmetic_problems if name in read else linter.run
        try:
            for problem in lint(text, settings, name):
                if not (name in read and problem.rule == "key-duplicates"):
                    message = f"{problem.desc} ({problem.rule or 'syntax'})"
                    result.append(Finding(name, problem.line, problem.column, "yamllint", message))
        except yaml.YAMLError as error:
            reason = str(getattr(error, "reason", "") or error).splitlines()[0]
            result.append(Finding(name, 1, 1, "yaml-syntax", reason))
    return result


def _unbounded(text: str, name: str) -> Finding | None:
    """The finding that says why yamllint would never end; None if it will."""
    found = yaml_reader.parse(text.encode(), name).findings if len(text) > LARGE else []
    return next((finding for finding in found if finding.code in ("yaml-too-deep", "yaml-too-large")), None)


def text_of(path: Path) -> str | None:
    """The text of a file; None if it is too large to be read, or is none."""
    try:
        return path.read_text(encoding="utf-8") if path.stat().st_size <= MAX_BYTES else None
    except (OSError, UnicodeDecodeError):
        return None
