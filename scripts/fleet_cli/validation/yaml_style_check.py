"""Runs yamllint in the background, on the files of which it is not known yet what it finds."""

import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from fleet_cli.repository.finding import Finding
from fleet_cli.validation import kept_findings, lint_rules, parallel
from fleet_cli.validation.checks import yaml_style
from fleet_cli.validation.files import Files

SMALL = 16 * 2**10
"""Bytes. Smaller files need no check before yamllint gets them: in larger ones, deep brackets take it for ever."""


class YamlStyleCheck:
    """A context manager: leaving it ends the processes that still run."""

    def __init__(self, repo: Path, names: Iterable[str], files: Files, hiera: set[str]) -> None:
        """Start at once if nothing is known, since then all files have to be checked.

        Args:
            repo: the control repository.
            names: the files to check; those that are not YAML are left out, and all but Hiera's without own rules.
            files: the files of Hiera.
            hiera: their names: what the reader of Hiera finds in them is not said twice.
        """
        self._repo, self._files = repo, files
        self._rules = lint_rules.of_yaml(repo)
        self._lint = partial(yaml_style.findings, repo, self._rules, hiera)
        self._kept = kept_findings.Kept("yaml")
        self._names = [
            name
            for name in names
            if name.endswith((".yaml", ".yml")) and (self._rules.file or name in hiera) and (repo / name).is_file()
        ]
        self._found: list[Finding] = []
        self._background: parallel.Background[str, Finding] | None = None
        self._todo: list[str] = []
        self._later: list[str] = []
        if self._kept.is_empty:
            self._todo = [name for name in self._names if (repo / name).stat().st_size <= SMALL]
            self._background = self._begun(self._todo)

    def __enter__(self) -> "YamlStyleCheck":
        return self

    def __exit__(self, *_: object) -> None:
        if self._background is not None:
            self._background.end()

    def begin(self) -> None:
        """Start with the other files of which nothing is known, once those of Hiera were read."""
        begun = set(self._todo)
        for name in self._names:
            if name in begun or self._is_broken(name):
                continue
            if (found := self._kept.get(self._digest(name), name)) is None:
                self._later.append(name)
            else:
                self._found += found
        if self._background is None:
            self._background, self._todo, self._later = self._begun(self._later), self._later, []

    def findings(self) -> list[Finding]:
        """Wait for the end; return what is wrong with the files that can be read at all."""
        assert self._background is not None  # noqa: S101 - begin was called
        new: dict[str, list[Finding]] = {name: [] for name in (*self._todo, *self._later)}
        for finding in self._background.results() + self._lint(self._later):
            new[finding.file].append(finding)
        wrong = yaml_style.problem_of_rules(self._repo, self._rules) if new else None
        if wrong:
            return [wrong]
        for name, its in new.items():
            self._kept.add(self._digest(name), its)
            self._found += its
        self._kept.save()
        return [finding for finding in self._found if not self._is_broken(finding.file)]

    def _begun(self, names: list[str]) -> parallel.Background[str, Finding]:
        return parallel.Background(self._lint, names, os.cpu_count() or 1)

    def _is_broken(self, name: str) -> bool:
        document = self._files.get(name)
        return document is not None and document.broken

    def _digest(self, name: str) -> str:
        content = self._files.digest(name) or yaml_style.text_of(self._repo / name) or ""
        return kept_findings.digest(self._rules.inputs, name, content.encode())
