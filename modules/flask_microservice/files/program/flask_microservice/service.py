"""One service: its files on this node, and the names of its releases and units."""

import hashlib
import hmac
import os
import re
from pathlib import Path

from flask_microservice.errors import SwitchError
from flask_microservice.files import write
from flask_microservice.units import SECTION, Serving, Unit

UNITS = Path("/etc/systemd/system")
TRIAL_UNITS = Path("/run/systemd/system")
RELEASES = Path("/opt/releases")
RUN = Path("/run/flask-microservice")
KEY = Path("/var/lib/flask-microservice/key")
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class Service:
    """One service: its files on this node."""

    def __init__(self, name: str) -> None:
        if not NAME.fullmatch(name):
            raise SwitchError(f"{name!r} is no service's name")
        self.name = name
        self.declared_unit = UNITS / f"{name}@.service"
        self.state_unit = UNITS / f"{name}.service"
        self.socket_unit = UNITS / f"{name}.socket"
        self.releases = RELEASES / name
        self.run = RUN / name
        self.draining = self.run / "draining"

    def serving(self) -> Serving:
        """Which release serves."""
        return Serving.read(self.state_unit)

    def directory(self, release: str) -> Path:
        """Where a release is."""
        return self.releases / release

    def instance(self, release: str) -> str:
        """The unit of a release on the port."""
        return f"{self.name}@{release}.service"

    def trial(self, release: str) -> str:
        """The unit of a release that no client reaches."""
        return f"{self.name}-check@{release}.service"

    def check_socket(self, release: str, trial: bool = False) -> Path:
        """Where a release answers health checks; short, since the path of a socket has 107 bytes at most."""
        return self.run / f"{'trial-' if trial else ''}{release.rpartition('.')[2]}.sock"

    def declared(self) -> tuple[Unit, str]:
        """The unit that Puppet wrote, and the name of the release that it makes with the config of now."""
        unit = Unit.read(self.declared_unit)
        try:
            config = Path(unit.setting("Config")).read_bytes()
        except FileNotFoundError:
            raise SwitchError(f"{unit.setting('Config')} is not there: run puppet agent, which writes it") from None
        # Keyed, since the config has secrets and the name of a release is no secret: nobody can try values against it.
        digest = hmac.new(_key(), unit.text.encode() + b"\0" + config, hashlib.sha256).hexdigest()[:8]
        return unit, re.sub(r"[^A-Za-z0-9.-]", "_", unit.version) + f".{digest}"

    def instances(self) -> set[str]:
        """Every release that has a unit on the port."""
        prefix = f"{self.name}@"
        found = {path.name.removeprefix(prefix).removesuffix(".service") for path in UNITS.glob(f"{prefix}?*.service")}
        return found - {""}

    def trials(self) -> set[str]:
        """Every release that has a trial unit; none, unless a switch is under way or was killed."""
        prefix = f"{self.name}-check@"
        return {path.stem.removeprefix(prefix) for path in TRIAL_UNITS.glob(f"{prefix}?*.service")}

    def prepared(self) -> set[str]:
        """Every release that has a directory."""
        return {path.name for path in self.releases.glob("[!.]*")}

    def half_prepared(self) -> list[Path]:
        """Directories of releases that were not completed."""
        return list(self.releases.glob(".preparing-*"))


def _key() -> bytes:
    """The node's own key for the names of releases, made at first use."""
    try:
        return KEY.read_bytes()
    except FileNotFoundError:
        KEY.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = KEY.with_name(f"key.{os.getpid()}")
        write(made, os.urandom(32), mode=0o600)
        try:
            os.link(made, KEY)  # the first of two at once wins
        except FileExistsError:
            pass
        finally:
            made.unlink()
        return KEY.read_bytes()


def declared_names() -> list[str]:
    """The services that Puppet has declared on this node."""
    found = []
    for path in sorted(UNITS.glob("*@.service")):
        try:
            if f"[{SECTION}]" in path.read_text(encoding="utf-8"):
                found.append(path.name.removesuffix("@.service"))
        except (OSError, UnicodeDecodeError):
            continue
    return found
