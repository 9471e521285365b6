"""fleet-traffic counts what clients of services got, and waits for none that hangs."""

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from operators import balancing, traffic
from operators_machine import Machine

RELEASE = "1.0.0-1.3faf7872"
PAGE = """\
# HELP flask_http_request_duration_seconds Flask HTTP request duration in seconds
# TYPE flask_http_request_duration_seconds histogram
flask_http_request_duration_seconds_bucket{le="0.1",method="GET",release="1",status="200",url_rule="/a/<int:n>"} 90.0
flask_http_request_duration_seconds_bucket{le="0.25",method="GET",release="1",status="200",url_rule="/a/<int:n>"} 99.0
flask_http_request_duration_seconds_bucket{le="+Inf",method="GET",release="1",status="200",url_rule="/a/<int:n>"} 100.0
flask_http_request_duration_seconds_count{method="GET",release="1",status="200",url_rule="/a/<int:n>"} 100.0
flask_http_request_duration_seconds_sum{method="GET",release="1",status="200",url_rule="/a/<int:n>"} 5.5
flask_http_request_duration_seconds_bucket{le="0.1",method="POST",release="1",status="503",url_rule="/a"} 0.0
flask_http_request_duration_seconds_bucket{le="0.25",method="POST",release="1",status="503",url_rule="/a"} 7.0
flask_http_request_duration_seconds_count{method="POST",release="1",status="503",url_rule="/a"} 7.0
flask_http_request_duration_seconds_sum{method="POST",release="1",status="503",url_rule="/a"} 1.4e+00
flask_http_request_duration_seconds_count{method="GET",release="1",status="200",url_rule="/health/ready"} 1000.0
flask_http_request_duration_seconds_count{method="GET",release="1",status="200",url_rule="/own/check"} 1000.0
flask_http_request_duration_seconds_count{method="GET",release="1",status="200",url_rule="/metrics"} 1000.0
flask_http_request_total{method="GET",release="1",status="200"} 100.0
"""
METRICS = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\r\n"
DIED = b"HTTP/1.1 200 OK\r\nx-workers-died: 2\r\n"
UP_SECONDS = 600.0
AGE = pytest.approx(UP_SECONDS, abs=60)
COUNTED = {"requests": 107, "failed": 7, "seconds": 6.9, "slower": {"0.1": 17, "0.25": 1}}


@contextmanager
def listening(path: Path, answer: Callable[[socket.socket], None]) -> Iterator[None]:
    """Something at a unix socket that answers each connection."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection, suppress(BrokenPipeError):
                    connection.recv(65536)
                    answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def declared(operators: Machine) -> Iterator[Callable[[str, Callable[[socket.socket], None] | None], None]]:
    """A way to declare a service that serves, with what listens at its socket."""
    operators.write("fleet-operators.ini", "[machine]\ncertname = app1.example.org\n")
    operators.put("systemctl", "echo 0")
    with ExitStack() as stack:

        def declare(name: str, answer: Callable[[socket.socket], None] | None) -> None:
            operators.write(f"units/{name}@.service", "[X-Flask-Microservice]\nVersion=1.1.0-1\nKeep=3\n")
            operators.write(f"units/{name}.service", f"[Unit]\nA=b\n\n[X-Flask-Microservice]\nRelease={RELEASE}\n")
            unit = "[Service]\nVersion=x\n[X-Flask-Microservice]\nVersion=1.0.0-1\nHealthPath=/own/check\n"
            operators.write(f"releases/{name}/{RELEASE}/unit", unit)
            operators.write(f"units/{name}@{RELEASE}.service", unit)
            begun = time.time() - UP_SECONDS
            os.utime(operators.root / f"units/{name}@{RELEASE}.service", (begun, begun))
            if answer:
                stack.enter_context(listening(operators.root / f"run/{name}/3faf7872.sock", answer))

        yield declare


def told(operators: Machine, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert operators.run("fleet-traffic") == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


Declare = Callable[[str, Callable[[socket.socket], None] | None], None]


def test_what_clients_got_is_counted_and_what_the_balancer_asks_is_not(
    operators: Machine, declared: Declare, capsys: pytest.CaptureFixture[str]
) -> None:
    declared("orders", lambda connection: connection.sendall(METRICS + PAGE.encode()))
    assert told(operators, capsys) == {
        "machine": "app1.example.org",
        "services": {"orders": {"release": RELEASE, "version": "1.0.0-1", **COUNTED, "died": 0, "up_seconds": AGE}},
        "balanced": {},
        "missing": {},
    }


def test_workers_that_died_and_restarts_are_counted_together(
    operators: Machine, declared: Declare, capsys: pytest.CaptureFixture[str]
) -> None:
    declared("orders", lambda connection: connection.sendall(DIED + METRICS.partition(b"\r\n")[2] + PAGE.encode()))
    operators.put("systemctl", "echo 3")
    assert told(operators, capsys)["services"]["orders"]["died"] == 5
    assert operators.given("systemctl") == [
        "show",
        "--property=NRestarts",
        "--value",
        "--",
        f"orders@{RELEASE}.service",
    ]


def test_a_service_that_hangs_is_missing_with_its_reason_and_holds_up_no_other(
    operators: Machine,
    declared: Declare,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(traffic, "ASKED_SECONDS", 0.5)
    ended = threading.Event()

    def drips(connection: socket.socket) -> None:
        connection.sendall(METRICS)
        while not ended.wait(0.1):
            connection.sendall(b"#\n")

    def hangs(_: socket.socket) -> None:
        ended.wait(10)

    for name in ("hangs", "hangs-too"):
        declared(name, hangs)
    declared("drips", drips)
    declared("gone", None)
    declared("fails", lambda connection: connection.sendall(b"HTTP/1.1 500 no\r\n\r\n"))
    declared("babbles", lambda connection: connection.sendall(b"hello"))
    declared("orders", lambda connection: connection.sendall(METRICS + PAGE.encode()))
    begun = time.monotonic()
    found = told(operators, capsys)
    took = time.monotonic() - begun
    ended.set()
    assert list(found["services"]) == ["orders"]
    assert found["missing"] == {
        "hangs": "no answer within 0.5 s",
        "hangs-too": "no answer within 0.5 s",
        "drips": "no answer within 0.5 s",
        "gone": "No such file or directory",
        "fails": "GET /metrics is answered 500",
        "babbles": "it does not answer in HTTP",
    }
    assert took < 2, "services are asked one after the other"


def test_of_an_application_without_such_metrics_it_is_told_how_many_of_its_workers_died(
    operators: Machine, declared: Declare, capsys: pytest.CaptureFixture[str]
) -> None:
    declared("without", lambda connection: connection.sendall(b"HTTP/1.1 404 no\r\nX-Workers-Died: 7\r\n\r\n"))
    declared("page", lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>"))
    declared("others", lambda connection: connection.sendall(METRICS + b"go_threads 7\n"))
    operators.write("units/new@.service", "[X-Flask-Microservice]\nVersion=1.1.0-1\n")
    found = told(operators, capsys)
    release = {"release": RELEASE, "version": "1.0.0-1", "up_seconds": AGE}
    assert found["services"] == {
        "without": {**release, "died": 7}, "page": {**release, "died": 0}, "others": {**release, "died": 0},
    }  # fmt: skip
    assert found["missing"] == {}


def test_a_new_release_has_answered_nothing_yet() -> None:
    assert traffic.count('flask_exporter_info{version="0.23.2"} 1.0\n') == {
        "requests": 0, "failed": 0, "seconds": 0.0, "slower": {},
    }  # fmt: skip


def test_a_balancer_that_hangs_is_missing(
    operators: Machine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    operators.write("fleet-operators.ini", "[machine]\ncertname = lb.example.org\n")
    monkeypatch.setattr(traffic, "ASKED_SECONDS", 0.3)
    with listening(operators.root / "haproxy.sock", lambda _: time.sleep(1)):
        assert told(operators, capsys)["missing"] == {"haproxy": "no answer within 0.3 s"}


def test_both_backends_of_a_service_are_one() -> None:
    text = (
        "# pxname,svname,stot,scur,req_tot,hrsp_5xx,econ,eresp,wretr,wredis,srv_abrt,rtime,status,\n"
        "uploads:clients,BACKEND,0,0,0,0,0,0,0,0,0,0,UP,\n"
        "orders,app1.example.org,100,0,100,3,0,0,0,0,1,40,UP,\n"
        "orders,app2.example.org,0,0,0,0,0,0,0,0,0,,DOWN 1/2,\n"
        "orders,BACKEND,100,0,100,3,0,0,0,0,1,40,UP,\n"
        "orders:uploads,app1.example.org,300,0,300,1,0,0,0,0,0,80,UP,\n"
        "orders:uploads,BACKEND,300,0,300,1,0,0,0,0,0,80,UP,\n"
    )
    assert balancing.read(text) == {
        "orders": {
            "app1.example.org": {"requests": 400, "failed": 5, "mean_ms": 70, "up": True},
            "app2.example.org": {"requests": 0, "failed": 0, "mean_ms": 0, "up": False},
        }
    }
