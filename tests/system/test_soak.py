"""A service that answers for long holds no more in the end than at the beginning: memory, files, connections."""

import json
import os
from pathlib import Path

import pytest
from fleet_cli.machine import host
from fleet_cli.roots import rootfs
from fleet_cli.services import templates

REPO = Path(__file__).resolve().parents[2]
# How long; a shorter trial finds only what leaks much.
SECONDS = int(os.environ.get("FLEET_SOAK_SECONDS", "1200"))
# MiB that a worker may grow by after its first tenth of the time: caches fill up, and the allocator keeps pieces.
GROWTH = 4.0
# One for each thread that answers: the pool closes those beyond its size, and opens them again.
CONNECTIONS = 2 * 8
# By how much what is counted may differ from one look to the next: those connections, the look itself, late threads.
SLACK = {"open_files": 16, "threads": 8, "metrics_files": 0}


@pytest.mark.drill
def test_soak(tmp_path: Path) -> None:
    service = templates.render("bench", tmp_path)
    result = rootfs.run(
        "build",
        ["/usr/bin/python3", "/bench/soak.py"],
        binds={service: "/service", REPO / "benchmarks/service": "/bench"},
        stdin=json.dumps({"seconds": SECONDS}),
        env={
            **host.pip_environment(),
            "PIP_CERT": "/etc/ssl/certs/ca-certificates.crt",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
    )
    samples = json.loads(result.stdout)
    for sample in samples:
        print({name: value for name, value in sample.items() if name != "workers"})
    first, last = samples[0], samples[-1]
    assert {sample["ready"] for sample in samples} == {"ready"}
    assert last["workers"] == first["workers"], "a worker died"
    assert last["memory"] - first["memory"] < GROWTH
    assert max(sample["connections"] for sample in samples) <= CONNECTIONS
    for held, slack in SLACK.items():
        assert max(sample[held] for sample in samples[1:]) <= first[held] + slack, held
