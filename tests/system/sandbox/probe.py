"""What foreign code may try, from inside a sandbox: prints JSON, what came of each attempt.

Arguments: the process id, a file, a port on loopback and an abstract socket of the machine outside.
"""

import ctypes
import errno
import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

PID, SECRET, PORT, ABSTRACT = sys.argv[1:]
NEW_USER = 0x10000000
libc = ctypes.CDLL(None, use_errno=True)


def call(number: int, *arguments: object) -> str:
    """A system call by its number on x86-64: libraries have no function for all of them."""
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "")
    return "DONE"


def leave_by_chroot() -> str:
    """The way out of a plain chroot that a debian/rules took."""
    Path("/tmp/j").mkdir(exist_ok=True)
    outside = os.open("/", os.O_RDONLY)
    os.chroot("/tmp/j")
    os.fchdir(outside)
    for _ in range(64):
        os.chdir("..")
    os.chroot(".")
    return Path(SECRET).read_text()


def connect(family: int, address: tuple[str, int] | str) -> str:
    with socket.socket(family) as client:
        client.settimeout(2)
        client.connect(address)
    return "CONNECTED"


ATTEMPTS: dict[str, Callable[[], object]] = {
    "leave by chroot": leave_by_chroot,
    "mount": lambda: call(165, b"none", b"/mnt", b"tmpfs", 0, None),
    "umount": lambda: call(166, b"/proc", 2),
    "fsopen": lambda: call(430, b"tmpfs", 0),
    "open_tree": lambda: call(428, -100, b"/", 1),
    "unshare": lambda: call(272, NEW_USER),
    "clone into a user namespace": lambda: call(56, NEW_USER | 17, 0, 0, 0, 0),
    "clone3": lambda: call(435, 0, 0),
    "setns": lambda: call(308, os.open("/proc/self/ns/mnt", 0), 0),
    "mknod": lambda: os.mknod("/tmp/disk", 0o60644, os.makedev(254, 0)),
    "keyctl": lambda: call(250, 0, -3, 1),
    "bpf": lambda: call(321, 0, 0, 0),
    "io_uring": lambda: call(425, 1, 0),
    "perf_event_open": lambda: call(298, 0, 0, 0, 0, 0),
    "userfaultfd": lambda: call(323, 0),
    "ptrace": lambda: call(101, 16, 1, 0, 0),
    "read another process": lambda: call(310, 1, 0, 0, 0, 0, 0),
    "type into the terminal": lambda: call(16, 0, 0x5412, b"x"),
    "become root": lambda: os.setuid(0),
    "kill outside": lambda: os.kill(int(PID), 0),
    "root of process 1": lambda: list(Path("/proc/1/root").iterdir()),
    "environment of process 1": lambda: Path("/proc/1/environ").read_text(),
    "a file outside": lambda: Path(SECRET).read_text(),
    "write to what it reads": lambda: Path("/given/probe.py").write_text("x"),
    "write to /usr": lambda: Path("/usr/x").write_text("x"),
    "name the machine": lambda: Path("/proc/sys/kernel/hostname").write_text("x"),
    "sysrq": lambda: Path("/proc/sysrq-trigger").write_text("h"),
    "loopback outside": lambda: connect(socket.AF_INET, ("127.0.0.1", int(PORT))),
    "another machine": lambda: connect(socket.AF_INET, ("192.0.2.1", 80)),
    "abstract socket outside": lambda: connect(socket.AF_UNIX, "\0" + ABSTRACT),
    "raw packets": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
}


def attempt(what: Callable[[], object]) -> str:
    try:
        return f"DONE {what()}"
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))


descriptors = [path.name for path in Path("/proc/self/fd").iterdir() if int(path.name) > 2]
status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
print(
    json.dumps(
        {
            "attempts": {name: attempt(what) for name, what in ATTEMPTS.items()},
            "capabilities": [status[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")],
            "no new privileges": status["NoNewPrivs"],
            "filter": status["Seccomp"],
            "ids": [os.getuid(), os.getgid(), os.getgroups()],
            "processes": [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()],
            "environment": sorted(os.environ),
            "descriptors": descriptors,
            "interfaces": [name for _, name in socket.if_nameindex()],
        }
    )
)
