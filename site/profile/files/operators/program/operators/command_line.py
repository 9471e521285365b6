"""Which program is meant, and what becomes of its errors."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

from operators.errors import Failure
from operators.printable import printable

PROGRAMS: Mapping[str, tuple[str, str]] = {
    "fleet-report": ("report", "main"),
    "fleet-inspect": ("inspection", "main"),
    "fleet-traffic": ("traffic", "main"),
    "fleet-log": ("log", "main"),
    "fleet-run": ("agent_runs", "main"),
    "fleet-rollback": ("rollback", "main"),
    "fleet-query": ("puppetdb", "main"),
    "fleet-answers": ("deploys", "answers"),
    "fleet-deploy": ("deploys", "main"),
    "fleet-note": ("notes", "main"),
    "fleet-publish": ("packages", "main"),
    "fleet-enroll": ("enrolment", "main"),
}
"""By name, the module and its function. Only that module is loaded: all of them take longer than most programs work."""


def main(program: str, arguments: Sequence[str]) -> int:
    """Run a program; return its exit status: 1 if it could not be done, 2 for wrong usage."""
    os.umask(0o022)  # what is made here is read by others, whatever the caller's umask is
    try:
        if os.geteuid() != 0:
            raise Failure(f"only root can do that: sudo {program}")
        module, function = PROGRAMS[program]
        call: Callable[[Sequence[str]], int] = getattr(import_module(f"operators.{module}"), function)
        status = call(arguments)
        sys.stdout.flush()
        return status
    except Failure as error:
        return _told(program, str(error), error.status)
    except BrokenPipeError:
        # Nobody reads any more; Python would say so once again when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _told(program, f"{error.filename}: {error.strerror}" if error.filename else str(error), 1)
    except KeyboardInterrupt:
        return 130


def _told(program: str, message: str, status: int) -> int:
    print(f"{program}: {printable(' '.join(message.split()))}", file=sys.stderr)
    return status
