"""The repository's own rules of style: puppet-lint's and yamllint's."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PUPPET_LINT = ".puppet-lint.rc"
YAMLLINT = (".yamllint", ".yamllint.yaml", ".yamllint.yml")
"""As yamllint itself looks for them."""
_RAKEFILE = re.compile(r"^[^#\n]*PuppetLint\.configuration\.(?:send\(?\s*[:'\"]+)?(disable|enable)_(\w+)", re.MULTILINE)
_NAMES_FILES = re.compile(r"^(?:extends|ignore-from-file):(.*)$", re.MULTILINE)
_USUAL = ("--no-parameter_order-check", "--no-unquoted_resource_title-check")
"""Options of puppet-lint where nobody says anything.

Puppet passes parameters by name: their order breaks nothing. `'key'.lookup` is a title, and no word without quotes.
"""
_USUAL_YAML = "extends: relaxed\nrules:\n  line-length: disable\n"


@dataclass(frozen=True)
class YamlRules:
    """How yamllint checks the files of a repository.

    Attributes:
        config: its configuration.
        file: the file that it is from; empty for the usual one, which is for files of Hiera alone.
        inputs: the text of it and of the files that it names.
    """

    config: str
    file: str = ""
    inputs: str = ""


def of_puppet(repo: Path) -> list[str]:
    """The options of puppet-lint: those of .puppet-lint.rc, and the checks that the Rakefile switches."""
    own = _text(repo / PUPPET_LINT)
    lines = [line.strip() for line in (own or "").splitlines()]
    said = [line for line in lines if line.startswith("-")]
    switched = list(_switched(_text(repo / "Rakefile") or ""))
    return [*said, *switched] if own is not None or switched else list(_USUAL)


def of_yaml(repo: Path) -> YamlRules:
    """The rules of yamllint."""
    for name in YAMLLINT:
        if (text := _text(repo / name)) is not None:
            return YamlRules(text, name, "\0".join([text, *_named(repo, text)]))
    return YamlRules(_USUAL_YAML, inputs=_USUAL_YAML)


def _named(repo: Path, config: str) -> Iterator[str]:
    """The texts of files that a configuration of yamllint names."""
    for found in _NAMES_FILES.finditer(config):
        for word in re.findall(r"[^\s,'\"\[\]]+", found[1]):
            if (text := _text(repo / word)) is not None:
                yield text


def _switched(rakefile: str) -> Iterator[str]:
    for found in _RAKEFILE.finditer(rakefile):
        yield f"--{'no-' if found[1] == 'disable' else ''}{found[2]}-check"


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
