"""The filter of system calls that foreign code runs under, as bubblewrap wants it: a BPF program."""

import errno
import tempfile
from functools import cache

from fleet_cli.machine.errors import FleetError

_REFUSED = (
    # other roots, mounts and namespaces
    "chroot", "fsconfig", "fsmount", "fsopen", "fspick", "mount", "mount_setattr", "move_mount", "open_tree",
    "pivot_root", "setns", "umount", "umount2", "unshare",
    # files by other ways than their paths
    "fanotify_init", "name_to_handle_at", "open_by_handle_at", "pidfd_getfd",
    # other processes' memory
    "kcmp", "process_vm_readv", "process_vm_writev", "ptrace",
    # the kernel's keys, programs, events and rings, which have had the most holes
    "add_key", "bpf", "io_uring_enter", "io_uring_register", "io_uring_setup", "keyctl", "perf_event_open",
    "request_key", "userfaultfd",
    # the machine itself
    "acct", "adjtimex", "clock_adjtime", "clock_settime", "delete_module", "finit_module", "init_module", "ioperm",
    "iopl", "kexec_file_load", "kexec_load", "lookup_dcookie", "quotactl", "quotactl_fd", "reboot", "setdomainname",
    "sethostname", "settimeofday", "swapoff", "swapon",
    # where memory lies
    "mbind", "migrate_pages", "move_pages", "set_mempolicy",
)  # fmt: skip
_NEW_NAMESPACES = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
"""The flags of clone that make a namespace: mount, cgroup, UTS, IPC, user, PID, network."""
_TYPE_INTO_A_TERMINAL = (0x5412, 0x541C)
"""TIOCSTI and TIOCLINUX: characters that the caller's shell would take for typed ones."""


@cache
def program() -> bytes:
    """Return the filter for this machine's architecture.

    A call that it refuses fails with EPERM; one of another architecture ends the process. clone3 does not exist, so
    that libraries take clone, whose flags can be seen.

    Raises:
        FleetError: libseccomp is not installed.
    """
    try:
        # Here, since it loads libseccomp, which only a sandbox needs.
        import pyseccomp  # type: ignore[import-untyped] # noqa: PLC0415
    except (ImportError, RuntimeError, OSError):
        raise FleetError(
            "libseccomp is not installed: `apt-get install libseccomp2`, as root (other systems call it libseccomp)"
        ) from None

    filtered = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    filtered.set_attr(pyseccomp.Attr.ACT_BADARCH, pyseccomp.KILL_PROCESS)
    refuse = pyseccomp.ERRNO(errno.EPERM)
    for name in _REFUSED:
        try:
            filtered.add_rule(refuse, name)
        except (OSError, ValueError):
            continue  # a call that this architecture, or this libseccomp, does not know
    filtered.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")
    for flag in _NEW_NAMESPACES:
        filtered.add_rule(refuse, "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, flag, flag))
    for number in _TYPE_INTO_A_TERMINAL:
        filtered.add_rule(refuse, "ioctl", pyseccomp.Arg(1, pyseccomp.MASKED_EQ, 0xFFFFFFFF, number))
    with tempfile.TemporaryFile() as file:
        filtered.export_bpf(file)
        file.seek(0)
        return file.read()
