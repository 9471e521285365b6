"""Digests of modules are those of the Puppetfile's, or somebody would learn it from a deploy that is refused."""

import json
from pathlib import Path

import pytest
from fleet_cli.repository import module_digests
from fleet_cli.validation import puppetfile
from fleet_cli.validation.checks import module_locks

PUPPETFILE = """\
moduledir 'vendor'
mod 'puppetlabs-stdlib', '9.6.0'
mod 'own', git: 'https://git.example.org/own.git', commit: '0123456789abcdef0123456789abcdef01234567'
mod 'here', local: true
"""
STDLIB = {"directory": "vendor/stdlib", "version": "9.6.0", "sha256": ["0" * 64]}
OWN = {"directory": "vendor/own", "version": "0123456789abcdef0123456789abcdef01234567", "sha256": ["1" * 64]}


def told(repo: Path, locked: object) -> list[tuple[str, int, str]]:
    (repo / module_digests.NAME).write_text(locked if isinstance(locked, str) else json.dumps(locked))
    found = module_locks.findings(repo, puppetfile.read(PUPPETFILE))
    return [(finding.file, finding.line, finding.code) for finding in found]


def test_a_repository_without_digests_has_nothing_wrong_with_them(tmp_path: Path) -> None:
    assert list(module_locks.findings(tmp_path, puppetfile.read(PUPPETFILE))) == []


def test_digests_of_just_these_modules_pass(tmp_path: Path) -> None:
    assert told(tmp_path, {"puppetlabs-stdlib": STDLIB, "own": OWN}) == []


@pytest.mark.parametrize(("stdlib", "line"), [
    (None, 2),
    ({**STDLIB, "version": "9.5.0"}, 2),
    ({**STDLIB, "directory": "modules/stdlib"}, 2),
])  # fmt: skip
def test_a_module_that_is_not_locked_as_it_is_named_is_told(
    tmp_path: Path, stdlib: dict[str, object] | None, line: int
) -> None:
    locked = {"own": OWN, **({"puppetlabs-stdlib": stdlib} if stdlib else {})}
    assert told(tmp_path, locked) == [("Puppetfile", line, "unlocked-module")]


def test_a_digest_of_a_module_that_is_gone_is_told(tmp_path: Path) -> None:
    locked = {"puppetlabs-stdlib": STDLIB, "own": OWN, "puppetlabs-apt": STDLIB}
    assert told(tmp_path, locked) == [(module_digests.NAME, 1, "unused-lock")]


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"own": {}}', '{"own": {"directory": "x", "version": "1", "sha256": []}}', "[1]"]
)
def test_a_file_that_is_no_file_of_digests_is_told(tmp_path: Path, text: str) -> None:
    assert told(tmp_path, text) == [(module_digests.NAME, 1, "wrong-lock")]
