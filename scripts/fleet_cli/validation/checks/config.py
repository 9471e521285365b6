"""The config of services against the very versions that are pinned, as their packages describe it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fleet_cli.repository.documents import Document
from fleet_cli.repository.finding import Finding, did_you_mean
from fleet_cli.repository.fleet_data import FleetData
from fleet_cli.repository.services import Spot
from fleet_cli.validation import package_index, package_settings
from fleet_cli.validation.checks import config_values
from fleet_cli.validation.package_index import Index, Repository
from fleet_cli.validation.package_settings import ADDRESSES, Defaults
from fleet_cli.validation.pinned import Pinned, pinned
from fleet_cli.validation.running import Running

_URL, _SUITE, _COMPONENT = (f"profile::fleet_repository::{name}" for name in ("url", "suite", "component"))


def repository(data: FleetData, repo: Path) -> Repository | None:
    """The apt repository that Hiera names; None if it names none."""
    said: dict[str, str] = {}
    for name in sorted(data.places, key=lambda name: -data.places[name].level):
        for key in (_URL, _SUITE, _COMPONENT):
            if pair := data.documents[name].top.get(key):
                said.setdefault(key, str(pair.node.value))
    if len(said) < 3 or "%{" in "".join(said.values()):
        return None
    return Repository(package_index.of_lab(said[_URL], repo), said[_SUITE], said[_COMPONENT])


@dataclass(frozen=True)
class Check:
    """Looks at the config of services.

    Attributes:
        source: where their packages are.
        documents: the files that have the keys to which values refer; none if not all that there are can be read.
        notes: gets what could not be checked, and why.
        retry_now: whether to ask a repository that did not answer a moment ago.
    """

    source: Repository
    documents: Mapping[str, Document]
    notes: list[str]
    retry_now: bool = False

    def findings(self, all_running: list[Running], found: Iterable[Finding]) -> Iterator[Finding]:
        """What is wrong, but for what follows from what was found already.

        Raises:
            FleetError: the repository does not answer.
        """
        package_index.require_answer(self.source, retry_now=self.retry_now)
        places = {(finding.file, finding.line) for finding in found}
        each_pinned = [
            each
            for each in pinned(all_running, self.documents)
            if not places & {each.version[:2], each.service.home[:2]}
        ]
        wanted = {each.deb for each in each_pinned if each.from_template}
        index = package_index.load(self.source, wanted, retry_now=self.retry_now)
        debs = {each.deb: deb for each in each_pinned if (deb := index.get(each.deb[0], {}).get(each.deb[1]))}
        read = package_settings.of(self.source, [(name, deb) for (name, _), deb in debs.items()])
        said = {key: read[key[0], deb] for key, deb in debs.items()}
        known = {key: settings.known for key, settings in said.items() if settings.known is not None}
        for each in each_pinned:
            if not each.from_template:
                continue
            if each.deb not in debs:
                yield _unpublished(each, index)
            elif each.deb in known:
                config = _Config(each, known)
                yield from (finding for finding in config.unknown() if (finding.file, finding.line) not in places)
                if not places & each.places:
                    yield from config.missing()
        values = config_values.Check({key: settings.schema for key, settings in said.items()})
        yield from (each for each in values.findings(each_pinned) if (each.file, each.line) not in places)
        self.notes.extend(values.notes())


def _unpublished(pinned: Pinned, index: Index) -> Finding:
    name, version = pinned.deb
    spot = pinned.version
    has = list(index.get(name, {}))[-3:]
    suggestion = (
        f"it has {', '.join(has)}"
        if has
        else did_you_mean(name, index) or f"publish it: fleet publish {name}_{version}_…"
    )
    message = f"the apt repository has no {name} {version}"
    return Finding(spot.file, spot.line, spot.column, "unpublished-version", message, suggestion)


@dataclass
class _Config:
    pinned: Pinned
    known: Mapping[tuple[str, str], Defaults]

    @property
    def _what(self) -> str:
        name, version = self.pinned.deb
        return f"{name} {version}, pinned in the {' and the '.join(sorted(self.pinned.where))},"

    @property
    def _settings(self) -> Defaults:
        return self.known[self.pinned.deb]

    @property
    def _given(self) -> dict[tuple[str, str], Spot]:
        service = self.pinned.service
        addresses = {(ADDRESSES, str(spot.node.value)): spot for spot in service.upstreams}
        return {**service.secrets, **service.config, **addresses}

    def unknown(self) -> Iterator[Finding]:
        """Settings that this version does not have."""
        for (section, key), spot in self._given.items():
            if key not in self._settings.get(section, {}):
                yield self._unknown(section, key, spot, self._settings)

    def missing(self) -> Iterator[Finding]:
        """Settings that this version needs."""
        given = self._given
        for section, keys in self._settings.items():
            for key, setting in keys.items():
                if setting.required and (section, key) not in given:
                    yield self._missing(section, key)

    def _unknown(self, section: str, key: str, spot: Spot, settings: Defaults) -> Finding:
        elsewhere = [name for name, keys in settings.items() if key in keys]
        if others := self._others(section, key, has=True):
            suggestion = f"{others} has it"
        elif section not in settings:
            suggestion = did_you_mean(section, settings) or "sections: " + ", ".join(settings)
        else:
            suggestion = did_you_mean(key, settings[section])
            suggestion = suggestion or (
                f"it belongs into '{elsewhere[0]}'" if elsewhere else "known: " + ", ".join(settings[section])
            )
        message = f"{self._what} has no setting '{key}' in section '{section}'"
        return self._at(spot, "unknown-setting", message, suggestion)

    def _missing(self, section: str, key: str) -> Finding:
        what = f"add upstreams: [{key}]" if section == ADDRESSES else f"add it under 'config' ({section}: {{{key}: …}})"
        if others := self._others(section, key, has=False):
            what += f"; {others} does without"
        message = f"{self._what} needs the setting '{key}' in section '{section}', which nobody gives"
        return self._at(self.pinned.service.home, "missing-setting", message, what)

    def _others(self, section: str, key: str, *, has: bool) -> str:
        """Another version of the package that has the setting, or that does not; empty if there is none."""
        name, own = self.pinned.deb
        versions = [
            version for (package, version), settings in self.known.items()
            if package == name and version != own and (key in settings.get(section, {})) == has
        ]  # fmt: skip
        return f"{name} {versions[-1]}" if versions else ""

    def _at(self, spot: Spot, code: str, message: str, suggestion: str) -> Finding:
        related = frozenset({self.pinned.version.file, self.pinned.service.home.file})
        return Finding(spot.file, spot.line, spot.column, code, message, suggestion, related)
