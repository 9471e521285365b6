"""Syntax and style of YAML, by yamllint."""

import contextlib
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from fleet_cli.repository import yaml_reader
from fleet_cli.repository.finding import Finding
from fleet_cli.repository.yaml_reader import MAX_BYTES
from fleet_cli.validation.lint_rules import YamlRules

if TYPE_CHECKING:
    from yamllint.config import YamlLintConfig

LARGE = 16 * 2**10
"""Characters. Larger files are checked for deep brackets first, which would take yamllint for ever."""
_SWITCHED_OFF = re.compile(r"#\s*yamllint disable-file\s*\n")


def findings(repo: Path, rules: YamlRules, read: Collection[str], names: Iterable[str]) -> list[Finding]:
    """What yamllint finds in files; of those in `read` without what the reader of Hiera tells already."""
    from yamllint import linter  # noqa: PLC0415 - takes a tenth of a second, and seldom anything is to be linted

    if (settings := _settings(repo, rules)) is None:
        return []
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


def problem_of_rules(repo: Path, rules: YamlRules) -> Finding | None:
    """What is wrong with the repository's own rules, so that nothing can be checked by them."""
    from yamllint.config import YamlLintConfigError  # noqa: PLC0415

    try:
        _load(repo, rules)
    except (YamlLintConfigError, OSError) as error:
        reason = " ".join(str(error).split())
        return Finding(rules.file, 1, 1, "yamllint", f"yamllint can't be run by these rules: {reason}")
    return None


def _settings(repo: Path, rules: YamlRules) -> "YamlLintConfig | None":
    from yamllint.config import YamlLintConfigError  # noqa: PLC0415

    try:
        return _load(repo, rules)
    except (YamlLintConfigError, OSError):
        return None


def _load(repo: Path, rules: YamlRules) -> "YamlLintConfig":
    from yamllint.config import YamlLintConfig  # noqa: PLC0415

    with contextlib.chdir(repo):  # what the rules extend, and files of patterns to ignore, are looked for here
        return YamlLintConfig(rules.config)


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
