"""The linters and validators of everything that the repository holds, each in its own words."""

import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]


def tracked(*patterns: str) -> list[str]:
    """Return files of the checkout, those too that are new."""
    command = ["git", "-C", str(REPO), "ls-files", "--cached", "--others", "--exclude-standard", *patterns]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [name for name in names if (REPO / name).is_file()]


def check(command: list[str]) -> None:
    result = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{' '.join(command[:3])}\n{result.stdout}\n{result.stderr}"


def shell_scripts() -> list[str]:
    def is_shell(name: str) -> bool:
        with (REPO / name).open("rb") as file:
            return file.readline().rstrip() in (b"#!/bin/sh", b"#!/bin/bash", b"#!/usr/bin/env bash")

    # a jinja2 template is no shell script until it is rendered
    return [name for name in tracked() if is_shell(name) and not name.startswith(("template/", "scripts/fleet_cli/"))]


def test_ruff_finds_nothing() -> None:
    check([sys.executable, "-m", "ruff", "check", "."])
    check([sys.executable, "-m", "ruff", "format", "--check", "."])


def test_mypy_finds_nothing() -> None:
    check([sys.executable, "-m", "mypy"])


def test_shellcheck_finds_nothing() -> None:
    scripts = shell_scripts()
    assert "scripts/fleet" in scripts
    check([str(Path(sys.executable).with_name("shellcheck")), *scripts])


def test_no_private_key_is_in_the_repository() -> None:
    marks = ("PRIVATE" + " KEY-----", "PGP PRIVATE" + " KEY")
    leaks = [name for name in tracked() if any(mark in (REPO / name).read_text(errors="replace") for mark in marks)]
    assert leaks == []


@pytest.mark.parametrize("name", ["requirements.txt", *tracked("benchmarks/*/*.txt")])
def test_every_requirement_is_pinned_by_hash(name: str) -> None:
    text = (REPO / name).read_text(encoding="utf-8")
    entries = [
        entry for entry in text.replace("\\\n", " ").splitlines() if entry and not entry.lstrip().startswith("#")
    ]
    assert entries
    assert [entry for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("folder", ["hieradata", "site", "modules", "scripts", "tests"])
def test_the_layout_that_users_expect_is_there(folder: str) -> None:
    assert (REPO / folder).is_dir()
    assert (REPO / "Puppetfile").is_file()
    assert (REPO / "environment.conf").is_file()
