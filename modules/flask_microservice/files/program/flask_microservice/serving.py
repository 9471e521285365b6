"""Which release serves: NAME.service read and written."""

from dataclasses import dataclass, field
from pathlib import Path

from .unit import SECTION, section


def refused_until(name: str) -> str:
    """Return what becomes of a release that an operator went back from.

    docs/versions.md and the module's README say it in these words.
    """
    return (
        "is refused there until Puppet declares another version or config and that serves, or until somebody runs"
        f" `flask-microservice switch {name}` there"
    )


def rolled_back(release: str, name: str) -> str:
    """Return why a release is refused that an operator went back from."""
    return f"{release} was rolled back on this node, and {refused_until(name)}"


@dataclass
class Serving:
    """Which release serves, as NAME.service says it.

    Attributes:
        release: the one that serves; empty before the first.
        kept: those that served before and are still there, the latest first.
        rolled_back: those that an operator went back from; see `refused_until()`.
    """

    release: str = ""
    kept: list[str] = field(default_factory=list)
    rolled_back: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> "Serving":
        """Read NAME.service; nothing serves if it is not there."""
        try:
            lines = section(path.read_text(encoding="utf-8"), SECTION)
        except FileNotFoundError:
            return cls()
        found = {key: value for key, _, value in (line.partition("=") for line in lines)}
        return cls(found.get("Release", ""), found.get("Kept", "").split(), found.get("RolledBack", "").split())

    @property
    def known(self) -> set[str]:
        """Every release that has a place on the node."""
        return {release for release in (self.release, *self.kept) if release}

    def then(self, release: str, keep: int, *, back: bool = False) -> tuple["Serving", list[str]]:
        """Return what is so once another release serves, and the releases that go.

        Args:
            release: the one that serves from then on.
            keep: how many stay, with the one that serves.
            back: whether an operator goes back to it, from this one and those that were gone back from before.
        """
        before = [one for one in (self.release, *self.kept) if one and one != release]
        stay = max(keep - 1, 0)
        left = [one for one in (self.release, *self.rolled_back) if one and one != release] if back else []
        return Serving(release, before[:stay], left), before[stay:]

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
            f"[{SECTION}]\nRelease={self.release}\nKept={' '.join(self.kept)}\n"
            f"RolledBack={' '.join(self.rolled_back)}\n"
        )
