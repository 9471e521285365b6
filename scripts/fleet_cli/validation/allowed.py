"""Findings that a comment allows: `# fleet: allow CODE [WORD]: why`, on the line or in the comment above it."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from fleet_cli.repository.finding import Finding

_COMMENT = re.compile(r"#\s*fleet: allow (?P<code>[a-z-]+)(?: (?P<word>[^\s:]+))?:\s*\S")
_MAX_LINES = 30
"""How far up a comment may begin."""


def without(findings: Iterable[Finding], repo: Path) -> Iterator[Finding]:
    """Leave out findings that are allowed; with a WORD only those of which the message has it."""
    lines: dict[str, list[str]] = {}
    for finding in findings:
        if finding.file not in lines:
            lines[finding.file] = _lines(repo / finding.file)
        if not _allowed(finding, lines[finding.file]):
            yield finding


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    return text.split("\n") if "fleet: allow" in text else []


def _allowed(finding: Finding, lines: list[str]) -> bool:
    if not 0 < finding.line <= len(lines):
        return False
    comments = [lines[finding.line - 1]]
    for line in reversed(lines[max(finding.line - 1 - _MAX_LINES, 0) : finding.line - 1]):
        if not line.lstrip().startswith("#"):
            break
        comments.append(line)
    for comment in comments:
        found = _COMMENT.search(comment)
        if found and found["code"] == finding.code and (not found["word"] or found["word"] in finding.message):
            return True
    return False
