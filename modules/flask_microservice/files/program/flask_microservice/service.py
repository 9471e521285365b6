"""One service: its files and names on this node."""

import re
from dataclasses import dataclass
from pathlib import Path

from . import places
from .errors import SwitchError, reason
from .naming import RELEASE, release_name
from .serving import Serving
from .unit import SECTION, Unit

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Declared:
    """What Puppet declares: unit, config and secret environment, and the name of the release that they make."""

    unit: Unit
    config: bytes
    release: str
    environment: bytes = b""


class Service:
    """One service of this node."""

    def __init__(self, name: str) -> None:
        if not NAME.fullmatch(name):
            raise SwitchError(f"{name!r} is no service's name")
        self.name = name
        self.declared_unit = places.UNITS / f"{name}@.service"
        self.state_unit = places.UNITS / f"{name}.service"
        self.socket_unit = places.UNITS / f"{name}.socket"
        self.releases = places.RELEASES / name
        self.run = places.RUN / name
        self.draining = self.run / "draining"

    def serving(self) -> Serving:
        """Which release serves."""
        return Serving.read(self.state_unit)

    def directory(self, release: str) -> Path:
        """Where a release is."""
        return self.releases / release

    def unit(self, release: str) -> Unit:
        """The unit of a release that was prepared."""
        return Unit.read(self.directory(release) / "unit")

    def instance(self, release: str) -> str:
        """The unit of a release on the port."""
        return f"{self.name}@{release}.service"

    def check_unit(self, release: str) -> str:
        """The unit of a release that no client reaches."""
        return f"{self.name}-check@{release}.service"

    def check_socket(self, release: str, checking: bool = False) -> Path:
        """Where a release answers health checks; short, since the path of a socket has 107 bytes at most."""
        return self.run / f"{'trial-' if checking else ''}{release.rpartition('.')[2]}.sock"

    def declared(self) -> Declared:
        """What Puppet declares now."""
        unit = Unit.read(self.declared_unit)
        config = _read(Path(unit.setting("Config")))
        environment = _read(unit.secret_environment) if unit.secret_environment else b""
        release = release_name(unit.version, unit.text, config, environment)
        return Declared(unit, config, release, environment)

    def undeclared(self) -> bool:
        """Whether Puppet's last catalog lacked it."""
        return (places.UNDECLARED / self.name).exists()

    def instances(self) -> set[str]:
        """Every release that has a unit on the port."""
        return _releases(places.UNITS, f"{self.name}@")

    def being_checked(self) -> set[str]:
        """Every release that has a check unit; none, unless a switch is under way or was killed."""
        return _releases(places.CHECK_UNITS, f"{self.name}-check@")

    def prepared(self) -> set[str]:
        """Every release that has a directory."""
        return {path.name for path in self.releases.glob("[!.]*") if RELEASE.fullmatch(path.name)}

    def half_prepared(self) -> list[Path]:
        """Directories of releases that were not completed."""
        return list(self.releases.glob(".preparing-*"))


def declared_names() -> list[str]:
    """The services that Puppet has declared on this node, those that it no longer declares among them."""
    found = []
    for path in sorted(places.UNITS.glob("*@.service")):
        try:
            if f"[{SECTION}]" in path.read_text(encoding="utf-8"):
                found.append(path.name.removesuffix("@.service"))
        except (OSError, UnicodeDecodeError):
            continue
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise SwitchError(f"{path} is not there: run puppet agent, which writes it") from None
    except OSError as error:
        raise SwitchError(f"{path} can't be read: {reason(error)}") from None


def _releases(directory: Path, prefix: str) -> set[str]:
    return {path.name.removeprefix(prefix).removesuffix(".service") for path in directory.glob(f"{prefix}?*.service")}
