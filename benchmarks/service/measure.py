"""measure.py: a rendered service against plain Flask and SQLAlchemy, side by side. README.md says how to run it."""

import argparse
import json
import os
import shutil
import statistics
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fleet_cli.machine import host, steps, temporary
from fleet_cli.roots import rootfs
from fleet_cli.services import building, templates

HERE = Path(__file__).resolve().parent
# The least and the most that the service may be of plain.
BARS = {
    "list: requests/s": (0.85, float("inf")),
    "detail: requests/s": (0.85, float("inf")),
    "list: p99, ms": (0.0, 1.2),
    "detail: p99, ms": (0.0, 1.2),
    "import and create, s": (0.0, 1.4),
    "memory a worker, resident, MiB": (0.0, 1.2),
    "memory a worker, proportional, MiB": (0.0, 1.2),
}
# What dh-virtualenv's own documentation has a package begin with; the two options are needed on Debian 13.
PLAIN_RULES = """\
#!/usr/bin/make -f
%:
\tdh $@ --with python-virtualenv --buildsystem=none

override_dh_virtualenv:
\tdh_virtualenv --builtin-venv --python /usr/bin/python3
"""


def measure_load(service: Path, **parameters: int) -> dict[str, Any]:
    """Run load.py on the service in a Debian 13 that is thrown away."""
    result = rootfs.run(
        "build",
        ["/usr/bin/python3", "/bench/load.py"],
        binds={service: "/service", HERE: "/bench"},
        stdin=json.dumps(parameters),
        env={
            **host.pip_environment(),
            "PIP_CERT": "/etc/ssl/certs/ca-certificates.crt",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
    )
    measured: dict[str, Any] = json.loads(result.stdout)
    return measured


def measure_builds(service: Path, scratch: Path) -> dict[str, tuple[float, int]]:
    """Seconds and bytes of the service's package, and of one by plain dh-virtualenv."""
    plain = scratch / "plain" / service.name
    shutil.copytree(service, plain)
    (plain / "debian/rules").write_text(PLAIN_RULES, encoding="utf-8")
    results = {}
    for name, source in (("service", service), ("plain", plain)):
        began = time.monotonic()
        packages = building.build(source, scratch / "built" / name, again=True)
        package = next(one for one in packages if one.name == service.name)  # the other has debug symbols
        results[name] = (time.monotonic() - began, package.size)
    return results


def spread(values: Iterable[float], digits: int) -> str:
    """The median, and the least and the most."""
    numbers = sorted(values)
    return f"{statistics.median(numbers):,.{digits}f} ({numbers[0]:,.{digits}f}–{numbers[-1]:,.{digits}f})"


def row(*cells: str) -> None:
    """Print a line of a table."""
    print("| " + " | ".join(cells) + " |")


def ratio(service: Iterable[float], plain: Iterable[float]) -> float:
    """How they compare: the median over the rounds, each of which met the same machine."""
    return statistics.median(mine / its for mine, its in zip(service, plain, strict=True))


def judged(title: str, measured: float) -> str:
    """A ratio, and whether it keeps to its bar, if there is one."""
    if title not in BARS:
        return f"{measured:.2f}"
    least, most = BARS[title]
    kept = measured >= least and measured <= most
    return f"{measured:.2f}, {'within' if kept else 'NOT WITHIN'} {f'at least {least}' if least else f'at most {most}'}"


def show_load(measured: dict[str, Any]) -> None:
    """Print the figures as Markdown tables."""
    row("", "service", "plain", "service / plain", "FastAPI")
    row(*["---"] * 5)
    for kind, loads in measured["loads"].items():
        for key, unit, digits in (("rate", "requests/s", 0), ("p99", "p99, ms", 1)):
            title = f"{kind}: {unit}"
            values = {name: [one[key] for one in found] for name, found in loads.items()}
            shown = {name: spread(found, digits) for name, found in values.items()}
            against = judged(title, ratio(values["service"], values["plain"])) if "plain" in values else ""
            row(title, shown["service"], shown.get("plain", ""), against, shown.get("fastapi", ""))
    service, plain = measured["starts"]["service"], measured["starts"]["plain"]
    title = "import and create, s"
    row(title, spread(service, 2), spread(plain, 2), judged(title, ratio(service, plain)), "")
    for key, kind in (("rss", "resident"), ("pss", "proportional")):
        mine, its = measured["memory"]["service"][key], measured["memory"]["plain"][key]
        title = f"memory a worker, {kind}, MiB"
        row(title, f"{mine:.0f}", f"{its:.0f}", judged(title, mine / its), "")


def show_matrix(rows: list[dict[str, Any]]) -> None:
    """Print how the service compares on each database, with one and two workers, and few and many connections."""
    row(
        "database",
        "workers",
        "connections",
        "",
        "service: requests/s",
        "plain",
        "service / plain",
        "its p99",
    )
    row(*["---"] * 8)
    for each in rows:
        rates, slow = (
            {name: [one[key] for one in each[name]] for name in ("service", "plain")} for key in ("rate", "p99")
        )
        row(
            each["database"], str(each["workers"]), str(each["connections"]), each["kind"],
            spread(rates["service"], 0), spread(rates["plain"], 0),
            f"{ratio(**rates):.2f}", f"{ratio(**slow):.2f}",
        )  # fmt: skip


def show_builds(builds: dict[str, tuple[float, int]]) -> None:
    """Print what the builds took."""
    for key, title, digits in ((0, "package build, s", 0), (1, "package, MB", 1)):
        mine, its = (builds[name][key] / (1e6 if key else 1) for name in ("service", "plain"))
        row(title, f"{mine:.{digits}f}", f"{its:.{digits}f}", f"{mine / its:.2f}", "")


def main() -> None:
    """Render, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="how often each is measured (7)")
    parser.add_argument("--seconds", type=int, default=5, help="how long, each time (5)")
    parser.add_argument("--connections", type=int, default=8, help="clients at once (8)")
    parser.add_argument("--matrix", type=int, default=3, help="rounds of each row of the second table (3; 0 for none)")
    parser.add_argument("--no-builds", action="store_true", help="leave the package builds out")
    options = parser.parse_args()
    host.require_debian_root()
    with temporary.directory() as scratch, steps.heartbeat():
        service = templates.render("bench", scratch)
        with steps.step("requests, start and memory"):
            measured = measure_load(
                service,
                rounds=options.rounds,
                seconds=options.seconds,
                connections=options.connections,
                matrix=options.matrix,
            )
        model = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
        print(f"{os.cpu_count()} × {model.partition(':')[2].strip()}\n")
        show_load(measured)
        sys.stdout.flush()
        if not options.no_builds:
            show_builds(measure_builds(service, scratch))
        if measured["matrix"]:
            print()
            show_matrix(measured["matrix"])


if __name__ == "__main__":
    main()
