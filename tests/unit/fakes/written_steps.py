"""The steps of a page in reStructuredText that tells a developer what to write where, and what to run."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^\.\. code-block:: (\w+)\n\n((?:   .*\n|\n)+)", re.MULTILINE)
_PLACE = re.compile(r"(At the end of|A new file,|in) ``([^`]+)``:\s*\Z")


@dataclass(frozen=True)
class Step:
    """A block of a page.

    Attributes:
        place: what the words before it say of the file: `At the end of`, `A new file,` or `in`; empty for commands.
        file: below the service.
        text: the block.
    """

    place: str
    file: str
    text: str

    @property
    def commands(self) -> list[str]:
        """What to type; none if this is a file."""
        return [line.removeprefix("$ ") for line in self.text.splitlines()] if not self.file else []

    def write(self, service: Path) -> None:
        """Do to the file what the page says."""
        path = service / self.file
        match self.place:
            case "A new file,":
                assert not path.exists(), f"{self.file} is there already"
                path.write_text(self.text, encoding="utf-8")
            case "At the end of":
                path.write_text(f"{path.read_text(encoding='utf-8')}\n\n{self.text}", encoding="utf-8")
            case "in":
                path.write_text(self._changed(path.read_text(encoding="utf-8")), encoding="utf-8")

    def _changed(self, text: str) -> str:
        """A text with the changes of the block, lines with - and + between those that stay."""
        for change in self.text.removeprefix("@@\n").split("@@\n"):
            lines = change.splitlines()
            old = "\n".join(line[1:] for line in lines if line[0] in " -")
            new = "\n".join(line[1:] for line in lines if line[0] in " +")
            assert text.count(old) == 1, f"{self.file} does not have these lines once: {old}"
            text = text.replace(old, new)
        return text


def steps(page: Path) -> Iterator[Step]:
    """Yield the steps of a page, in order."""
    text = page.read_text(encoding="utf-8")
    for block in _BLOCK.finditer(text):
        content = textwrap.dedent(block[2]).strip("\n") + "\n"
        if block[1] == "console":
            yield Step("", "", content)
            continue
        place = _PLACE.search(text[: block.start()])
        assert place, f"{page}: the words before {content.splitlines()[0]!r} name no file"
        yield Step(place[1], place[2], content)
