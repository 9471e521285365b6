"""Catalogs that were compiled before, each with what it was made from, in one SQLite file."""

import json
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet_cli.compiling.program import SOURCE
from fleet_cli.machine import kept, paths

FILE = paths.STATE / "plan/catalogs.sqlite"
KEEP_SECONDS = 14 * 24 * 3600
CANDIDATES = 8
"""How many catalogs of a node are looked at: the newest ones."""

_SCHEMA = """
create table if not exists catalogs (
    id integer primary key, subject text not null, inputs blob not null, catalog blob not null, used integer not null
);
create index if not exists by_subject on catalogs (subject, used);
"""

_FORGET_OLDER = """
delete from catalogs where id in (
    select id from (
        select id, row_number() over (partition by subject order by used desc, id desc) as place from catalogs
    ) where place > ?
)
"""


@dataclass(frozen=True)
class Stored:
    """A catalog of the store.

    Attributes:
        number: its place in the store; equal numbers are the same catalog.
        inputs: what it was made from, with the values then.
    """

    number: int
    inputs: Mapping[str, str]


class Store:
    """The file; used from any thread."""

    def __init__(self, file: Path = FILE) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        self._lock = threading.Lock()
        self._used: set[int] = set()
        try:
            self._connection = _connect(file)
        except sqlite3.DatabaseError:
            # Half written when a machine went down, say: it only saves time.
            file.unlink()
            self._connection = _connect(file)

    def candidates(self, subject: str) -> list[Stored]:
        """Return the catalogs of a subject (a node, its facts and a version of the compiler), newest first."""
        rows = self._execute(
            "select id, inputs from catalogs where subject = ? order by used desc, id desc limit ?",
            (subject, CANDIDATES),
        )
        return [Stored(number, _unpack(inputs)) for number, inputs in rows]

    def put(self, subject: str, inputs: Mapping[str, str], catalog: Mapping[str, Any]) -> int:
        """Add a catalog; return its number."""
        row = (subject, _pack(inputs), _pack(catalog), int(time.time()))
        (found,) = self._execute(
            "insert into catalogs (subject, inputs, catalog, used) values (?, ?, ?, ?) returning id", row
        )
        return int(found[0])

    def get(self, number: int) -> dict[str, Any]:
        """Return a catalog."""
        self._used.add(number)
        (row,) = self._execute("select catalog from catalogs where id = ?", (number,))
        return dict(_unpack(row[0]))

    def close(self) -> None:
        """Note which catalogs were of use, forget those that have not been for two weeks, and close the file."""
        now = int(time.time())
        with self._lock:
            self._connection.execute("begin immediate")
            self._connection.executemany(
                "update catalogs set used = ? where id = ?", [(now, number) for number in self._used]
            )
            self._connection.execute("delete from catalogs where used < ?", (now - KEEP_SECONDS,))
            self._connection.execute(_FORGET_OLDER, (CANDIDATES,))
            self._connection.execute("commit")
            self._connection.close()

    def _execute(self, statement: str, values: tuple[object, ...]) -> list[Any]:
        with self._lock:
            return self._connection.execute(statement, values).fetchall()


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=60, check_same_thread=False, isolation_level=None)
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = off")
    connection.executescript(_SCHEMA)
    return connection


@contextmanager
def opened(file: Path = FILE) -> Iterator[Store]:
    """The store, closed when the block is left."""
    store = Store(file)
    try:
        yield store
    finally:
        store.close()


def compiler_version() -> str:
    """What the compiler is: its code, and the root file system with Puppet in it."""
    code = [file.read_text(encoding="utf-8") for file in sorted(SOURCE.glob("*.rb"))]
    return kept.digest(kept.made_from(paths.LAYERS / "toolbox"), *code)


def _pack(data: Mapping[str, Any]) -> bytes:
    return zlib.compress(json.dumps(data).encode(), 1)


def _unpack(data: bytes) -> Any:
    return json.loads(zlib.decompress(data))
