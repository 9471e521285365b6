"""The documented way for a legacy application to ask a service works: generated client, one trace in both logs."""

import json
from pathlib import Path
from typing import Any

import pytest
from fleet_cli.machine import host
from fleet_cli.roots import rootfs
from fleet_cli.services import templates

from .legacy_monolith import TRACE

MONOLITH = Path(__file__).with_name("legacy_monolith.py")


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What monolith and service said and logged."""
    service = templates.render("orders", tmp_path_factory.mktemp("legacy"))
    result = rootfs.run(
        "build",
        ["/usr/bin/python3", "/monolith.py"],
        binds={service: "/service", MONOLITH: "/monolith.py"},
        env={**host.pip_environment(), "PIP_CERT": "/etc/ssl/certs/ca-certificates.crt"},
    )
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def logged(answers: dict[str, Any], trace: str) -> tuple[list[dict[str, Any]], list[str]]:
    """What the service and the monolith logged of a trace."""
    ours = [line for line in answers["service"] if line.get("trace_id") == trace]
    return ours, [line for line in answers["monolith"] if trace in line]


def test_the_page_shows_data_of_the_service(answers: dict[str, Any]) -> None:
    assert answers["said"]["ok"]["status"] == 200
    assert answers["said"]["ok"]["names"] == ["first of orders", "second of orders"]


def test_one_trace_is_in_both_logs(answers: dict[str, Any]) -> None:
    service, monolith = logged(answers, TRACE)
    assert answers["said"]["ok"]["trace"] == TRACE
    assert [line["path"] for line in service] == ["/api/v1/items"]
    assert len(monolith) == 1


def test_a_page_that_was_asked_without_a_trace_begins_one(answers: dict[str, Any]) -> None:
    trace = answers["said"]["new"]["trace"]
    assert trace != TRACE
    service, monolith = logged(answers, trace)
    assert service
    assert monolith


def test_what_the_service_could_not_do_is_found_by_the_trace_on_the_page(answers: dict[str, Any]) -> None:
    said = answers["said"]["failing"]
    assert said["status"] == 502
    assert said["error"].startswith("orders: ")
    service, monolith = logged(answers, said["trace"])
    assert service
    assert said["error"].removeprefix("orders: ") in monolith[0]


def test_a_service_that_is_gone_is_named(answers: dict[str, Any]) -> None:
    said = answers["said"]["gone"]
    assert (said["status"], said["error"]) == (502, "orders does not answer")
    assert logged(answers, said["trace"])[1]
