"""Files of Hiera that no compiler should read: so large, or with so many aliases, that its memory or time would end.

Such a file is replaced by a sentence, which fails the catalogs that need it, and those only.
"""

import json
from pathlib import Path

import yaml

MAX_BYTES = 8 * 2**20
MAX_NODES = 1_000_000
"""Values of a file when each alias is written out."""
MAX_DEPTH = 100
_NOTE = ".refused.json"


def replace(environment: Path) -> None:
    """Replace such files below hieradata/ and the data directories of modules."""
    found = {}
    for file in sorted(environment.glob("**/*.y*ml")):
        if file.is_symlink() or not file.is_file():
            continue
        reason = why(file)
        if reason:
            name = str(file.relative_to(environment))
            found[name] = f"{name}: {reason}"
            file.write_text("--- not read\n", encoding="utf-8")
    if found:
        (environment / _NOTE).write_text(json.dumps(found), encoding="utf-8")


def replaced(environment: Path) -> dict[str, str]:
    """Return the sentence for each file that was replaced, by its path."""
    note = environment / _NOTE
    return dict(json.loads(note.read_text(encoding="utf-8"))) if note.exists() else {}


def why(file: Path) -> str:
    """Say why a file must not be read; nothing for one that may be, however wrong it is."""
    size = file.stat().st_size
    if size > MAX_BYTES:
        return (
            f"has {size / 2**20:.0f} MiB, and more than {MAX_BYTES // 2**20} MiB are not read: is it a file of Hiera?"
        )
    content = file.read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return f"line {line} is not UTF-8: save the file as UTF-8"
    try:
        return _structure(text)
    except yaml.YAMLError:
        return ""  # Puppet says where


def _structure(text: str) -> str:
    """Count what the file would be with each alias written out, from its events: nothing is built."""
    sizes: dict[str, int] = {}
    stack: list[tuple[str | None, int]] = [(None, 0)]
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent):
            if event.anchor in (anchor for anchor, _ in stack):
                return f"line {line}: the alias *{event.anchor} stands inside of what it refers to"
            count = sizes.get(event.anchor or "", 1)
        elif isinstance(event, yaml.ScalarEvent):
            count = 1
            if event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            stack.append((event.anchor, 1))
            if len(stack) > MAX_DEPTH:
                return f"line {line}: nested more than {MAX_DEPTH} deep"
            continue
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, count = stack.pop()
            if anchor:
                sizes[anchor] = count
        else:
            continue
        outer, total = stack[-1]
        stack[-1] = (outer, total + count)
        if total + count > MAX_NODES:
            return f"line {line}: more than {MAX_NODES:,} values with each alias written out"
    return ""
