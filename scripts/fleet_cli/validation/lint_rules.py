"""The repository's own rules of style: puppet-lint's and yamllint's."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fleet_cli.repository import yaml_reader
from fleet_cli.repository.documents import items, mapping

PUPPET_LINT = ".puppet-lint.rc"
YAMLLINT = (".yamllint", ".yamllint.yaml", ".yamllint.yml")
"""As yamllint itself looks for them."""
PRE_COMMIT = ".pre-commit-config.yaml"
_RAKE = ("Rakefile", "rakelib/*.rake", "lib/tasks/*.rake", "tasks/*.rake")
"""Where rake has its tasks, or a Rakefile takes them from."""
_RAKEFILE = re.compile(r"^[^#\n]*PuppetLint\.configuration\.(?:send\(?\s*[:'\"]+)?(disable|enable)_(\w+)", re.MULTILINE)
_DISABLED = re.compile(r"^[^#\n]*\.disable_checks\s*=\s*(?:%[wi])?[\[(]([^\])]*)[\])]", re.MULTILINE)
_IGNORED = re.compile(r"^[^#\n]*\.ignore_paths\s*=\s*(?:%[wi])?[\[(]([^\])]*)[\])]", re.MULTILINE)
_WORD = re.compile(r"[^\s,'\":]+")
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
    """The options of puppet-lint: of .puppet-lint.rc and pre-commit, and the checks that rake's tasks switch."""
    own = _text(repo / PUPPET_LINT)
    lines = [line.strip() for line in (own or "").splitlines()]
    said = [line for line in lines if line.startswith("-")]
    said += [option for option in _of_pre_commit(repo, PUPPET_LINT.removesuffix(".rc")) if option.startswith("-")]
    tasks = (path for pattern in _RAKE for path in sorted(repo.glob(pattern)))
    said += [option for path in tasks for option in _switched(_text(path) or "")]
    return list(dict.fromkeys(said)) if own is not None or said else list(_USUAL)


def of_yaml(repo: Path) -> YamlRules:
    """The rules of yamllint."""
    for name in YAMLLINT:
        if (text := _text(repo / name)) is not None:
            return YamlRules(text, name, "\0".join([text, *_named(repo, text)]))
    options = iter(_of_pre_commit(repo, YAMLLINT[0]))
    for option in options:
        name, _, value = option.partition("=")
        if name in ("-d", "--config-data", "-c", "--config-file"):
            text = _yaml_config(repo, name, value or next(options, ""))
            return YamlRules(text, PRE_COMMIT, "\0".join([text, *_named(repo, text)]))
    return YamlRules(_USUAL_YAML, inputs=_USUAL_YAML)


def _named(repo: Path, config: str) -> Iterator[str]:
    """The texts of files that a configuration of yamllint names."""
    for found in _NAMES_FILES.finditer(config):
        for word in re.findall(r"[^\s,'\"\[\]]+", found[1]):
            if (text := _text(repo / word)) is not None:
                yield text


def _switched(rakefile: str) -> Iterator[str]:
    for found in _RAKEFILE.finditer(rakefile):
        if found[2] != "checks":
            yield f"--{'no-' if found[1] == 'disable' else ''}{found[2]}-check"
    for found in _DISABLED.finditer(rakefile):
        yield from (f"--no-{check}-check" for check in _WORD.findall(found[1]))
    for found in _IGNORED.finditer(rakefile):
        if paths := _WORD.findall(found[1]):
            yield f"--ignore-paths={','.join(paths)}"


def _of_pre_commit(repo: Path, tools_file: str) -> Iterator[str]:
    """What pre-commit gives to a tool on its command line; hooks have the name of the tool, as its own file has."""
    document = yaml_reader.read(repo / PRE_COMMIT, PRE_COMMIT)
    for source in items(document.top["repos"].node) if "repos" in document.top else ():
        said = mapping(source)
        for each in items(said["hooks"].node) if "hooks" in said else ():
            options = mapping(each)
            if "id" in options and f".{options['id'].node.value}" == tools_file and "args" in options:
                yield from (str(option.value) for option in items(options["args"].node))


def _yaml_config(repo: Path, option: str, value: str) -> str:
    """The configuration of yamllint that its command line names, or holds."""
    if option in ("-c", "--config-file"):
        return _text(repo / value) or ""
    # As yamllint has it: a word alone is the name of rules to extend.
    return value if ":" in value else f"extends: {value}"


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
