"""Reads YAML in bounded memory and time.

The events of the C parser are put together here, without its composer: that one follows nesting by recursion, and a
file of brackets ends the process. An alias is the very node of its anchor, so that a file never takes more memory than
its text is worth.
"""

import sys
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from fleet_cli.repository.documents import Document, Node, Pair, mapping
from fleet_cli.repository.finding import Finding
from fleet_cli.repository.scalars import Refused, Scalar, Symbol, resolve

MAX_BYTES = 8 * 2**20
MAX_DEPTH = 100
MAX_NODES = 1_000_000
"""Values of a file, each alias counted as often as what it stands for."""
BYTE_ORDER_MARK = "\ufeff"
SHORT = 40
"""Texts of fewer characters than this come again and again, and are kept once."""


class _UnreadableError(Exception):
    def __init__(self, place: tuple[int, int], code: str, message: str, suggestion: str = "") -> None:
        super().__init__(message)
        self.place = place
        self.code = code
        self.suggestion = suggestion


def read(path: Path, name: str) -> Document:
    """Read a file of which `name` is the path below the repository; what is wrong with it is in the findings."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            return _too_large(name, size)
        return parse(path.read_bytes(), name)
    except OSError as error:
        return not_opened(name, error)


def parse(data: bytes, name: str) -> Document:  # noqa: PLR0911 - a line an error
    """Read the content of a file, as read does."""
    if len(data) > MAX_BYTES:
        return _too_large(name, len(data))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        column = error.start - (before.rfind(b"\n") + 1) + 1
        message = f"the byte 0x{data[error.start]:02x} is not UTF-8"
        return _nothing(name, (before.count(b"\n") + 1, column), "not-utf-8", message, "save the file as UTF-8")
    reader = _Reader(name)
    if text.startswith(BYTE_ORDER_MARK):
        text = text[1:]
        message = "it begins with a byte order mark, which is invisible, and which not every reader skips"
        reader.findings.append(Finding(name, 1, 1, "byte-order-mark", message, "save the file as UTF-8 without one"))
    try:
        top = reader.read(text)
    except _UnreadableError as error:
        return _nothing(name, error.place, error.code, str(error), error.suggestion)
    except yaml.MarkedYAMLError as error:
        return _nothing(name, *_marked(error))
    except yaml.YAMLError as error:
        # A character that YAML has not: the C parser counts from the start of the file.
        position = min(getattr(error, "position", 0) or 0, len(text))
        place = (text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position))
        return _nothing(name, place, "yaml-syntax", str(getattr(error, "reason", "") or error).splitlines()[0])
    if top is None or top.value is None:
        return Document({}, reader.findings)
    if isinstance(top.value, dict):
        return Document(mapping(top), reader.findings)
    message = "a file of Hiera must be a mapping of keys to values"
    return _nothing(name, (top.line, top.column), "not-a-mapping", message)


def not_opened(name: str, error: OSError) -> Document:
    """The document of a file that the system can't read, with the reason."""
    return _nothing(name, (1, 1), "unreadable-file", f"can't be read: {error.strerror}")


def _too_large(name: str, size: int) -> Document:
    message = f"{size / 2**20:.0f} MiB: at most {MAX_BYTES >> 20} are read"
    return _nothing(name, (1, 1), "file-too-large", message)


def _marked(error: yaml.MarkedYAMLError) -> tuple[tuple[int, int], str, str]:
    """Place, code and message of an error: of a bracket or a quote that is not closed, the place where it is opened."""
    words = " ".join(part for part in (error.context, error.problem) if part)
    opened = (error.context or "").startswith(("while parsing a flow", "while scanning a quoted"))
    if opened and error.context_mark and error.problem_mark:
        return _place(error.context_mark), "yaml-syntax", f"{words} before line {error.problem_mark.line + 1}"
    return _place(error.problem_mark or error.context_mark), "yaml-syntax", words


def _place(mark: Any) -> tuple[int, int]:
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _nothing(name: str, place: tuple[int, int], code: str, message: str, suggestion: str = "") -> Document:
    return Document({}, [Finding(name, *place, code, message, suggestion)], broken=True)


_SYMBOLS = ("!ruby/sym", "!ruby/symbol")
"""Tags of Ruby's YAML that Puppet's reader takes."""


class _Open(NamedTuple):
    """A list or mapping whose end has not come yet; `keys` are those of a mapping, in order, for its values."""

    node: Node
    anchor: str | None
    keys: list[Node]
    sizes: list[int]


class _Reader:
    def __init__(self, name: str) -> None:
        self.findings: list[Finding] = []
        self._name = name
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._unfinished: set[str] = set()
        self._merged: dict[int, set[Scalar]] = {}
        self._root: Node | None = None

    def read(self, text: str) -> Node | None:
        for event in yaml.parse(text, Loader=yaml.CLoader):
            kind = type(event)
            if kind is yaml.ScalarEvent:
                self._scalar(event)
            elif kind is yaml.MappingStartEvent:
                self._start(event, {})
            elif kind is yaml.SequenceStartEvent:
                self._start(event, [])
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                self._end()
            elif kind is yaml.AliasEvent:
                self._alias(event)
            elif kind is yaml.DocumentStartEvent and self._root is not None:
                message = "a second document, which Puppet never reads"
                raise _UnreadableError(_place(event.start_mark), "second-document", message)
        return self._root

    def _scalar(self, event: Any) -> None:
        line, column = _place(event.start_mark)
        text = sys.intern(event.value) if len(event.value) < SHORT else event.value
        value: Scalar = text
        if event.implicit[0] and not event.style:
            value = resolve(text)
        elif event.tag in _SYMBOLS:
            value = Symbol(text)
        elif event.tag:
            self._note_tag(event)
        if isinstance(value, Refused):
            message = f"a {value.kind}, which Puppet's reader refuses to read"
            raise _UnreadableError((line, column), "yaml-date", message, f"quote it: '{text}'")
        node = Node(line, column, value, "" if value is text else text)
        if event.anchor:
            self._anchors[event.anchor] = (node, 1)
        self._add(node, 1)

    def _start(self, event: Any, value: "list[Node] | dict[Scalar, Pair]") -> None:
        place = _place(event.start_mark)
        if len(self._open) >= MAX_DEPTH:
            raise _UnreadableError(place, "yaml-too-deep", f"nested more than {MAX_DEPTH} deep")
        if event.tag:
            self._note_tag(event)
        if event.anchor:
            self._unfinished.add(event.anchor)
        self._open.append(_Open(Node(*place, value), event.anchor, [], [1]))

    def _end(self) -> None:
        done = self._open.pop()
        size = sum(done.sizes)
        if done.anchor:
            self._unfinished.discard(done.anchor)
            self._anchors[done.anchor] = (done.node, size)
        self._merged.pop(id(done.node.value), None)
        self._add(done.node, size)

    def _note_tag(self, event: Any) -> None:
        """What a tag stands before is read all the same, so that the rest of Hiera can be checked."""
        if event.tag.startswith("!") and event.tag != "!":
            refused = event.tag.startswith("!ruby/")
            message = f"the tag {event.tag}, " + (
                "for which Puppet's reader refuses the file" if refused else "which Puppet's reader does not know"
            )
            self.findings.append(Finding(self._name, *_place(event.start_mark), "yaml-tag", message, "leave it out"))

    def _alias(self, event: Any) -> None:
        place, name = _place(event.start_mark), event.anchor
        if name in self._unfinished:
            raise _UnreadableError(place, "yaml-anchor-cycle", f"*{name} stands inside of &{name} itself")
        if name not in self._anchors:
            raise _UnreadableError(place, "yaml-unknown-anchor", f"no anchor &{name} stands before this")
        node, size = self._anchors[name]
        self._add(node._replace(line=place[0], column=place[1]), size)

    def _add(self, node: Node, size: int) -> None:
        if not self._open:
            self._root = node
            return
        top = self._open[-1]
        top.sizes[0] += size
        if top.sizes[0] > MAX_NODES:
            message = f"its aliases stand for more than {MAX_NODES:,} values"
            raise _UnreadableError((node.line, node.column), "yaml-too-large", message)
        if isinstance(top.node.value, list):
            top.node.value.append(node)
        elif not top.keys:
            top.keys.append(node)
        else:
            self._pair(top.node.value, top.keys.pop(), node)  # type: ignore[arg-type]

    def _pair(self, target: dict[Scalar, Pair], key: Node, node: Node) -> None:
        if isinstance(key.value, (dict, list)):
            raise _UnreadableError((key.line, key.column), "yaml-key", "a list or a mapping as a key")
        merged = self._merged.setdefault(id(target), set())
        sources = list(reversed(node.value)) if isinstance(node.value, list) else [node]
        if key.value == "<<" and all(isinstance(source.value, dict) for source in sources):
            # As Ruby merges: over what stands before, under what comes after; of several sources the first wins.
            for source in sources:
                target.update(source.value)  # type: ignore[arg-type]
                merged.update(source.value)  # type: ignore[arg-type]
            return
        if key.value in target and key.value not in merged:
            first = target[key.value].line
            message = f"'{key.value}' stands on line {first} already; Puppet takes the last of them"
            self.findings.append(
                Finding(self._name, key.line, key.column, "duplicate-key", message, "drop one of them")
            )
        merged.discard(key.value)
        target[key.value] = Pair(key.line, key.column, node)
