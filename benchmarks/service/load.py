"""load.py: what is measured inside a throw-away Debian 13. Reads its parameters from standard input, prints JSON.

/service is a rendered service named bench, /bench the folder of this file. Standard library only.
"""

import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

PYTHON = "/venv/bin/python"
DATABASE = "/data/bench.db"
ITEMS = 200
APPLICATIONS = {"service": ("bench.application", "create_app"), "plain": ("plain", "create_app")}
PATHS = {"list": "/api/v1/items", "detail": "/api/v1/items/1"}
UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}
ENVIRONMENT = {
    **os.environ,
    "BENCH_CONFIG": "/data/site.ini",
    "PLAIN_DATABASE": f"sqlite:///{DATABASE}",
    "PYTHONPATH": "/bench",
}


def call(*command: str) -> str:
    """Run a command to its end; its output goes to standard error if it fails."""
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def install() -> None:
    """Install the service as its package does, and give both applications one database."""
    call("apt-get", "-q", "-y", "--no-install-recommends", "install", "wrk")
    call("/usr/bin/python3", "-m", "venv", "/venv")
    pip = (PYTHON, "-m", "pip", "install", "--quiet", "--no-deps")
    call(*pip, "--require-hashes", "--only-binary=:all:", "-r", "/service/requirements.txt")
    call("/usr/bin/python3", "-m", "pip", "wheel", "--quiet", "--use-pep517", "--no-deps", "--no-index",
         "--no-build-isolation", "--wheel-dir", "/wheel", "/service")  # fmt: skip
    call(*pip, "--no-index", *map(str, Path("/wheel").glob("*.whl")))
    Path("/data").mkdir()
    Path("/data/site.ini").write_text(
        f"[app]\nsecret_key = of-this-benchmark\n[log]\nfile = /data/bench.log\n[database]\nurl = sqlite:///{DATABASE}\n"
    )
    call("/venv/bin/bench", "db", "upgrade")
    with sqlite3.connect(DATABASE) as database:
        (category,) = database.execute("SELECT min(id) FROM categories").fetchone()
        (present,) = database.execute("SELECT count(*) FROM items").fetchone()
        rows = [(f"item {number}", "goods", category) for number in range(ITEMS - present)]
        database.executemany("INSERT INTO items (name, kind, category_id) VALUES (?, ?, ?)", rows)


def cpus() -> tuple[list[str], list[str]]:
    """Commands that keep the servers on one CPU and the load on another; none where there is only one."""
    available = sorted(os.sched_getaffinity(0))
    if len(available) == 1:
        return [], []
    return ["taskset", "--cpu-list", str(available[0])], ["taskset", "--cpu-list", str(available[1])]


def start(name: str, workers: int, threads: int) -> tuple[subprocess.Popen[bytes], int]:
    """Start an application under gunicorn on the loopback, as the module's unit does; return it and its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    module, factory = APPLICATIONS[name]
    server = subprocess.Popen(
        [*cpus()[0], "/venv/bin/gunicorn", "--preload", "--workers", str(workers), "--threads", str(threads),
         "--no-control-socket", "--log-level", "warning", "--bind", f"127.0.0.1:{port}", f"{module}:{factory}()"],
        env=ENVIRONMENT, cwd="/", stdout=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while True:
        try:
            fetch(port, PATHS["detail"])
        except OSError:
            if time.monotonic() > deadline or server.poll() is not None:
                sys.exit(f"{name}: does not answer")
            time.sleep(0.05)
        else:
            return server, port


def fetch(port: int, path: str) -> dict[str, Any]:
    """The body of an answer."""
    with urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        body: dict[str, Any] = json.load(answer)
        return body


def compare(ports: dict[str, int]) -> None:
    """Make sure that both do the same work: their answers have the same data."""
    for path in PATHS.values():
        service, plain = (fetch(ports[name], path) for name in ("service", "plain"))
        for key, value in plain.items():
            if service[key] != value:
                sys.exit(f"{path}: {key} differs: {service[key]!r} and {value!r}")


def load(port: int, path: str, seconds: int, connections: int) -> dict[str, float]:
    """Requests a second, and milliseconds within which 99 % were answered."""
    url = f"http://127.0.0.1:{port}{path}"
    said = call(*cpus()[1], "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", url)
    if "Non-2xx" in said or "Socket errors" in said:
        sys.exit(f"{url}: requests failed\n{said}")
    rate = re.search(r"Requests/sec:\s+([0-9.]+)", said)
    slow = re.search(r"99%\s+([0-9.]+)(us|ms|s)", said)
    if not rate or not slow:
        sys.exit(f"{url}: wrk says neither rate nor latency\n{said}")
    return {"rate": float(rate[1]), "p99": float(slow[1]) * UNITS[slow[2]]}


def memory(server: subprocess.Popen[bytes]) -> dict[str, float]:
    """MiB of each worker, on average: resident, and its share where pages are shared (proportional set size)."""
    workers = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    sums = {"Rss": 0.0, "Pss": 0.0}
    for worker in workers:
        for line in Path(f"/proc/{worker}/smaps_rollup").read_text().splitlines():
            key, _, rest = line.partition(":")
            if key in sums:
                sums[key] += int(rest.split()[0]) / 1024
    return {key.lower(): total / len(workers) for key, total in sums.items()}


def start_time(name: str) -> float:
    """Seconds to import the application and make it, in a fresh interpreter."""
    module, factory = APPLICATIONS[name]
    code = (
        f"import time; t = time.perf_counter(); import {module}; {module}.{factory}(); print(time.perf_counter() - t)"
    )
    return float(call(*cpus()[0], PYTHON, "-c", code))


def main(rounds: int, seconds: int, connections: int) -> dict[str, Any]:
    """Measure all; both applications take turns, so that what else the machine does meets both."""
    install()
    loads: dict[str, dict[str, list[dict[str, float]]]] = {path: {name: [] for name in APPLICATIONS} for path in PATHS}
    servers = {name: start(name, workers=1, threads=8) for name in APPLICATIONS}
    compare({name: port for name, (_, port) in servers.items()})
    for number in range(rounds + 1):
        for path, url in PATHS.items():
            for name in sorted(APPLICATIONS, reverse=bool(number % 2)):
                measured = load(servers[name][1], url, seconds if number else 1, connections)
                if number:  # the first round warms up
                    loads[path][name].append(measured)
    for server, _ in servers.values():
        server.terminate()
        server.wait()
    starts: dict[str, list[float]] = {name: [] for name in APPLICATIONS}
    for _ in range(rounds):
        for name in APPLICATIONS:
            starts[name].append(start_time(name))
    memories = {}
    for name in APPLICATIONS:
        server, port = start(name, workers=2, threads=8)
        for url in PATHS.values():
            load(port, url, 2, connections)
        memories[name] = memory(server)
        server.terminate()
        server.wait()
    return {"loads": loads, "starts": starts, "memory": memories}


if __name__ == "__main__":
    json.dump(main(**json.load(sys.stdin)), sys.stdout)
