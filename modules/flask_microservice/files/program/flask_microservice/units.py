"""Unit files: what Puppet and this program write into them for the program itself, in sections of its own."""

from dataclasses import dataclass, field
from pathlib import Path

from flask_microservice.errors import SwitchError

SECTION = "X-Flask-Microservice"
SOCKET_SECTION = "X-Socket"


@dataclass(frozen=True)
class Unit:
    """The unit of a release, as Puppet writes it: what is in it for systemd, and in section X-… for this program."""

    text: str

    @classmethod
    def read(cls, path: Path) -> "Unit":
        """Read it; SwitchError if there is none."""
        try:
            return cls(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise SwitchError(f"{path} is not there: has Puppet declared the service on this node?") from None

    def setting(self, key: str) -> str:
        """Return a setting of the program's own section."""
        for line in section(self.text, SECTION):
            name, equals, value = line.partition("=")
            if equals and name == key:
                return value
        raise SwitchError(f"the unit has no {key}= in [{SECTION}]: run puppet agent, which writes it")

    @property
    def version(self) -> str:
        """The package's version."""
        return self.setting("Version")

    def seconds(self, key: str) -> float:
        """Return a setting that is a number of seconds."""
        return float(self.setting(key))


def section(text: str, name: str) -> list[str]:
    """Return the lines of a section of a unit file, without comments and empty ones."""
    lines, inside = [], False
    for line in text.splitlines():
        if line.startswith("["):
            inside = line.strip() == f"[{name}]"
        elif inside and line.strip() and not line.startswith(("#", ";")):
            lines.append(line)
    return lines


@dataclass
class Serving:
    """Which release serves, as NAME.service says it.

    Attributes:
        release: the one that serves; empty before the first.
        kept: those that served before and are still there, the latest first.
        rolled_back: the one that an operator went back from; it does not come back by itself.
    """

    release: str = ""
    kept: list[str] = field(default_factory=list)
    rolled_back: str = ""

    @classmethod
    def read(cls, path: Path) -> "Serving":
        """Read NAME.service; nothing serves if it is not there."""
        try:
            lines = section(path.read_text(encoding="utf-8"), SECTION)
        except FileNotFoundError:
            return cls()
        found = dict(line.split("=", 1) for line in lines)
        return cls(found.get("Release", ""), found.get("Kept", "").split(), found.get("RolledBack", ""))

    def unit(self, name: str) -> str:
        """Return the text of NAME.service."""
        instance = f"{name}@{self.release}.service"
        # Stopped only after it: else traffic on the port would start it again while it stops.
        wants = f"Wants={instance}\nBefore={instance}\n" if self.release else ""
        return (
            "# Written by flask-microservice: what it wants is the release that serves.\n"
            f"[Unit]\nDescription=Microservice {name}\nWants={name}.socket\nAfter={name}.socket\n{wants}\n"
            # Always active: with the port's socket bound to an instance, traffic would start one that was stopped.
            "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n\n"
            "[Install]\nWantedBy=multi-user.target\n\n"
            f"[{SECTION}]\nRelease={self.release}\nKept={' '.join(self.kept)}\nRolledBack={self.rolled_back}\n"
        )
