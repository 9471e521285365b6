"""The layers of Hiera, as hiera.yaml has them: which file is read for which machine, and in which order."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path

from fleet_cli.repository import yaml_reader
from fleet_cli.repository.documents import Node, Pair, items, mapping
from fleet_cli.repository.finding import Finding
from fleet_cli.repository.inventory import Machine

NAME = "hiera.yaml"
CERTNAME, ROLE, TIER = "trusted.certname", "trusted.extensions.pp_role", "trusted.extensions.pp_environment"
_VARIABLE = re.compile(r"%\{\s*(?:::)?([^}]*?)\s*\}")
_WORDS = {CERTNAME: "certname", "clientcert": "certname", ROLE: "role", TIER: "tier"}
_OF_DIRECTORIES = "flask_microservice::eyaml_lookup_key"
"""Takes the files of a directory for one."""
_READ_AS_YAML = ("yaml_data", "eyaml_lookup_key", _OF_DIRECTORIES)


@dataclass(frozen=True)
class Place:
    """A file in a layer: its number, 0 the highest, and what a machine must be for it to be read.

    Attributes:
        needs: by certname, role or tier what that must be; a part that nothing here knows has the name `?`.
    """

    level: int
    needs: tuple[tuple[str, str], ...]

    def given(self, word: str) -> str | None:
        """What certname, role or tier must be; None if it may be anything."""
        return dict(self.needs).get(word)

    @property
    def sure(self) -> bool:
        """Whether it is known for which machines the file is read."""
        return "?" not in dict(self.needs)

    def read_for(self, machine: Machine) -> bool:
        """Whether a machine may read the file."""
        return all(word == "?" or getattr(machine, word) == value for word, value in self.needs)


@dataclass(frozen=True)
class _Level:
    pattern: re.Pattern[str]
    words: tuple[str, ...]
    datadir: str
    template: str


class Layers:
    """hiera.yaml."""

    def __init__(self, levels: list[list[_Level]], datadirs: list[str], findings: list[Finding]) -> None:
        self._levels = levels
        self.datadirs = datadirs
        self.findings = findings

    def place(self, name: str) -> Place | None:
        """Return the highest place of a file, a path below the repository; None if no layer reads it."""
        for number, templates in enumerate(self._levels):
            for level in templates:
                if found := level.pattern.fullmatch(name):
                    needs: dict[str, str] = {}
                    same = True
                    for word, value in zip(level.words, found.groups(), strict=True):
                        same = same and (needs.setdefault(word, value) == value or word == "?")
                    if same:
                        return Place(number, tuple(needs.items()))
        return None

    def is_of_one_machine(self, name: str) -> bool:
        """Whether a file is read for one machine alone."""
        place = self.place(name)
        return place is not None and place.given("certname") is not None

    def templates(self) -> list[str]:
        """The paths of all layers, as hiera.yaml has them."""
        return [f"{level.datadir}/{level.template}" for templates in self._levels for level in templates]

    def file_for(self, word: str, value: str) -> str | None:
        """The file where one would write what is true of one role or tier; None if no layer is about that alone."""
        for templates in self._levels:
            for level in templates:
                if level.words == (word,) and "secret" not in level.template:
                    return f"{level.datadir}/{_VARIABLE.sub(value, level.template)}"
        return None


def load(repo: Path) -> Layers:
    """Read hiera.yaml of a repository; what is wrong with it is in the findings."""
    document = yaml_reader.read(repo / NAME, NAME)
    findings = list(document.findings)
    top = document.top
    defaults = mapping(top["defaults"].node) if "defaults" in top else {}
    levels: list[list[_Level]] = []
    datadirs: dict[str, None] = {}
    for entry in items(top["hierarchy"].node) if "hierarchy" in top else ():
        said = {**defaults, **mapping(entry)}
        datadir = str(said["datadir"].node.value).rstrip("/") if "datadir" in said else "data"
        backend = next(
            (str(said[key].node.value) for key in ("lookup_key", "data_hash", "data_dig") if key in said), ""
        )
        if backend not in ("", *_READ_AS_YAML):
            continue  # files of another kind, which are not for this program
        datadirs[datadir] = None
        templates = [*_paths(said)]
        if backend == _OF_DIRECTORIES:
            templates = [
                (path, glob) if glob or Path(path).suffix == ".yaml" else (f"{path}/*.yaml", True)
                for path, glob in templates
            ]
        levels.append([_level(datadir, *each) for each in templates])
    if not levels and not findings:
        findings.append(Finding(NAME, 1, 1, "no-layers", "it has no hierarchy: no file of Hiera is read"))
    return Layers(levels, list(datadirs), findings)


def _paths(said: Mapping[str, Pair]) -> Iterator[tuple[str, bool]]:
    """The templates of an entry, and whether each is a glob."""
    for key, several in (("path", "paths"), ("glob", "globs")):
        nodes: Iterable[Node] = (
            [said[key].node] if key in said else items(said[several].node) if several in said else ()
        )
        for node in nodes:
            yield str(node.value), key == "glob"
    if "mapped_paths" in said and len(mapped := items(said["mapped_paths"].node)) == 3:
        yield re.sub(r"%\{\s*" + re.escape(str(mapped[1].value)) + r"\s*\}", "%{?}", str(mapped[2].value)), False


def _level(datadir: str, template: str, glob: bool) -> _Level:
    words = []
    pattern = re.escape(datadir + "/")
    end = 0
    for found in _VARIABLE.finditer(template):
        pattern += _fixed(template[end : found.start()], glob) + "([^/]+)"
        words.append(_WORDS.get(found[1], "?"))
        end = found.end()
    pattern += _fixed(template[end:], glob)
    return _Level(re.compile(pattern), tuple(words), datadir, template)


def _fixed(text: str, glob: bool) -> str:
    if not glob:
        return re.escape(text)
    parts = [translate(part).removeprefix("(?s:").removesuffix(r")\Z") for part in text.split("**/")]
    return "(?:.*/)?".join(part.replace(".*", "[^/]*") for part in parts)
