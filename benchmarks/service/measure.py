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
# What dh-virtualenv's own documentation has a package begin with; the two options are needed on Debian 13.
PLAIN_RULES = """\
#!/usr/bin/make -f
%:
\tdh $@ --with python-virtualenv --buildsystem=none

override_dh_virtualenv:
\tdh_virtualenv --builtin-venv --python /usr/bin/python3
"""


def measure_load(service: Path, rounds: int, seconds: int, connections: int) -> dict[str, Any]:
    """Run load.py on the service in a Debian 13 that is thrown away."""
    parameters = {"rounds": rounds, "seconds": seconds, "connections": connections}
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
        packages = building.build(source, scratch / "built" / name)
        package = next(one for one in packages if one.name == service.name)  # the other has debug symbols
        results[name] = (time.monotonic() - began, package.size)
    return results


def spread(values: Iterable[float], digits: int) -> str:
    """The median, and the least and the most."""
    numbers = sorted(values)
    return f"{statistics.median(numbers):,.{digits}f} ({numbers[0]:,.{digits}f}–{numbers[-1]:,.{digits}f})"


def ratio(service: Iterable[float], plain: Iterable[float]) -> str:
    """How the medians compare."""
    return f"{statistics.median(service) / statistics.median(plain):.2f}"


def show_load(measured: dict[str, Any]) -> None:
    """Print the figures as Markdown tables."""
    print("| | service | plain | service / plain |\n| --- | --- | --- | --- |")
    for path, loads in measured["loads"].items():
        for key, title, digits in (("rate", "requests/s", 0), ("p99", "p99, ms", 1)):
            service, plain = ([one[key] for one in loads[name]] for name in ("service", "plain"))
            row = (f"{path}: {title}", spread(service, digits), spread(plain, digits), ratio(service, plain))
            print("| " + " | ".join(row) + " |")
    service, plain = measured["starts"]["service"], measured["starts"]["plain"]
    print(f"| import and create, s | {spread(service, 2)} | {spread(plain, 2)} | {ratio(service, plain)} |")
    for key, title in (("rss", "resident"), ("pss", "proportional")):
        mine, its = measured["memory"]["service"][key], measured["memory"]["plain"][key]
        print(f"| memory a worker, {title}, MiB | {mine:.0f} | {its:.0f} | {mine / its:.2f} |")


def show_builds(builds: dict[str, tuple[float, int]]) -> None:
    """Print what the builds took."""
    for key, title, digits in ((0, "package build, s", 0), (1, "package, MB", 1)):
        mine, its = (builds[name][key] / (1e6 if key else 1) for name in ("service", "plain"))
        print(f"| {title} | {mine:.{digits}f} | {its:.{digits}f} | {mine / its:.2f} |")


def main() -> None:
    """Render, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="how often each is measured (7)")
    parser.add_argument("--seconds", type=int, default=5, help="how long, each time (5)")
    parser.add_argument("--connections", type=int, default=8, help="clients at once (8)")
    parser.add_argument("--no-builds", action="store_true", help="leave the package builds out")
    options = parser.parse_args()
    host.require_debian_root()
    with temporary.directory() as scratch, steps.heartbeat():
        service = templates.render("bench", scratch)
        with steps.step("requests, start and memory"):
            measured = measure_load(service, options.rounds, options.seconds, options.connections)
        model = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
        print(f"{os.cpu_count()} × {model.partition(':')[2].strip()}\n")
        show_load(measured)
        sys.stdout.flush()
        if not options.no_builds:
            show_builds(measure_builds(service, scratch))


if __name__ == "__main__":
    main()
