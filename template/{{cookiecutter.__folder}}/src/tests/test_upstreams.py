"""What a failing service does to this one: one exception, one problem that says what to look for, and where."""

import json
import re
import socket
import time
{% if cookiecutter.upstream %}
from collections.abc import Callable
from pathlib import Path
{% endif %}

import pytest
from conftest import ITEMS, Upstream
{% if cookiecutter.upstream %}
from flask.testing import FlaskClient

from {{ cookiecutter.__package }}.application import create_app
from {{ cookiecutter.__package }}.database import db
from {{ cookiecutter.__package }}.schemas import UpstreamItemsSchema
from {{ cookiecutter.__package }}.upstreams import Upstream as Client
from {{ cookiecutter.__package }}.upstreams import UpstreamFailed
{% else %}

from {{ cookiecutter.__package }}.schemas import UpstreamItemsSchema
from {{ cookiecutter.__package }}.upstreams import Upstream as Client
from {{ cookiecutter.__package }}.upstreams import UpstreamFailed
{% endif %}

{% if cookiecutter.upstream %}
UPSTREAM = "{{ cookiecutter.upstream }}"
{% endif %}
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PROBLEM = {"type": "about:blank", "title": "Internal Server Error", "status": 500, "detail": "It broke.", "extra": [1]}


@pytest.mark.parametrize(
    ("status", "body", "cause"),
    [
        (500, "{}", "answered 500"),
        (302, "{}", "answered 302"),
        (200, "<html>", "something else than JSON"),
        (200, "[]", "as agreed"),
        (200, '{"version": "1.0.0"}', "without items as agreed"),
        (200, '{"version": "1.0.0", "items": [{"id": 1}]}', "without items as agreed"),
        (200, '{"version": "\\u0000", "items": []}', "without version as agreed"),
    ],
)
def test_a_wrong_answer_of_an_upstream_is_told_apart(upstream: Upstream, status: int, body: str, cause: str) -> None:
    upstream.status, upstream.body = status, body
    with pytest.raises(UpstreamFailed, match=cause) as failed:
        Client("other", upstream.url).items()
    assert failed.value.members["upstream"] == "other"
    assert failed.value.members["upstream_release"] == "3.2.1-1.abc"
    assert failed.value.members["operation"] == "GET /api/v1/items"
    assert failed.value.members["upstream_status"] == status


def test_the_problem_of_an_upstream_is_passed_on(upstream: Upstream) -> None:
    upstream.status, upstream.body, upstream.content_type = 500, json.dumps(PROBLEM), "application/problem+json"
    with pytest.raises(UpstreamFailed) as failed:
        Client("other", upstream.url).items()
    told = {"title": "Internal Server Error", "status": 500, "detail": "It broke."}
    assert failed.value.members["upstream_problem"] == told


@pytest.mark.parametrize("body", ["{", "[]", '"x"', '{"detail": [1]}'])
def test_a_problem_that_is_none_does_not_hide_the_failure(upstream: Upstream, body: str) -> None:
    upstream.status, upstream.body, upstream.content_type = 500, body, "application/problem+json"
    with pytest.raises(UpstreamFailed, match="answered 500"):
        Client("other", upstream.url).items()


@pytest.mark.parametrize("failures", [[503], [502, 504]])
def test_what_fails_in_passing_is_tried_again(upstream: Upstream, failures: list[int]) -> None:
    upstream.failures = list(failures)
    assert Client("other", upstream.url).items() == {key: ITEMS[key] for key in ("version", "items")}
    assert len(upstream.calls) == len(failures) + 1


def test_a_passing_failure_that_stays_is_told(upstream: Upstream) -> None:
    upstream.failures = [503, 503, 503, 503]
    with pytest.raises(UpstreamFailed, match="answered 503"):
        Client("other", upstream.url, retries=2).items()
    assert len(upstream.calls) == 3


def test_a_call_that_may_not_arrive_twice_is_made_once(upstream: Upstream) -> None:
    upstream.failures = [503, 503]
    with pytest.raises(UpstreamFailed, match="answered 503"):
        Client("other", upstream.url).call("POST", "/api/v1/items", UpstreamItemsSchema(), {"name": "lamp"})
    assert len(upstream.calls) == 1


def test_an_error_that_is_not_passing_is_not_asked_for_again(upstream: Upstream) -> None:
    upstream.status = 500
    with pytest.raises(UpstreamFailed):
        Client("other", upstream.url).items()
    assert len(upstream.calls) == 1


def test_a_silent_upstream_costs_no_more_than_the_timeout(upstream: Upstream) -> None:
    upstream.silent = True
    before = time.monotonic()
    with pytest.raises(UpstreamFailed, match="no answer from .* within 0.2 s"):
        Client("other", upstream.url, timeout=0.2).items()
    assert time.monotonic() - before < 2


def test_a_stopped_upstream_is_told_in_the_systems_words_with_the_release_it_last_ran(upstream: Upstream) -> None:
    client = Client("other", upstream.url)
    client.items()
    with socket.socket() as not_listening, pytest.raises(UpstreamFailed, match="Connection refused") as failed:
        not_listening.bind(("127.0.0.1", 0))
        client.base_url = f"http://127.0.0.1:{not_listening.getsockname()[1]}"
        client.items()
    assert failed.value.members["upstream_release"] == "3.2.1-1.abc"
    assert failed.value.members["upstream_status"] is None
    assert failed.value.members["upstream_problem"] is None


def test_a_call_of_no_request_has_a_trace_of_its_own(upstream: Upstream) -> None:
    Client("other", upstream.url).items()
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", upstream.calls[0].headers["traceparent"])
{% if cookiecutter.upstream %}


def test_items_come_with_those_of_the_upstream(client: FlaskClient) -> None:
    answer = client.get("/api/v1/items")
    assert answer.status_code == 200
    assert answer.json["upstreams"][UPSTREAM] == {"version": "3.2.1", "items": [{"id": 7, "name": "lamp"}]}


def test_no_connection_to_the_database_is_held_while_the_upstream_is_asked(
    client: FlaskClient, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow upstream would empty the pool for requests that need none, and keep PostgreSQL's VACUUM from its work."""
    held: list[int] = []
    asked = Client.items

    def ask(self: Client) -> dict[str, object]:
        held.append(db.engine.pool.checkedout())
        return asked(self)

    monkeypatch.setattr(Client, "items", ask)
    assert client.get("/api/v1/items").status_code == 200
    assert held == [0]


def test_the_clients_trace_goes_on_to_the_upstream(client: FlaskClient, upstream: Upstream, log_file: Path) -> None:
    headers = {"traceparent": f"00-{TRACE_ID}-00f067aa0ba902b7-00", "tracestate": "vendor=1"}
    assert client.get("/api/v1/items", headers=headers).status_code == 200
    passed_on = upstream.calls[0].headers
    assert re.fullmatch("00-" + TRACE_ID + "-[0-9a-f]{16}-00", passed_on["traceparent"])
    assert "00f067aa0ba902b7" not in passed_on["traceparent"]
    assert passed_on["tracestate"] == "vendor=1"
    line = json.loads(log_file.read_text().splitlines()[-1])
    assert line["trace_id"] == TRACE_ID


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "nonsense",
        f"ff-{TRACE_ID}-00f067aa0ba902b7-01",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"00-{TRACE_ID.upper()}-00f067aa0ba902b7-01",
        f"00-{TRACE_ID}-00f067aa0ba902b7-01-more",
    ],
)
def test_a_trace_that_is_none_is_replaced(client: FlaskClient, upstream: Upstream, traceparent: str) -> None:
    client.get("/api/v1/items", headers={"traceparent": traceparent})
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", upstream.calls[0].headers["traceparent"])
    assert TRACE_ID not in upstream.calls[0].headers["traceparent"].lower()


def test_a_failing_upstream_is_one_problem_that_names_it(
    client: FlaskClient, upstream: Upstream, log_file: Path
) -> None:
    upstream.status, upstream.body, upstream.content_type = 500, json.dumps(PROBLEM), "application/problem+json"
    answer = client.get("/api/v1/items", headers={"traceparent": f"00-{TRACE_ID}-00f067aa0ba902b7-01"})
    assert answer.status_code == 502
    assert answer.content_type == "application/problem+json"
    where = upstream.url.removeprefix("http://")
    assert answer.json == {
        "type": "about:blank",
        "title": "Bad Gateway",
        "status": 502,
        "detail": f"{UPSTREAM}: {where} answered 500 INTERNAL SERVER ERROR",
        "upstream": UPSTREAM,
        "upstream_release": "3.2.1-1.abc",
        "operation": "GET /api/v1/items",
        "upstream_status": 500,
        "upstream_problem": {"title": "Internal Server Error", "status": 500, "detail": "It broke."},
        "cause": f"{where} answered 500 INTERNAL SERVER ERROR",
        "trace_id": TRACE_ID,
    }
    lines = [json.loads(line) for line in log_file.read_text().splitlines()]
    assert [line["level"] for line in lines if line.get("trace_id") == TRACE_ID] == ["warning", "info"]
    in_xml = client.get("/api/v1/items", headers={"Accept": "application/xml"})
    assert (in_xml.status_code, in_xml.content_type) == (502, "application/problem+xml")
    assert f"<upstream>{UPSTREAM}</upstream>" in in_xml.text


def test_a_failing_upstream_fails_neither_readiness_nor_what_does_not_need_it(
    site: Callable[[str], Path], upstream: Upstream
) -> None:
    upstream.status = 500
    site(f"[log]\nfile =\n[upstreams]\n{UPSTREAM} = {upstream.url}\n")
    client = create_app().test_client()
    assert client.get("/api/v1/items").status_code == 502
    assert client.get("{{ cookiecutter.__ready }}").status_code == 200
    assert client.get("/api/v1/items/1").status_code == 200
{% endif %}
