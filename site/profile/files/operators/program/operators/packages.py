"""fleet-publish: packages on standard input into the apt repository; fleet-publish --list: what is there."""

import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from operators import archive, places, programs
from operators import arguments as checked
from operators.printable import printable

LEFT_SECONDS = 24 * 3600
"""What a call has left that was killed goes after that."""


def main(arguments: Sequence[str]) -> int:
    """Publish; return the status of publish-package, which records what it does."""
    if checked.parse(arguments, flags=["--list"]).flags:
        programs.become([places.PUBLISH_PACKAGE, "--list"])
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    with _private_directory() as directory:
        sent = archive.unpack(sys.stdin.buffer, directory)
        declared = [f"--declared={name}" for name in sent.declared]
        done = programs.follow([places.PUBLISH_PACKAGE, *declared, "--", *sent.files], capture=True)
    # The sender knows nothing of the directory.
    print(printable(done.stderr.replace(f"{directory}/", "")), end="", file=sys.stderr)
    print(printable(done.stdout.replace(f"{directory}/", "")), end="")
    return done.returncode


@contextmanager
def _private_directory() -> Iterator[Path]:
    """A directory that only root can read; gone afterwards, with all that is in it."""
    places.INBOX.mkdir(mode=0o755, parents=True, exist_ok=True)
    for left in places.INBOX.iterdir():
        if left.lstat().st_mtime < time.time() - LEFT_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    directory = Path(tempfile.mkdtemp(dir=places.INBOX))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _end(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)
