"""Runs yamllint in the background, on the files that are not known to be clean."""

import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from fleet_cli.machine import cache
from fleet_cli.repository.finding import Finding
from fleet_cli.validation import clean_files, parallel
from fleet_cli.validation.checks import yaml_style
from fleet_cli.validation.files import Files

SMALL = 16 * 2**10
"""Bytes. Smaller files need no check before yamllint gets them: in larger ones, deep brackets take it for ever."""


class YamlStyleCheck:
    """A context manager: leaving it ends the processes that still run."""

    def __init__(self, repo: Path, names: Iterable[str], files: Files, hiera: set[str]) -> None:
        """Start at once if no file is known to be clean, since then all have to be checked.

        Args:
            repo: the control repository.
            names: the files to check; those that are not YAML are left out.
            files: the files of Hiera.
            hiera: their names: what the reader of Hiera finds in them is not said twice.
        """
        self._repo, self._files = repo, files
        self._config = yaml_style.config_of(repo)
        self._lint = partial(yaml_style.findings, repo, self._config, hiera)
        self._clean = clean_files.Clean("yaml")
        self._names = [name for name in names if name.endswith((".yaml", ".yml")) and (repo / name).is_file()]
        self._background: parallel.Background[str, Finding] | None = None
        self._todo: list[str] = []
        self._later: list[str] = []
        if self._clean.is_empty:
            self._todo = [name for name in self._names if (repo / name).stat().st_size <= SMALL]
            self._background = self._begun(self._todo)

    def __enter__(self) -> "YamlStyleCheck":
        return self

    def __exit__(self, *_: object) -> None:
        if self._background is not None:
            self._background.end()

    def begin(self) -> None:
        """Start with the other files that are not known to be clean, once those of Hiera were read."""
        begun = set(self._todo)
        rest = [name for name in self._names if name not in begun and not self._is_broken(name)]
        self._later = [name for name in rest if self._digest(name) not in self._clean]
        if self._background is None:
            self._background, self._todo, self._later = self._begun(self._later), self._later, []

    def findings(self) -> list[Finding]:
        """Wait for the end; return what is wrong with the files that can be read at all."""
        assert self._background is not None  # noqa: S101 - begin was called
        found = self._background.results() + self._lint(self._later)
        faulty = {finding.file for finding in found}
        for name in (*self._todo, *self._later):
            if name not in faulty:
                self._clean.add(self._digest(name))
        self._clean.save()
        return [finding for finding in found if not self._is_broken(finding.file)]

    def _begun(self, names: list[str]) -> parallel.Background[str, Finding]:
        return parallel.Background(self._lint, names, os.cpu_count() or 1)

    def _is_broken(self, name: str) -> bool:
        document = self._files.get(name)
        return document is not None and document.broken

    def _digest(self, name: str) -> str:
        content = self._files.digest(name) or cache.digest(yaml_style.text_of(self._repo / name) or "")
        return cache.digest(self._config, content)
