"""The account that owns the repository: from the moment it is taken on, nothing runs as root."""

import os
import pwd
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from packages.errors import PublishError

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def take_on(name: str) -> None:
    """Become an account for good, with its own surroundings: of root's variables none is left.

    Raises:
        PublishError: there is no such account.
    """
    try:
        account = pwd.getpwnam(name)
    except KeyError as error:
        raise PublishError(
            f"there is no account {name!r}: profile::apt_repository makes it, run puppet agent"
        ) from error
    os.chdir("/")
    os.setgroups([])
    os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
    os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)
    os.environ.clear()
    os.environ.update(PATH=PATH, HOME=account.pw_dir, USER=name, LOGNAME=name, LC_ALL="C.UTF-8")


def work_as(name: str, work: Callable[[], None]) -> None:
    """Have work done by another process, which is the account for good; this one stays what it is, and waits.

    A signal that ends this process ends the other one first.

    Raises:
        PublishError: as the work does, or the other process was killed.
    """
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _work(name, work, writing)
    os.close(writing)
    try:
        with os.fdopen(reading, encoding="utf-8", errors="replace") as pipe:
            reason = pipe.read()
        _, status = os.waitpid(child, 0)
    except BaseException:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
        raise
    if status != 0:
        raise PublishError(
            reason or f"the process that publishes ended with status {os.waitstatus_to_exitcode(status)}"
        )


def _work(name: str, work: Callable[[], None], writing: int) -> NoReturn:
    """Be the other process: do the work, tell why it failed, and end."""
    status = 1
    try:
        take_on(name)
        work()
        sys.stdout.flush()
        status = 0
    except PublishError as error:
        os.write(writing, str(error).encode())
    except OSError as error:
        os.write(writing, f"{error.filename or 'publish-package'}: {error.strerror}".encode())
    except SystemExit:
        os.write(writing, b"it was ended")
    finally:
        os._exit(status)
