"""The account that owns the repository: from the moment it is taken on, nothing runs as root."""

import os
import pwd

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
