"""The layers of Hiera, as hiera.yaml has them: which file is read for which machine, and in which order."""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from fleet_cli.repository import environment_conf, globs, yaml_reader
from fleet_cli.repository.documents import Document, Node, Pair, items, mapping
from fleet_cli.repository.finding import Finding
from fleet_cli.repository.inventory import Machine

NAME = "hiera.yaml"
CERTNAME, ROLE, TIER = "trusted.certname", "trusted.extensions.pp_role", "trusted.extensions.pp_environment"
_VARIABLE = re.compile(r"%\{\s*(?:::)?([^}]*?)\s*\}")
_WORDS = {CERTNAME: "certname", "clientcert": "certname", ROLE: "role", TIER: "tier"}
_OF_A_CERTNAME = {CERTNAME, "clientcert", "trusted.hostname", "trusted.domain"}
UNKNOWN = "?"
"""In the place of a word: a part of a path that nothing here knows."""
_OF_DIRECTORIES = "flask_microservice::eyaml_lookup_key"
"""Takes the files of a directory for one."""
_READ_AS_YAML = ("yaml_data", "eyaml_lookup_key", _OF_DIRECTORIES)
_PRIVATE_KEY, _SHARED_KEYS = "pkcs7_private_key", "shared_keys"
"""Options of functions that decrypt."""
DEFAULT_DATADIR = "data"
FUNCTIONS = ("data_hash", "lookup_key", "data_dig", "hiera3_backend")
_HOLDS = "\ue000"
"""Holds the place of a variable while the rest of a template is looked at."""


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
    def certain(self) -> bool:
        """Whether it is known for which machines the file is read."""
        return UNKNOWN not in dict(self.needs)

    def read_for(self, machine: Machine) -> bool:
        """Whether a machine may read the file."""
        return all(word == UNKNOWN or getattr(machine, word) == value for word, value in self.needs)


def order_of(name: str) -> str:
    """What the files of one glob or directory are ordered by, as Ruby does: directory by directory."""
    return name.replace("/", "\0")


def highest(name: str, places: Iterable[Place]) -> Place | None:
    """Return the highest of the places of a file, given that first; None if no layer reads it.

    Of a file that another layer reads for other machines it is not known which read it.
    """
    found = next(others := iter(places), None)
    if found and found.needs and any(other.certain and other.needs != found.needs for other in others):
        return Place(found.level, ((UNKNOWN, name),))
    return found


@dataclass(frozen=True)
class Location:
    """A path of a layer, or one of the alternatives of a glob.

    Attributes:
        template: as hiera.yaml has it, its datadir in front.
        part: what of the template is meant, each variable in it replaced by _HOLDS.
        variables: the variables, in their order in `part`.
        glob: whether `part` is a glob.
        files: whether the files of a directory, as if they were one, may be meant.
        of_tiers: whether only the key of a machine's tier opens what is encrypted there, and not the fleet's.
    """

    template: str
    part: str
    variables: tuple[str, ...]
    glob: bool
    files: bool
    of_tiers: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """Of which certname, role and tier the path is made; `?` for anything else."""
        return tuple(_WORDS.get(variable, UNKNOWN) for variable in self.variables)

    @cached_property
    def of_one_machine(self) -> bool:
        """Whether the path hangs on the certname: machines of one role and tier may read other files."""
        return not _OF_A_CERTNAME.isdisjoint(self.variables)

    @cached_property
    def _longest(self) -> re.Pattern[str]:
        return re.compile(self._expression("([^/]+)", "(.*)", lazy=True))

    @cached_property
    def _shortest(self) -> re.Pattern[str]:
        return re.compile(self._expression("([^/]+?)", "(.*?)", lazy=False))

    def needs(self, name: str) -> dict[str, str] | None:
        """What a machine must be to read a file here; None if none does."""
        found = self._longest.fullmatch(name)
        if found is None:
            return None
        values = found.groups()
        if not values:
            return {}
        needs: dict[str, str] = {}
        # What could be divided among words and wildcards in several ways is not known.
        divided = self._shortest.fullmatch(name) if self.glob or len(values) > 1 else found
        others = divided.groups() if divided else values
        for word, value, other in zip(self.words, values, others, strict=True):
            if word == UNKNOWN or value != other:
                needs[UNKNOWN] = value
            elif needs.setdefault(word, value) != value:
                return None
        return needs

    def of_machine(self, machine: Machine) -> tuple[re.Pattern[str], bool]:
        """The names of the files that a machine reads here, and whether that is certain or only possible."""
        values = [_value(variable, machine) for variable in self.variables]
        parts = ["(.*)" if value is None else re.escape(value) for value in values]
        return re.compile(self._joined(parts)), None not in values

    def _expression(self, word: str, unknown: str, *, lazy: bool) -> str:
        return self._joined([unknown if each == UNKNOWN else word for each in self.words], lazy=lazy)

    def _joined(self, parts: Iterable[str], *, lazy: bool = False) -> str:
        if self.glob:
            written = globs.expression(self.part, lazy=lazy)
        else:
            written = re.escape(self.part)
            written += r"(?:/(?!\.)[^/]*\.yaml)?" if self.files else ""
        given = iter(parts)
        return re.sub(_HOLDS, lambda _: next(given), written)


class Layers:
    """hiera.yaml.

    Attributes:
        locations: where files are looked for, the highest first.
        datadirs: the directories of files of Hiera.
        opaque: the names of layers that are no YAML below the repository: what they say is not known.
        findings: what is wrong with the file.
        unread: where such layers have files below the repository, which something else than YAML's reader reads.
        of_plans: where plans of Bolt have their data: no machine reads them.
    """

    def __init__(
        self,
        locations: list[Location],
        datadirs: list[str],
        findings: list[Finding],
        opaque: Iterable[str] = (),
        *,
        unread: Iterable[Location] = (),
        of_plans: Iterable[Location] = (),
    ) -> None:
        self.locations = locations
        self.datadirs = datadirs
        self.findings = findings
        self.opaque = tuple(dict.fromkeys(opaque))
        self._unread = tuple(unread)
        self._of_plans = tuple(of_plans)

    def place(self, name: str) -> Place | None:
        """Return the highest place of a file, a path below the repository; None if no layer reads it."""
        return highest(name, self.places(name))

    def places(self, name: str) -> Iterator[Place]:
        """Every place of a file, the highest first."""
        for number, location in enumerate(self.locations):
            needs = location.needs(name)
            if needs is not None:
                yield Place(number, tuple(needs.items()))

    def is_of_tiers(self, name: str) -> bool:
        """Whether only the keys of tiers open what is encrypted in a file."""
        return any(location.of_tiers for location in self.locations if location.needs(name) is not None)

    def is_read_otherwise(self, name: str) -> bool:
        """Whether a layer that is no YAML has the file."""
        return any(location.needs(name) is not None for location in self._unread)

    def is_read_by_plans(self, name: str) -> bool:
        """Whether plans of Bolt read the file."""
        return any(location.needs(name) is not None for location in self._of_plans)

    def is_of_one_machine(self, name: str) -> bool:
        """Whether a file is read for one machine alone."""
        place = self.place(name)
        return place is not None and place.given("certname") is not None

    def templates(self) -> list[str]:
        """The paths of all layers, as hiera.yaml has them."""
        return list(dict.fromkeys(location.template for location in self.locations))

    def file_for(self, word: str, value: str) -> str | None:
        """The file where one would write what is true of one role or tier; None if no layer is about that alone."""
        for location in self.locations:
            if location.words == (word,) and "secret" not in location.template:
                return location.part.replace(_HOLDS, value)
        return None


def directory(said: str) -> str:
    """A datadir as hiera.yaml has it, below the repository where it is the repository's own on the server."""
    return environment_conf.relative(said).rstrip("/") or "."


def fixed_part(datadir: str) -> str | None:
    """The part of a datadir that is the same for all machines; None if there is none below the repository."""
    return _fixed_directory(posixpath.normpath(datadir) + "/")


def load(repo: Path) -> Layers:
    """Read hiera.yaml of a repository; what is wrong with it is in the findings."""
    return of(document(repo, NAME))


def document(directory: Path, name: str) -> Document:
    """Read the hiera.yaml of a directory, of which `name` is the path that findings have."""
    return yaml_reader.read(directory / NAME, name)


def laid_out(text: str) -> str:
    """Return the text of a hiera.yaml for an environment that is no server's: its own data are its own."""
    return re.sub(r"(\bdatadir:)(.*)", lambda said: said[1] + environment_conf.relative(said[2]), text)


def of_repository(text: str) -> str:
    """Return the text of a server's own hiera.yaml for a repository: data of the environment are below its top."""
    return re.sub(r"(\bdatadir:\s*[\"']?)environments/%\{\s*(?:::)?environment\s*\}/", r"\1", laid_out(text))


def of(document: Document) -> Layers:
    """Return the layers of a hiera.yaml that was read."""
    findings = list(document.findings)
    top = document.top
    defaults = mapping(top["defaults"].node) if "defaults" in top else {}
    locations: list[Location] = []
    datadirs: dict[str, None] = {}
    opaque = []
    unread: list[Location] = []
    entries = items(top["hierarchy"].node) if "hierarchy" in top else []
    for entry in entries:
        its = _Entry(mapping(entry), defaults)
        if its.function not in _READ_AS_YAML:
            opaque.append(its.name)  # files of another kind, which are not for this program
            unread += its.locations()
            continue
        if its.fixed_datadir is not None:
            datadirs[its.fixed_datadir] = None
        found = list(its.locations())
        if any(location.part.startswith(("/", "../")) for location in found):
            opaque.append(its.name)
        locations += found
        datadirs.update(dict.fromkeys(_beside(found, datadirs)))
    if not entries and not findings:
        findings.append(Finding(NAME, 1, 1, "no-layers", "it has no hierarchy: no file of Hiera is read"))
    plans = items(top["plan_hierarchy"].node) if "plan_hierarchy" in top else []
    of_plans = [location for entry in plans for location in _Entry(mapping(entry), defaults).locations()]
    return Layers(locations, list(datadirs), findings, opaque, unread=unread, of_plans=of_plans)


@dataclass(frozen=True)
class _Entry:
    said: Mapping[str, Pair]
    defaults: Mapping[str, Pair] = field(repr=False)

    @property
    def name(self) -> str:
        return self._text("name") or "without a name"

    @property
    def function(self) -> str:
        """What reads its files: the entry's own, else the default one."""
        for said in (self.said, self.defaults):
            for key in FUNCTIONS:
                if key in said:
                    return str(said[key].node.value)
        return "yaml_data"

    @property
    def of_tiers(self) -> bool:
        """Whether its options name a pair of keys by the tier, and none that all tiers share."""
        said = self.said.get("options") or self.defaults.get("options")
        options = mapping(said.node) if said else {}
        shared = self.function == _OF_DIRECTORIES and _SHARED_KEYS in options
        return _PRIVATE_KEY in options and TIER in str(options[_PRIVATE_KEY].node.value) and not shared

    @property
    def datadir(self) -> str:
        said = self.said.get("datadir") or self.defaults.get("datadir")
        return directory(str(said.node.value)) if said else DEFAULT_DATADIR

    @property
    def fixed_datadir(self) -> str | None:
        """The part of the datadir that is the same for all machines; None if there is none."""
        return fixed_part(self.datadir)

    def locations(self) -> Iterator[Location]:
        for template, glob in self._templates():
            whole = environment_conf.relative(posixpath.join(self.datadir, template))
            variables = [found[1] for found in _VARIABLE.finditer(whole)]
            part = posixpath.normpath(_VARIABLE.sub(_HOLDS, whole))
            files = not glob and self.function == _OF_DIRECTORIES
            if not glob:
                yield Location(whole, part, tuple(variables), glob, files, self.of_tiers)
                continue
            numbered = _numbered(part)
            for alternative in globs.alternatives(numbered):
                there = [variables[ord(place) - ord(_HOLDS)] for place in _PLACES.findall(alternative)]
                one = posixpath.normpath(_PLACES.sub(_HOLDS, alternative))
                yield Location(whole, one, tuple(there), glob, files, self.of_tiers)

    def _templates(self) -> Iterator[tuple[str, bool]]:
        """The templates of the entry, and whether each is a glob."""
        for key, several in (("path", "paths"), ("glob", "globs")):
            nodes: Iterable[Node] = (
                [self.said[key].node] if key in self.said
                else items(self.said[several].node) if several in self.said else ()
            )  # fmt: skip
            for node in nodes:
                yield str(node.value), key == "glob"
        if "mapped_paths" in self.said and len(mapped := items(self.said["mapped_paths"].node)) == 3:
            variable, name, template = (str(node.value) for node in mapped)
            # A fact with many values is not known here, a word of the certificate is.
            value = variable.removeprefix("::") if variable.removeprefix("::") in _WORDS else UNKNOWN
            yield re.sub(r"%\{\s*(?:::)?" + re.escape(name) + r"\s*\}", f"%{{{value}}}", template), False

    def _text(self, key: str) -> str:
        return str(self.said[key].node.value) if key in self.said else ""


_PLACES = re.compile("[\ue000-\uf8ff]")


def _numbered(part: str) -> str:
    """A template in which the place of each variable tells which one it is."""
    numbers = iter(range(0xE000, 0xF900))
    return re.sub(_HOLDS, lambda _: chr(next(numbers)), part)


def _fixed_directory(part: str) -> str | None:
    """The directory in which everything is that a template or glob stands for; None if that is not below the top."""
    fixed = re.split(r"%\{|[\ue000*?\[{\\]", part, maxsplit=1)[0]
    directory = fixed.rpartition("/")[0]
    return None if directory in ("", ".") or directory.startswith("..") or part.startswith("/") else directory


def _beside(found: Iterable[Location], datadirs: Iterable[str]) -> Iterator[str]:
    """The directories of locations that are not below a datadir."""
    for location in found:
        directory = _fixed_directory(location.part)
        if directory and not any(f"{directory}/".startswith(f"{datadir}/") for datadir in datadirs):
            yield directory


def _value(variable: str, machine: Machine) -> str | None:
    """What a variable of hiera.yaml is for a machine; None if that is not known here."""
    word = _WORDS.get(variable)
    if word:
        return str(getattr(machine, word))
    host, _, domain = machine.certname.partition(".")
    return {"": "", "trusted.hostname": host, "trusted.domain": domain}.get(variable)
