"""Unit files read: what is in them for systemd, and in sections X-… for this program."""

from dataclasses import dataclass
from pathlib import Path

from .errors import SwitchError, reason

SECTION = "X-Flask-Microservice"
SOCKET_SECTION = "X-Socket"


@dataclass(frozen=True)
class Unit:
    """The unit of a release, as Puppet writes it."""

    text: str

    @classmethod
    def read(cls, path: Path) -> "Unit":
        """Read it; SwitchError if there is none."""
        try:
            return cls(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            declared = path.suffix == ".service"
            hint = "has Puppet declared the service on this node?" if declared else "has somebody removed the release?"
            raise SwitchError(f"{path} is not there: {hint}") from None
        except (OSError, UnicodeDecodeError) as error:
            raise SwitchError(f"{path} can't be read: {reason(error)}") from None

    def setting(self, key: str) -> str:
        """Return a setting of the program's own section."""
        found = self._found(key)
        if found is None:
            raise SwitchError(f"the unit has no {key}= in [{SECTION}]: run puppet agent, which writes it")
        return found

    @property
    def secret_environment(self) -> Path | None:
        """The file of the environment variables that are secret, if it declares any."""
        found = self._found("SecretEnvironment")
        return Path(found) if found else None

    def values(self, name: str, key: str) -> list[str]:
        """Return what a section says of a key, each time that it does; an empty value takes back those before it."""
        found: list[str] = []
        for line in section(self.text, name):
            one, equals, value = line.partition("=")
            if equals and one == key:
                found = [*found, value] if value else []
        return found

    def words(self, key: str) -> list[str]:
        """Return what [Service] says of a key that takes several values."""
        return " ".join(self.values("Service", key)).split()

    def last(self, name: str, key: str) -> str:
        """Return what a section says of a key that has one value; the empty string if it says nothing."""
        return (self.values(name, key) or [""])[-1]

    @property
    def listens(self) -> str:
        """Where it listens: ADDRESS:PORT, or the path of a socket."""
        return self.last(SOCKET_SECTION, "ListenStream")

    @property
    def account(self) -> str:
        """The account that it runs as."""
        return self.last("Service", "User")

    @property
    def peers(self) -> list[str]:
        """Whom it may connect to as it is declared: addresses, networks, addresses with the one port there.

        Units of before do not say so.
        """
        return (self._found("Peers") or "").split()

    @property
    def version(self) -> str:
        """The package's version."""
        return self.setting("Version")

    @property
    def keep(self) -> int:
        """How many releases stay on the node."""
        return int(self._number("Keep"))

    def seconds(self, key: str) -> float:
        """Return a setting that is a number of seconds."""
        return self._number(key)

    def _found(self, key: str) -> str | None:
        lines = (line.partition("=") for line in section(self.text, SECTION))
        return next((value for name, equals, value in lines if equals and name == key), None)

    def _number(self, key: str) -> float:
        value = self.setting(key)
        if not (value.isascii() and value.isdigit()):
            raise SwitchError(
                f"{key}={value} in [{SECTION}] of the unit is no number: run puppet agent, which writes it"
            )
        return float(value)


def section(text: str, name: str) -> list[str]:
    """Return the lines of a section of a unit file, without comments and empty ones."""
    lines, inside = [], False
    for line in text.split("\n"):  # not splitlines(): to systemd, no other character of those ends a line
        if line.startswith("["):
            inside = line.strip() == f"[{name}]"
        elif inside and line.strip() and not line.startswith(("#", ";")):
            lines.append(line)
    return lines
