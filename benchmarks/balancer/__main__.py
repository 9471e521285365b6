"""Measure the balancer under overload and slow uploads. README.md says how."""

import argparse
import asyncio
import json
import resource
import sys
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from fleet_cli.machine import steps, temporary
from fleet_cli.machine.errors import FleetError

from benchmarks.balancer import fleet, load

REPO = Path(__file__).resolve().parents[2]
SLEEP, OTHER_SLEEP = 1.0, 0.02
THREADS = 16
"""Of a service on a node: two workers of eight, the defaults."""
CAPACITY = len(fleet.NODES) * THREADS / SLEEP
OTHER_RATE = 10.0
UPLOADERS = 200
SOURCES = [f"127.9.0.{number}" for number in range(1, 21)]


def main() -> None:
    """Run all, and write what was measured to dist/balancer."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.balancer", description=__doc__)
    parser.add_argument("--beside", action="append", default=[], metavar="COMMIT", help="measure this commit, too")
    parser.add_argument("--seconds", type=float, default=60, help="how long the overload lasts; all else a third of it")
    options = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 20_000)), hard))
    measured = {}
    try:
        with temporary.directory() as work:
            for commit in [*options.beside, ""]:
                with steps.step(f"catalogs of {commit or 'this tree'}"):
                    its = fleet.configured(commit, work)
                with fleet.running(its, work) as running:
                    measured[commit or "this tree"] = asyncio.run(_measure(running, options.seconds))
    except FleetError as error:
        raise SystemExit(f"benchmark: {error}") from None
    output = REPO / "dist/balancer"
    output.mkdir(parents=True, exist_ok=True)
    (output / "runs.json").write_text(json.dumps(measured, indent=1), encoding="utf-8")
    table = _table(measured)
    (output / "table.md").write_text(table, encoding="utf-8")
    sys.stdout.write(table)


async def _measure(running: fleet.Running, seconds: float) -> dict[str, dict[str, Any]]:
    third = seconds / 3
    found = {}
    phases: list[tuple[str, float, float, int | None]] = [
        ("what the nodes take", CAPACITY, third, None),
        ("ten times that", 10 * CAPACITY, seconds, None),
        ("half of it", CAPACITY / 2, third, None),
        (f"half of it, {UPLOADERS} slow uploaders", CAPACITY / 2, third, 0),
        (f"half of it, {UPLOADERS} that send 20 kB first", CAPACITY / 2, third, 20_000),
    ]
    for name, rate, lasts, at_once in phases:
        with steps.step(f"{name}: {rate:.0f} requests a second for {lasts:.0f} s"):
            found[name] = await _phase(running, rate, lasts, at_once)
        running.wait()
    return found


async def _phase(running: fleet.Running, rate: float, seconds: float, at_once: int | None) -> dict[str, Any]:
    running.down.clear()
    before, start = time.process_time(), time.monotonic()
    ports = fleet.SERVICES
    asked: list[Awaitable[Any]] = [
        load.steady(fleet.BALANCER, ports["slow"], f"/sleep/{SLEEP}", rate=rate, seconds=seconds),
        load.steady(fleet.BALANCER, ports["other"], f"/sleep/{OTHER_SLEEP}", rate=OTHER_RATE, seconds=seconds),
    ]
    if at_once is not None:
        asked.append(
            load.uploads(fleet.BALANCER, ports["slow"], SOURCES, count=UPLOADERS, at_once=at_once, seconds=seconds)
        )
    slow, other, *uploaded = await asyncio.gather(*asked)
    return {
        "goodput": slow.goodput,
        "good": slow.good,
        "statuses": dict(slow.statuses),
        "unexplained": slow.unexplained,
        "p50": slow.percentile(0.5),
        "p99": slow.percentile(0.99),
        "other good": other.good,
        "other p99": other.percentile(0.99),
        "down": sum(running.down.values()),
        "uploads": dict(uploaded[0]) if uploaded else {},
        "generator": (time.process_time() - before) / (time.monotonic() - start),
    }


def _table(measured: dict[str, dict[str, dict[str, Any]]]) -> str:
    lines = [
        "| | load | 200 a second | answered 200 | p50, p99, s | 503 without Retry-After | other service: 200, p99, ms |"
        " seconds of nodes down | generator's CPU |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for commit, phases in measured.items():
        for name, its in phases.items():
            cells = [
                commit, name, f"{its['goodput']:.1f}", f"{its['good']:.1%}", f"{its['p50']:.2f}, {its['p99']:.2f}",
                str(its["unexplained"]), f"{its['other good']:.1%}, {its['other p99'] * 1000:.0f}",
                f"{its['down']:.0f}", f"{its['generator']:.2f}",
            ]  # fmt: skip
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
