"""The command publish-package."""

import argparse
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from operators.journal import recorded

from packages import account, given, publishing, signed_index
from packages.errors import PublishError
from packages.repository import Repository

DESCRIPTION = """\
Publish Debian packages in the fleet's apt repository: all of them or none.

Every file is checked before the first is added, and machines get the old index or the new one, whole and signed. Every
version stays. A file that is published already is left alone; another one with its name, version and architecture is
refused, since machines that have installed the first would never get it."""


def main(arguments: list[str] | None = None) -> int:
    """Run publish-package; return its exit status."""
    os.umask(0o022)  # machines are to read what is published, whatever the caller's umask is
    parser = argparse.ArgumentParser(
        prog="publish-package", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", metavar="FILE.deb", nargs="*", type=Path)
    parser.add_argument("--renew", action="store_true", help="sign the index anew: nodes believe one for days")
    parser.add_argument("--list", action="store_true", help="say what is published: name, version and architecture")
    parser.add_argument(
        "--declared",
        action="append",
        default=[],
        metavar="PACKAGE",
        help="no warning that no deployed service runs from it",
    )
    chosen = parser.parse_args(arguments)
    if [chosen.list, chosen.renew, bool(chosen.files)].count(True) != 1:
        parser.error("give files, --list or --renew")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    try:
        if chosen.list:
            _list(Repository.from_file())
        elif chosen.renew:
            _renew(Repository.from_file())
        else:
            _publish(Repository.from_file(), chosen.files, chosen.declared)
    except PublishError as error:
        publishing.say(str(error))
        return 1
    except OSError as error:
        publishing.say(f"{error.filename or 'publish-package'}: {error.strerror}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _list(repository: Repository) -> None:
    index = signed_index.read(repository)
    if index is None:
        raise PublishError(f"{repository.index}: the index is damaged: the next publication makes it anew")
    for identity in sorted(index.packages):
        print(identity)


def _publish(repository: Repository, files: list[Path], declared: list[str]) -> None:
    if os.geteuid() != 0:
        raise PublishError("run it as root")
    # Root only opens the files, which may be where nobody else can read them.
    with recorded("publish", ", ".join(file.name for file in files)), given.opened(files) as packages:
        account.take_on(repository.account)
        published = publishing.publish(repository, packages, declared)
    for identity, new in published.items():
        print(f"{identity}: {'published' if new else 'was published already'}")


def _renew(repository: Repository) -> None:
    if os.geteuid() == 0:
        account.take_on(repository.account)
    publishing.renew(repository)


def _end(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)
