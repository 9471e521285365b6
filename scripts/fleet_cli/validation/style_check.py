"""yamllint on the files in which it has not found nothing before, beside everything else."""

import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from fleet_cli import kept
from fleet_cli.validation import lint_check, parallel
from fleet_cli.validation.files import Files
from fleet_cli.validation.finding import Finding


class StyleCheck:
    """Starts with its making; use as a context manager."""

    def __init__(self, repo: Path, names: Iterable[str], files: Files, hiera: set[str]) -> None:
        """Begin to check files.

        Args:
            repo: the control repository.
            names: the files to check, of which those count that are YAML.
            files: what was read already.
            hiera: the names of those that the reader of Hiera tells about.
        """
        config = lint_check.yaml_config(repo)
        self._clean = lint_check.Clean("yamllint")
        self._digests = {}
        for name in names:
            document = files.get(name)
            if document and document.unreadable:
                continue
            if name.endswith((".yaml", ".yml")) and (repo / name).is_file():
                content = files.digest(name) or kept.digest(lint_check.text_of(repo / name) or "")
                self._digests[name] = kept.digest(config, content)
        self._todo = [name for name, digest in self._digests.items() if digest not in self._clean]
        lint = partial(lint_check.yaml_style, repo, config, hiera)
        self._background = parallel.Background(lint, self._todo, os.cpu_count() or 1)

    def __enter__(self) -> "StyleCheck":
        return self

    def __exit__(self, *_: object) -> None:
        self._background.end()

    def findings(self) -> list[Finding]:
        """Wait for the end; return what is wrong."""
        found = self._background.results()
        faulty = {finding.file for finding in found}
        for name in self._todo:
            if name not in faulty:
                self._clean.add(self._digests[name])
        self._clean.save()
        return found
