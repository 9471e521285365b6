"""Which release serves: NAME.service read and written."""

from dataclasses import dataclass, field
from pathlib import Path

from .unit import SECTION, section


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
        found = {key: value for key, _, value in (line.partition("=") for line in lines)}
        return cls(found.get("Release", ""), found.get("Kept", "").split(), found.get("RolledBack", ""))

    @property
    def known(self) -> set[str]:
        """Every release that has a place on the node."""
        return {release for release in (self.release, *self.kept) if release}

    def then(self, release: str, keep: int, rolled_back: str = "") -> tuple["Serving", list[str]]:
        """Return what is so once another release serves, and the releases that go.

        Args:
            release: the one that serves from then on.
            keep: how many stay, with the one that serves.
            rolled_back: the one that an operator went back from.
        """
        before = [one for one in (self.release, *self.kept) if one and one != release]
        stay = max(keep - 1, 0)
        return Serving(release, before[:stay], rolled_back), before[stay:]

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
