"""Catalogs that were compiled before, each with what it was made from, in one SQLite file.

It stands beside the caches of machine/cache.py, and is neither of their shapes. What a catalog depends on is only known
once it is compiled, so no name could say it: the newest catalogs of a node are looked through, and each says with which
values of its inputs it is still true. A plan of a thousand nodes looks at thousands of them, more than memory is for:
it puts catalogs here while it works, and gets them again to compare. So the file is needed while a plan is made, and
only saves time afterwards.
"""

import json
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet_cli.compiling.program import SOURCE
from fleet_cli.machine import cache, paths
from fleet_cli.machine.errors import FleetError

FILE = paths.CACHE / "plan/catalogs.sqlite"
KEEP_SECONDS = 14 * 24 * 3600
CANDIDATES = 8
"""How many catalogs of a node are looked at: the newest ones."""
IN_USE_SECONDS = 3600
"""What was used this long ago, another plan may still need."""

_SCHEMA = """
create table if not exists catalogs (
    id integer primary key, subject text not null, inputs blob not null, catalog blob not null, used integer not null
);
create index if not exists by_subject on catalogs (subject, used);
"""

_FORGET_OLDER = """
delete from catalogs where used < ? and id in (
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
    """The file; used from any thread. Where it can't be written, a temporary one that is gone when it is closed.

    Each method raises FleetError if the disk is full, or if the file turns out to be damaged; then it is removed.
    """

    def __init__(self, file: Path = FILE) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._connection = _opened(file)

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
        """Return a catalog, and note that it is used."""
        now = int(time.time())
        rows = self._execute("select catalog, used from catalogs where id = ?", (number,))
        if not rows:
            raise FleetError(f"{self._file}: a catalog that was there is gone: try again")
        catalog, used = rows[0]
        if used < now - IN_USE_SECONDS // 2:
            self._execute("update catalogs set used = ? where id = ?", (now, number))
        return dict(_unpack(catalog))

    def close(self) -> None:
        """Forget catalogs that were not used for two weeks, or that newer ones have replaced, and close the file."""
        now = int(time.time())
        with suppress(FleetError):
            self._execute("delete from catalogs where used < ?", (now - KEEP_SECONDS,))
            self._execute(_FORGET_OLDER, (now - IN_USE_SECONDS, CANDIDATES))
        self._connection.close()

    def _execute(self, statement: str, values: tuple[object, ...]) -> list[Any]:
        try:
            with self._lock:
                return self._connection.execute(statement, values).fetchall()
        except sqlite3.OperationalError as error:
            raise FleetError(f"{self._file}: {error}: is the disk full?") from None
        except sqlite3.DatabaseError as error:
            _remove(self._file)
            raise FleetError(f"{self._file} was damaged ({error}) and is removed: try again") from None


def _opened(file: Path) -> sqlite3.Connection:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        return _connect(file)
    except (OSError, sqlite3.OperationalError):
        return _connect("")
    except sqlite3.DatabaseError:
        # Half written when a machine went down, say: it only saves time.
        _remove(file)
        return _connect(file)


def _remove(file: Path) -> None:
    """Remove the file and its journal, which would not fit a new one."""
    for suffix in ("", "-wal", "-shm"):
        file.with_name(f"{file.name}{suffix}").unlink(missing_ok=True)


def _connect(file: Path | str) -> sqlite3.Connection:
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


def compiler_version(puppet: str, *settings: str) -> str:
    """What the compiler is: its code, and which Puppet it has, by that one's digest, with which settings."""
    code = [file.read_text(encoding="utf-8") for file in sorted(SOURCE.glob("*.rb"))]
    return cache.digest(puppet, *settings, *code)


def _pack(data: Mapping[str, Any]) -> bytes:
    return zlib.compress(json.dumps(data).encode(), 1)


def _unpack(data: bytes) -> Any:
    return json.loads(zlib.decompress(data))
