"""A service, and a monolith that asks it through a generated client: run by test_legacy_client.py in a Debian 13.

/service is the rendered service `orders`. Prints what both said, as JSON. Standard library only.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

GENERATOR = "openapi-python-client==0.29.1"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SERVICE, MONOLITH = 7801, 7802
ENVIRONMENT = {
    **os.environ,
    "ORDERS_CONFIG": "/data/site.ini",
    "ORDERS_URL": f"http://127.0.0.1:{SERVICE}",
    "MONOLITH_PORT": str(MONOLITH),
    "MONOLITH_LOG": "/data/monolith.log",
    "PATH": f"/monolith/bin:{os.environ['PATH']}",
}


def call(*command: str) -> None:
    """Run a command that must succeed."""
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}\n{done.stderr}")


def install() -> None:
    """The service as its package has it, and the monolith with what generates its client."""
    system = "/usr/bin/python3"
    # The pip of Debian does for both; and what is never imported needs no byte code.
    pip = (system, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python")
    for directory in ("/venv", "/monolith"):
        call(system, "-m", "venv", "--without-pip", directory)
    service = (*pip, "/venv/bin/python", "install", "--no-compile", "--no-deps")
    call(*service, "--require-hashes", "--only-binary=:all:", "-r", "/service/requirements.txt")
    call(system, "-m", "pip", "wheel", "--quiet", "--use-pep517", "--no-deps", "--no-index", "--no-build-isolation",
         "--wheel-dir", "/wheel", "/service")  # fmt: skip
    call(*service, "--no-index", *map(str, Path("/wheel").glob("*.whl")))
    Path("/data").mkdir()
    Path("/data/site.ini").write_text("[log]\nfile = /data/orders.log\n[database]\nurl = sqlite:////data/orders.db\n")
    call("/venv/bin/orders", "db", "upgrade")
    call(*pip, "/monolith/bin/python", "install", "--no-compile", "--only-binary=:all:", GENERATOR)
    shutil.copy("/service/docs/source/monolith.py", "/monolith/monolith.py")


def get(url: str, **headers: str) -> dict[str, Any]:
    """The body of an answer, whatever its status, which is added to it."""
    try:
        with urlopen(Request(url, headers=headers), timeout=10) as answer:
            return {**json.load(answer), "status": answer.status}
    except HTTPError as error:
        return {**json.load(error), "status": error.code}


def wait(url: str) -> None:
    """Wait until something answers."""
    deadline = time.monotonic() + 30
    while True:
        try:
            get(url)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def main() -> dict[str, Any]:
    """Ask the monolith while the service runs, while its table is missing, and while it is gone."""
    install()
    service = subprocess.Popen(
        ["/venv/bin/gunicorn", "--workers", "1", "--no-control-socket", "--log-level", "warning",
         "--bind", f"127.0.0.1:{SERVICE}", "orders.application:create_app()"], env=ENVIRONMENT,
    )  # fmt: skip
    wait(f"http://127.0.0.1:{SERVICE}/health/live")
    with urlopen(f"http://127.0.0.1:{SERVICE}/openapi.json", timeout=10) as answer:
        Path("/data/openapi.json").write_bytes(answer.read())
    call("openapi-python-client", "generate", "--path", "/data/openapi.json", "--meta", "none", "--output-path",
         "/monolith/orders_client")  # fmt: skip
    monolith = subprocess.Popen(["/monolith/bin/python", "/monolith/monolith.py"], env=ENVIRONMENT)
    page = f"http://127.0.0.1:{MONOLITH}/"
    wait(page)
    said = {"ok": get(page, traceparent=f"00-{TRACE}-00f067aa0ba902b7-01"), "new": get(page)}
    with sqlite3.connect("/data/orders.db") as database:
        database.execute("DROP TABLE items")
    said["failing"] = get(page)
    service.terminate()
    service.wait()
    said["gone"] = get(page)
    monolith.terminate()
    return {
        "said": said,
        "service": [json.loads(line) for line in Path("/data/orders.log").read_text().splitlines()],
        "monolith": Path("/data/monolith.log").read_text().splitlines(),
    }


if __name__ == "__main__":
    json.dump(main(), sys.stdout)
