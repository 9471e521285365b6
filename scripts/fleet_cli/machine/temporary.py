"""Temporary directories, on the disk of the state: a build or a root file system may be too large for /tmp."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fleet_cli.machine import paths


@contextmanager
def directory() -> Iterator[Path]:
    """A directory that is removed when the block is left.

    It is named after this process, so that remove_abandoned can tell those of killed ones.
    """
    paths.WORK.mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=paths.WORK))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def remove_abandoned() -> None:
    """Remove what killed processes left."""
    for path in paths.WORK.glob("*-*") if paths.WORK.exists() else ():
        pid = path.name.partition("-")[0]
        if pid.isdigit() and not Path("/proc", pid).exists():
            shutil.rmtree(path, ignore_errors=True)
