"""The account that r10k and git run as, and what checks a commit: a Puppetfile is Ruby code, and so is a resource type.

Whoever can push a branch runs code as this account. What it writes and says is judged by root, and trusted no further.
"""

import codecs
import os
import pwd
import selectors
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from operators.printable import printable

from deploys.errors import DeployError
from deploys.layout import Layout

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PASSED_ON = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Of the caller's variables these reach the account, in either case: how git remotes and the Forge are reached."""

KEPT = 64 * 1024
"""So much of the end of what a program has printed is kept, in bytes."""

MOST = 16 * 1024 * 1024
"""What is asked of a program is no longer, in bytes."""

SECONDS = 60
"""Nor does it take longer."""


@dataclass(frozen=True)
class Account:
    """An account of this machine that is used for nothing else, so that all of its processes may be ended."""

    name: str
    uid: int
    gid: int
    home: Path

    @classmethod
    def of(cls, layout: Layout) -> "Account":
        """Return the one that Puppet has made.

        Raises:
            DeployError: there is none.
        """
        try:
            found = pwd.getpwnam(layout.account)
        except KeyError as error:
            raise DeployError(
                f"there is no account {layout.account!r}: profile::r10k makes it, run puppet agent"
            ) from error
        if found.pw_uid == 0:
            raise DeployError(f"account {layout.account!r} is root, which r10k is not to run as")
        return cls(layout.account, found.pw_uid, found.pw_gid, Path(found.pw_dir))

    def own(self, directory: Path) -> None:
        """Have it own a directory whose parents are root's; make it if it is not there."""
        directory.mkdir(parents=True, exist_ok=True)
        os.chown(directory, self.uid, self.gid, follow_symlinks=False)

    def start(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: str = "/",
        stdin: int = subprocess.DEVNULL,
        stderr: int | None = None,
    ) -> "subprocess.Popen[bytes]":
        """Start a program whose output is read.

        It has no terminal, no variable of root's, and gains no rights by setuid or setgid files.

        Raises:
            DeployError: it is not there.
        """
        variables = {
            name: value for name, value in os.environ.items() if name in PASSED_ON or name.lower() in PASSED_ON
        }
        own = {"PATH": PATH, "LC_ALL": "C.UTF-8", "HOME": str(self.home), "USER": self.name, "LOGNAME": self.name}
        if not Path(command[0]).exists() and "/" in command[0]:
            raise DeployError(f"{command[0]} is not there: is its package installed?")
        return subprocess.Popen(
            ["setpriv", "--no-new-privs", "--", *command],
            user=self.uid,
            group=self.gid,
            extra_groups=[],
            env={**variables, **own, **(env or {})},
            cwd=cwd,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
        )

    def output(self, command: Sequence[str]) -> bytes | None:
        """Run a program to its end; return what it prints on its standard output, None if it fails.

        Raises:
            DeployError: it does not come to its end, or prints without one.
        """
        process = self.start(command, stderr=subprocess.DEVNULL)
        assert process.stdout  # noqa: S101 - opened as a pipe above
        said = b""
        try:
            with process.stdout, selectors.DefaultSelector() as waiting:
                waiting.register(process.stdout, selectors.EVENT_READ)
                while len(said) <= MOST and waiting.select(SECONDS):
                    chunk = os.read(process.stdout.fileno(), KEPT)
                    if not chunk:
                        return said if process.wait(SECONDS) == 0 else None
                    said += chunk
        except subprocess.TimeoutExpired:
            pass
        process.kill()
        process.wait()
        raise DeployError(f"{' '.join(command[:4])} does not come to its end: nothing has changed")

    def end_processes(self) -> None:
        """Kill whatever runs as the account. To be called under the lock: no other deploy is under way then."""
        child = os.fork()
        if child == 0:
            try:
                os.setgroups([])
                os.setresgid(self.gid, self.gid, self.gid)
                os.setresuid(self.uid, self.uid, self.uid)
                os.kill(-1, signal.SIGKILL)
            finally:
                os._exit(0)
        os.waitpid(child, 0)


def show(process: "subprocess.Popen[bytes]") -> tuple[int, str]:
    """Print what a program prints, where it does; return its exit status, and the end of what it has printed.

    A terminal gets no control characters of it: it is foreign code that says it.
    """
    said = b""
    with selectors.DefaultSelector() as waiting:
        for pipe, stream in ((process.stdout, sys.stdout), (process.stderr, sys.stderr)):
            if pipe:
                waiting.register(pipe, selectors.EVENT_READ, (stream, codecs.getincrementaldecoder("utf-8")("replace")))
        while waiting.get_map():
            ready = waiting.select(0.2)
            if not ready and process.poll() is not None:
                break  # something that it has started keeps its output open
            for key, _ in ready:
                chunk = os.read(key.fd, KEPT)
                if not chunk:
                    waiting.unregister(key.fileobj)
                stream, text = key.data
                print(printable(text.decode(chunk, final=not chunk)), end="", file=stream, flush=True)
                said = (said + chunk)[-KEPT:]
    return process.wait(), said.decode(errors="replace")
