"""The files that a call is given, opened as whoever calls: what reads them later may not be able to open them."""

import os
import resource
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from packages.errors import PublishError


@dataclass(frozen=True)
class Given:
    """A file that is to be published.

    Attributes:
        path: as it was named.
        content: its bytes.
    """

    path: Path
    content: BinaryIO


@contextmanager
def opened(files: Sequence[Path]) -> Iterator[list[Given]]:
    """Open files, until the block is left.

    Raises:
        PublishError: one is not there, or no file that can be read.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with ExitStack() as handles:
        yield [Given(path, handles.enter_context(_open(path))) for path in files]


def _open(path: Path) -> BinaryIO:
    try:
        handle = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PublishError(f"{path}: no such file") from error
    except OSError as error:
        raise PublishError(f"{path}: can't be read: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(handle.fileno()).st_mode):
        handle.close()
        raise PublishError(f"{path}: no such file")
    return handle
