"""The metrics count what all of gunicorn's workers did, those that have died too."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
import requests
from conftest import WORKERS
from flask.testing import FlaskClient

from {{ cookiecutter.__package }} import RELEASE


def _count(url: str) -> float:
    text = requests.get(f"{url}/metrics", timeout=10).text
    found = re.search(r'^flask_http_request_total\{[^}]*method="GET"[^}]*status="404"[^}]*\} (\S+)', text, re.MULTILINE)
    return float(found[1]) if found else 0.0


@pytest.mark.slow
def test_requests_are_counted_over_all_workers(server: tuple[str, subprocess.Popen[bytes]]) -> None:
    url, process = server
    for _ in range(60):
        assert requests.get(f"{url}/api/v1/items/99", timeout=10).status_code == 404
    assert {_count(url) for _ in range(10)} == {60.0}

    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(children) == WORKERS
    os.kill(int(children[0]), signal.SIGKILL)
    for _ in range(10):
        requests.get(f"{url}/api/v1/items/99", timeout=10, headers={"Connection": "close"})
    assert _count(url) >= 69  # The one that met the dying worker may be lost.


def test_requests_are_timed_by_rule_not_by_path(client: FlaskClient) -> None:
    for number in (1, 2, 99):
        client.get(f"/api/v1/items/{number}")
    text = client.get("/metrics").text
    rules = re.findall(r'flask_http_request_duration_seconds_count\{[^}]*url_rule="([^"]*)"', text)
    assert rules
    assert all("/items/1" not in rule for rule in rules)
    assert "/health" not in "".join(rules)


def test_methods_that_clients_make_up_are_counted_together(client: FlaskClient) -> None:
    def counted() -> dict[str, float]:
        pattern = r'^flask_http_request_total\{method="(\w+)",[^}]*status="405"[^}]*\} (\S+)'
        text = client.get("/metrics").text
        return {method: float(count) for method, count in re.findall(pattern, text, re.MULTILINE)}

    before = counted()
    for number in range(30):
        assert client.open("/api/v1/items", method=f"MADE{number}").status_code == 405
    client.delete("/api/v1/items")
    after = counted()
    added = {method: count - before.get(method, 0) for method, count in after.items()}
    assert added["other"] == 30
    assert added["DELETE"] == 1
    assert not [method for method in after if method.startswith("MADE")]


def test_metrics_have_the_names_that_dashboards_ask_for(client: FlaskClient) -> None:
    for path in ("{{ cookiecutter.__live }}", "/metrics", "/api/v1/items"):
        client.get(path)
    answer = client.get("/metrics")
    assert answer.content_type.startswith("text/plain; version=")
    found = re.findall(r'^(flask_\w+)\{(.*release="([^"]*)".*)\} \S+$', answer.text, re.MULTILINE)
    assert {release for _, _, release in found} == {RELEASE}
    labels = {name: set(re.findall(r'(\w+)="', text)) for name, text, _ in found}
    timed = {"method", "url_rule", "status", "release"}
    assert labels == {
        "flask_http_request_total": {"method", "status", "release"},
        "flask_http_request_duration_seconds_bucket": timed | {"le"},
        "flask_http_request_duration_seconds_count": timed,
        "flask_http_request_duration_seconds_sum": timed,
    }
    assert 'url_rule="/api/v1/items"' in answer.text
    assert 'url_rule="/metrics"' not in answer.text
