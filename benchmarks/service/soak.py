"""soak.py: a service under load for long, in a throw-away Debian 13. Reads {"seconds": ...}, prints samples as JSON.

/service is a rendered service named bench, /bench the folder of this file; load.py installs and starts it.
Two workers on PostgreSQL answer 8 connections: pages and items in JSON and XML, replacements, and what is refused.
"""

import importlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

load: Any = importlib.import_module("load")

MIX = f"""
local item, page = "/api/v1/items/1", "/api/v1/items"
local json, xml = {{["Content-Type"] = "application/json"}}, {{["Accept"] = "application/xml"}}
local lamp = '{json.dumps(load.NEW)}'
local mix = {{
  {{"GET", page}}, {{"GET", item}}, {{"GET", page .. "?page=3&per_page=50", xml}}, {{"PUT", item, json, lamp}},
  {{"GET", page .. "?page=x"}}, {{"GET", "/api/v1/items/99999"}}, {{"PUT", item, json, "{{"}},
}}
local number = 0
function request()
  number = number % #mix + 1
  return wrk.format(unpack(mix[number]))
end
"""
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'bench'"


def sample(server: subprocess.Popen[bytes], port: int) -> dict[str, Any]:
    """What the service holds now: MiB of each worker, open files and threads of all processes, connections, files."""
    ready = load.fetch(port, "/health/ready")["status"]
    workers = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    processes = [str(server.pid), *workers]
    counted = load.call("psql", "--username=postgres", "--dbname=bench", "-At", "--command", CONNECTIONS)
    return {
        "ready": ready,
        "workers": workers,
        "memory": load.memory(server)["rss"],
        "open_files": sum(len(list(Path(f"/proc/{process}/fd").iterdir())) for process in processes),
        "threads": sum(len(list(Path(f"/proc/{process}/task").iterdir())) for process in processes),
        "connections": int(counted),
        "metrics_files": len(list(Path(tempfile.gettempdir()).glob("bench-metrics-*/*"))),
    }


def main(seconds: int) -> list[dict[str, Any]]:
    """Twenty samples while the load goes on, the first when a tenth of the time is over, and one when it has ended."""
    load.install()
    Path("/data/mix.lua").write_text(MIX)
    with load.started("service", load.POSTGRESQL, workers=2) as (server, port):
        url = f"http://127.0.0.1:{port}"
        command = ["wrk", "-t1", "-c8", f"-d{seconds}s", "-s", "/data/mix.lua", url]
        began, samples = time.monotonic(), []
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as wrk:
            for number in range(2, 22):
                time.sleep(max(0.0, began + seconds * number / 22 - time.monotonic()))
                samples.append(sample(server, port))
            said, _ = wrk.communicate()
        print(said, file=sys.stderr)
        samples.append(sample(server, port))
    return samples


if __name__ == "__main__":
    json.dump(main(**json.load(sys.stdin)), sys.stdout)
