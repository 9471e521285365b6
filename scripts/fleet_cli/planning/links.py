"""Symbolic links of a tree of files, followed as the file system does, and never out of the tree."""

from collections.abc import Mapping

MOST = 40
"""Links in one path, as many as Linux follows."""
DEPTH = 4
"""Links to directories within each other."""


class Links:
    """The links of a tree, by path, with where each leads."""

    def __init__(self, targets: Mapping[str, str]) -> None:
        self._targets = targets

    def real(self, path: str) -> str | None:
        """Return a path without links and dots; None if it leads out of the tree, or in a circle."""
        waiting = path.split("/")[::-1]
        done: list[str] = []
        followed = 0
        while waiting:
            part = waiting.pop()
            if part in ("", "."):
                continue
            if part == "..":
                if not done:
                    return None
                done.pop()
                continue
            done.append(part)
            target = self._targets.get("/".join(done))
            if target is not None:
                followed += 1
                if followed > MOST or target.startswith("/"):
                    return None
                done.pop()
                waiting += target.split("/")[::-1]
        return "/".join(done)

    def seen(self, files: Mapping[str, str]) -> dict[str, str]:
        """Return files by all paths at which they are seen: their own, and those through links.

        Args:
            files: what is known of each file, by its own path.
        """
        found = {path: value for path, value in files.items() if path not in self._targets}
        places = {link: real for link in sorted(self._targets) if (real := self.real(link)) is not None}
        for _ in range(DEPTH):
            before = dict(found)
            for link, place in places.items():
                if place in before:
                    found[link] = before[place]
                elif not f"{link}/".startswith(f"{place}/") and place:
                    prefix = f"{place}/"
                    found |= {f"{link}/{name[len(prefix) :]}": value
                              for name, value in before.items() if name.startswith(prefix)}  # fmt: skip
            if len(found) == len(before):
                break
        return found

    def outside(self) -> list[str]:
        """Return the links that lead out of the tree, or in a circle."""
        return [link for link in sorted(self._targets) if self.real(link) is None]
