"""The one place where other programs are started."""

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence

from packages.errors import PublishError


def run(command: Sequence[str], *, environment: Mapping[str, str] | None = None, keep: Sequence[int] = ()) -> str:
    """Run a program to its end; return what it wrote on its standard output.

    Args:
        command: its command line.
        environment: variables to add to the environment.
        keep: descriptors that it holds as well.

    Raises:
        PublishError: it is not there, or failed; with its command line and what it said.
    """
    try:
        result = subprocess.run(
            command,
            env={**os.environ, **(environment or {}), "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            pass_fds=keep,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise PublishError(f"{command[0]}: {error.strerror}: is it installed?") from error
    if result.returncode != 0:
        said = (result.stderr.strip() or result.stdout.strip()).splitlines()
        how = f"exit status {result.returncode}" if result.returncode > 0 else f"ended by signal {-result.returncode}"
        raise PublishError(f"{shlex.join(command)}: {how}: {'; '.join(said[-5:])}")
    return result.stdout
