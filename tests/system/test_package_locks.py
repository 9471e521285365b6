"""Somebody's `apt-get update` on a node fails no run, unless it does not end; then the run says who holds what."""

import json
from pathlib import Path
from typing import Any

from fleet_cli.roots import rootfs

REPO = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("package_locks.rb")


def fetched(held: float, patience: int) -> dict[str, Any]:
    """What comes of fetching an index while the lock of apt's lists is held for some seconds."""
    binds = {REPO / "modules/flask_microservice": "/module", SCRIPT: "/package_locks.rb"}
    printed = rootfs.run("toolbox", ["ruby", "/package_locks.rb", str(held), str(patience)], binds=binds).stdout
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return found


def test_a_run_waits_for_whoever_fetches_an_index() -> None:
    assert fetched(2.0, 60)["told"] == "fetched"


def test_a_lock_that_is_not_let_go_of_is_told_with_its_holder() -> None:
    found = fetched(60.0, 2)
    assert f"process {found['holder']} (python3) has held /var/lib/apt/lists/lock for 2 seconds" in found["told"]
