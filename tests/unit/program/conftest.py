"""Services that tests of the module's programs start."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gunicorn_service import Served
from waiting import wait_for


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    started: list[Served] = []

    def start(
        *,
        workers: int = 1,
        threads: int = 2,
        hang: int = 60,
        listener: socket.socket | None = None,
        files: int | None = None,
        seconds: int = 60,
        connections: int = 1000,
        connect: Callable[[], socket.socket] | None = None,
    ) -> Served:
        served = Served(
            tmp_path, workers=workers, threads=threads, hang=hang, listener=listener, files=files, seconds=seconds,
            connections=connections, connect=connect,
        )  # fmt: skip
        started.append(served)
        wait_for(served.answers, "gunicorn serves")
        return served

    yield start
    for served in started:
        served.let_go()
        served.process.terminate()
        served.process.wait(30)
