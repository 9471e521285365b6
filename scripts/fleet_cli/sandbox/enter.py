"""Enter a sandbox: `enter.py SPECIFICATION` turns itself into bubblewrap, in a user namespace that it has made.

The standard library alone, and no module of fleet: it starts once for each sandbox, and has to start fast.

Who calls it is an ordinary user or root. A user's own id is that of the user `builder` inside; all others come from the
user's line in /etc/subuid, by newuidmap. For root all ids come from a range that is nobody's: what runs inside is never
root of this machine, whoever asked for it.

In order:
1. (root) a mount namespace; then the directories that are needed are mounted below /mnt, for root still with root's
   eyes, so that a folder which only root may enter can be handed in.
2. A user namespace. Another process writes its map of ids, since a process can't write its own.
3. An overlay of the root file system, and limits of resources.
4. bubblewrap: pivot_root, all other namespaces, the filter of system calls, no capabilities.

It exits with 125 where that is not possible, and the last line of its standard error is JSON: at which step, errno.
"""

import ctypes
import errno
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

BUILDER = 1000
"""The id inside that foreign code has; for an ordinary user it is the caller's outside."""
FIRST_ID = 1_879_048_192
"""For root: the first of the ids that are used. systemd gives the ones below it to its containers and leaves these."""
IDS = 65_536
FAILED = 125

_CLONE_NEWNS = 0x00020000
_CLONE_NEWUSER = 0x10000000
_MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 0x1000, 0x4000, 1 << 18
_PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)
_PLACE = Path("/mnt")


class _StepError(Exception):
    def __init__(self, step: str, number: int = 0, words: str = "") -> None:
        super().__init__(step)
        self.said = {"step": step, "errno": errno.errorcode.get(number, ""), "words": words}


def _call(step: str, result: int) -> None:
    if result != 0:
        raise _StepError(step, ctypes.get_errno())


def _unshare(step: str, flags: int) -> None:
    _call(step, _libc.unshare(flags))


def _mount(step: str, source: str, target: Path, *, kind: str = "none", flags: int = 0, options: str = "") -> None:
    encoded = (text.encode() for text in (source, str(target), kind))
    _call(step, _libc.mount(*encoded, ctypes.c_ulong(flags), options.encode()))


def _lay_out(specification: dict[str, Any], owner: int) -> None:
    """Mount what the sandbox is made of below /mnt, which is this process' own from here on."""
    _mount("mount", "none", Path("/"), flags=_MS_REC | _MS_PRIVATE)
    options = f"mode=755,{specification['scratch']}"
    _mount("tmpfs", "scratch", _PLACE, kind="tmpfs", flags=_MS_NOSUID | _MS_NODEV, options=options)
    for kind in ("lower", "in"):
        (_PLACE / kind).mkdir()
        for number, source in enumerate(specification[kind]):
            place = _PLACE / kind / str(number)
            if Path(source).is_dir():
                place.mkdir()
            else:
                place.touch()
            _mount(f"bind {source}", source, place, flags=_MS_BIND | _MS_REC)
    if specification["changes"]:
        (_PLACE / "changes").mkdir()
        _mount("bind", specification["changes"], _PLACE / "changes", flags=_MS_BIND)
    for part in ("root", "changes/upper", "changes/work"):
        (_PLACE / part).mkdir(parents=True, exist_ok=True)
    if not specification["changes"]:
        for part in ("changes", "changes/upper", "changes/work"):
            os.chown(_PLACE / part, owner, owner)


def _map_ids(specification: dict[str, Any]) -> None:
    """Make a user namespace and become its root."""
    target, root = os.getpid(), os.geteuid() == 0
    ready_read, ready_write = os.pipe()
    helper = os.fork()
    if helper == 0:
        try:
            os.close(ready_write)
            if os.read(ready_read, 1):
                (_write_as_root if root else _write_as_user)(target, specification)
            os._exit(0)
        except _StepError as error:
            _tell(error)
            os._exit(FAILED)
        except BaseException as error:
            _tell(_StepError("map", getattr(error, "errno", 0) or 0, str(error)))
            os._exit(FAILED)
    os.close(ready_read)
    try:
        _unshare("userns", _CLONE_NEWUSER | _CLONE_NEWNS)
        os.write(ready_write, b".")
    finally:
        os.close(ready_write)
        _, status = os.waitpid(helper, 0)
    if status != 0:
        os._exit(FAILED)  # the helper has said why
    os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)


def _write_as_root(target: int, _: dict[str, Any]) -> None:
    for name in ("uid_map", "gid_map"):
        Path(f"/proc/{target}/{name}").write_text(f"0 {FIRST_ID} {IDS}\n", encoding="ascii")


def _write_as_user(target: int, specification: dict[str, Any]) -> None:
    for program, own, (first, count) in (
        ("newuidmap", os.getuid(), specification["subuids"]),
        ("newgidmap", os.getgid(), specification["subgids"]),
    ):
        above = count - BUILDER - 1
        pairs = [0, first, BUILDER, BUILDER, own, 1, BUILDER + 1, first + BUILDER, above]
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.dup2(write, 2)
            os.execvp(program, [program, str(target), *map(str, pairs)])
        os.close(write)
        with os.fdopen(read, errors="replace") as pipe:
            words = pipe.read().strip()
        _, status = os.waitpid(child, 0)
        if status != 0:
            raise _StepError(program, 0, words)


def _limit(limits: dict[str, int]) -> None:
    for name, value in limits.items():
        number = getattr(resource, f"RLIMIT_{name}")
        _, most = resource.getrlimit(number)
        allowed = value if most == resource.RLIM_INFINITY else min(value, most)
        resource.setrlimit(number, (allowed, allowed))


def _overlay(specification: dict[str, Any]) -> None:
    lower = ":".join(f"{_PLACE}/lower/{number}" for number in range(len(specification["lower"])))
    options = f"lowerdir={lower},upperdir={_PLACE}/changes/upper,workdir={_PLACE}/changes/work,userxattr"
    _mount("overlay", "overlay", _PLACE / "root", kind="overlay", options=options)


def _become(specification: dict[str, Any]) -> NoReturn:
    arguments = os.memfd_create("arguments", 0)
    os.write(arguments, b"".join(word.encode() + b"\0" for word in specification["bwrap"]))
    os.lseek(arguments, 0, os.SEEK_SET)
    options = ["--args", str(arguments)]
    if specification["filter"]:
        allowed = os.memfd_create("filter", 0)
        os.write(allowed, bytes.fromhex(specification["filter"]))
        os.lseek(allowed, 0, os.SEEK_SET)
        options += ["--seccomp", str(allowed)]
    command = ["bwrap", *options, "--", *specification["argv"]]
    os.execve(specification["program"], command, {})


def _tell(error: _StepError) -> None:
    os.write(2, (json.dumps(error.said) + "\n").encode())


def main() -> None:
    """Read the specification, remove it, and become what it asks for."""
    parent = os.getppid()
    file = Path(sys.argv[1])
    specification: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    file.unlink()
    os.closerange(3, 4096)
    os.umask(0o022)  # whatever the caller's is: the owner inside is another one
    try:
        root = os.geteuid() == 0
        if root:
            _unshare("mount namespace", _CLONE_NEWNS)
            _lay_out(specification, FIRST_ID)
        _map_ids(specification)
        if not root:
            _lay_out(specification, 0)
        # A change of ids has cleared it. Who called may have gone meanwhile.
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(FAILED)
        if specification["lower"]:
            _overlay(specification)
        _limit(specification["limits"])
        if specification["bwrap"]:
            _become(specification)
        os.execvpe(specification["argv"][0], specification["argv"], specification["env"])
    except _StepError as error:
        _tell(error)
    except OSError as error:
        _tell(_StepError("start", error.errno or 0, str(error)))
    sys.exit(FAILED)


if __name__ == "__main__":
    main()
