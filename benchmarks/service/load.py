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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

PYTHON = "/venv/bin/python"
SQLITE = "sqlite:////data/bench.db"
POSTGRESQL = "postgresql+psycopg://postgres@/bench?host=/run/postgresql"
DATA = "/var/lib/postgresql/bench"
ITEMS = 200
MODULES = {"service": "bench.application", "plain": "plain", "fastapi": "fast"}
COMPARED = ("service", "plain")
PATHS = {"list": "/api/v1/items", "detail": "/api/v1/items/1"}
XML = ["-H", "Accept: application/xml"]
NEW = {"name": "lamp", "kind": "goods", "category": "general"}
POST = f"""
wrk.method = "POST"
wrk.body = '{json.dumps(NEW)}'
wrk.headers["Content-Type"] = "application/json"
"""
UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}
# Databases, workers and connections at once of the second table.
MATRIX = [(url, workers, connections) for url in (SQLITE, POSTGRESQL) for workers in (1, 2) for connections in (8, 64)]


def environment(url: str = SQLITE) -> dict[str, str]:
    """The variables by which each application finds the database at URL."""
    site = f"/data/site-{url.partition(':')[0]}.ini"
    return {**os.environ, "BENCH_CONFIG": site, "PLAIN_DATABASE": url, "PYTHONPATH": "/bench"}


def call(*command: str, url: str = SQLITE) -> str:
    """Run a command to its end; its output goes to standard error if it fails."""
    done = subprocess.run(command, env=environment(url), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def install() -> None:
    """Install the service as its package does, and FastAPI beside it; give all applications the same databases."""
    call("apt-get", "-q", "-y", "--no-install-recommends", "install", "wrk", "postgresql")
    call("/usr/bin/python3", "-m", "venv", "/venv")
    pip = (PYTHON, "-m", "pip", "install", "--quiet", "--no-deps")
    call(*pip, "--require-hashes", "--only-binary=:all:", "-r", "/service/requirements.txt")
    call(*pip, "--require-hashes", "--only-binary=:all:", "-r", "/bench/fastapi.txt")
    call("/usr/bin/python3", "-m", "pip", "wheel", "--quiet", "--use-pep517", "--no-deps", "--no-index",
         "--no-build-isolation", "--wheel-dir", "/wheel", "/service")  # fmt: skip
    call(*pip, "--no-index", *map(str, Path("/wheel").glob("*.whl")))
    Path("/data").mkdir()
    Path("/data/post.lua").write_text(POST)
    start_postgresql()
    for url in (SQLITE, POSTGRESQL):
        Path(environment(url)["BENCH_CONFIG"]).write_text(
            f"[app]\nsecret_key = of-this-benchmark\n[log]\nfile = /data/bench.log\n[database]\nurl = {url}\n"
        )
        call("/venv/bin/bench", "db", "upgrade", url=url)
    with sqlite3.connect("/data/bench.db") as database:
        (category,) = database.execute("SELECT min(id) FROM categories").fetchone()
        (present,) = database.execute("SELECT count(*) FROM items").fetchone()
        rows = [(f"item {number}", "goods", category) for number in range(ITEMS - present)]
        database.executemany("INSERT INTO items (name, kind, category_id) VALUES (?, ?, ?)", rows)
    call("psql", "--username=postgres", "--dbname=bench", "--set", f"items={ITEMS}", "--file", "/bench/fill.sql")


def start_postgresql() -> None:
    """A server with Debian's settings, but that it trusts who comes through its socket."""
    (programs,) = Path("/usr/lib/postgresql").glob("*/bin")
    Path("/").chmod(0o755)  # A throw-away root is its maker's alone.
    as_postgres = ("runuser", "-u", "postgres", "--")
    call(*as_postgres, f"{programs}/initdb", "-D", DATA, "--auth=trust", "--encoding=UTF8", "--no-sync")
    Path("/run/postgresql").mkdir(exist_ok=True)
    call("chown", "postgres", "/run/postgresql")
    options = "-c listen_addresses='' -k /run/postgresql -c max_connections=200"
    call(*as_postgres, f"{programs}/pg_ctl", "-D", DATA, "-w", "-l", f"{DATA}.log", "-o", options, "start")
    call("createdb", "--username=postgres", "bench")


def cpus(workers: int) -> tuple[list[str], list[str]]:
    """Commands that keep a server of one worker on one CPU and the load on another; none where that can not be."""
    available = sorted(os.sched_getaffinity(0))
    if len(available) == 1 or workers > 1:
        return [], []
    return ["taskset", "--cpu-list", str(available[0])], ["taskset", "--cpu-list", str(available[1])]


@contextmanager
def started(name: str, url: str = SQLITE, workers: int = 1) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """An application on the loopback until the block is left, as the module's unit starts it; its server and port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    if name == "fastapi":
        command = ["/venv/bin/uvicorn", "--factory", f"{MODULES[name]}:create_app", "--host", "127.0.0.1", "--port",
                   str(port), "--workers", str(workers), "--no-access-log", "--log-level", "warning"]  # fmt: skip
    else:
        command = ["/venv/bin/gunicorn", "--preload", "--workers", str(workers), "--threads", "8",
                   "--no-control-socket", "--log-level", "warning", "--bind", f"127.0.0.1:{port}",
                   f"{MODULES[name]}:create_app()"]  # fmt: skip
    server = subprocess.Popen([*cpus(workers)[0], *command], env=environment(url), cwd="/", stdout=subprocess.DEVNULL)
    try:
        wait_until_up(name, server, port)
        yield server, port
    finally:
        server.terminate()
        server.wait()


def wait_until_up(name: str, server: subprocess.Popen[bytes], port: int) -> None:
    """Wait until an application answers."""
    deadline = time.monotonic() + 60
    while True:
        try:
            fetch(port, PATHS["detail"])
        except OSError:
            if time.monotonic() > deadline or server.poll() is not None:
                sys.exit(f"{name}: does not answer")
            time.sleep(0.05)
        else:
            return


def fetch(port: int, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
    """The body of an answer."""
    sent = json.dumps(body).encode() if body else None
    asked = Request(f"http://127.0.0.1:{port}{path}", sent, {"Content-Type": "application/json"})
    with urlopen(asked, timeout=5) as answer:  # noqa: S310 - http
        answered: dict[str, Any] = json.load(answer)
        return answered


def compare(ports: dict[str, int]) -> None:
    """Make sure that all do the same work: their answers have the same data."""
    for path in PATHS.values():
        service, *others = (fetch(ports[name], path) for name in MODULES)
        for other in others:
            for key, value in other.items():
                if service[key] != value:
                    sys.exit(f"{path}: {key} differs: {service[key]!r} and {value!r}")
    added = [fetch(port, PATHS["list"], NEW) for port in ports.values()]
    if any(one | {"id": 0} != NEW | {"id": 0} for one in added):
        sys.exit(f"an item is not answered as it was sent: {added}")


def load(port: int, path: str, seconds: float, connections: int, *options: str, workers: int = 1) -> dict[str, float]:
    """Requests a second, and milliseconds within which 99 % were answered."""
    url = f"http://127.0.0.1:{port}{path}"
    said = call(*cpus(workers)[1], "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", *options, url)
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
    module = MODULES[name]
    code = (
        f"import time; t = time.perf_counter(); import {module}; {module}.create_app(); print(time.perf_counter() - t)"
    )
    return float(call(*cpus(1)[0], PYTHON, "-c", code))


def measure_requests(rounds: int, seconds: float, connections: int) -> dict[str, dict[str, list[dict[str, float]]]]:
    """What each application answers, request by request; they take turns, so that what else goes on meets all."""
    kinds = {
        "list": (PATHS["list"], tuple(MODULES), []),
        "detail": (PATHS["detail"], tuple(MODULES), []),
        "list in XML": (PATHS["list"], ("service",), XML),
        "POST": (PATHS["list"], tuple(MODULES), ["-s", "/data/post.lua"]),
    }
    with started("service") as (_, service), started("plain") as (_, plain), started("fastapi") as (_, fastapi):
        ports = {"service": service, "plain": plain, "fastapi": fastapi}
        compare(ports)
        found: dict[str, dict[str, list[dict[str, float]]]] = {}
        # One kind after the other: what is added by the last would be counted by the others.
        for kind, (path, names, options) in kinds.items():
            found[kind] = {name: [] for name in names}
            for number in range(rounds + 1):
                for name in names[::-1] if number % 2 else names:
                    measured = load(ports[name], path, seconds if number else 1, connections, *options)
                    if number:  # the first round warms up
                        found[kind][name].append(measured)
    return found


def measure_matrix(rounds: int, seconds: float) -> list[dict[str, Any]]:
    """The same for either database, one and two workers, few and many connections."""
    rows = []
    for url, workers, connections in MATRIX:
        with started("service", url, workers) as (_, service), started("plain", url, workers) as (_, plain):
            ports = {"service": service, "plain": plain}
            for kind, path in PATHS.items():
                found: dict[str, list[dict[str, float]]] = {name: [] for name in COMPARED}
                for number in range(rounds + 1):
                    for name in COMPARED[::-1] if number % 2 else COMPARED:
                        measured = load(ports[name], path, seconds if number else 1, connections, workers=workers)
                        if number:
                            found[name].append(measured)
                row = {"database": url.partition(":")[0].partition("+")[0], "workers": workers}
                rows.append({**row, "connections": connections, "kind": kind, **found})
    return rows


def main(rounds: int, seconds: float, connections: int, matrix: int) -> dict[str, Any]:
    """Measure all."""
    install()
    # measure_requests comes last, as it adds items: SQLite keeps up to 2 MB for each connection that counts them.
    rows = measure_matrix(matrix, seconds) if matrix else []
    starts: dict[str, list[float]] = {name: [] for name in COMPARED}
    for _ in range(rounds):
        for name in COMPARED:
            starts[name].append(start_time(name))
    memories = {}
    for name in COMPARED:
        with started(name, workers=2) as (server, port):
            for path in PATHS.values():
                load(port, path, 2, connections, workers=2)
            if name == "service":  # as whoever looks after it does all the time
                for _ in range(50):
                    fetch(port, "/health/ready")
            memories[name] = memory(server)
    loads = measure_requests(rounds, seconds, connections)
    return {"loads": loads, "starts": starts, "memory": memories, "matrix": rows}


if __name__ == "__main__":
    json.dump(main(**json.load(sys.stdin)), sys.stdout)
