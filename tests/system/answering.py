"""A Ruby in a Debian 13 that has loaded what it needs once, and answers lines of JSON, for all tests of a module."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fleet_cli.roots import rootfs


@contextmanager
def ruby(script: Path, binds: Mapping[Path, str], directory: Path) -> Iterator[Callable[[Any], Any]]:
    """Run a script that answers each line of JSON by one.

    Args:
        script: the Ruby script.
        binds: what is mounted beside it, and where.
        directory: where its errors are kept; they are printed at the end.
    """
    log = directory / "log"
    binds = {**binds, script: f"/{script.name}"}
    with (
        log.open("w") as stderr,
        rootfs.started("toolbox", ["ruby", f"/{script.name}"], stderr=stderr, binds=binds) as child,
    ):

        def ask(question: Any) -> Any:
            assert child.stdin
            assert child.stdout
            child.stdin.write(json.dumps(question) + "\n")
            child.stdin.flush()
            return json.loads(child.stdout.readline())

        yield ask
    sys.stderr.write(log.read_text(encoding="utf-8"))
