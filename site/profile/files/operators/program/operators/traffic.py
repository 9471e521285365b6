"""fleet-traffic: what the services of this machine have answered, and what its balancer has seen, as one JSON object.

    {"machine": CERTNAME, "services": {SERVICE: {…}}, "balanced": {SERVICE: {NODE: {…}}}, "missing": {SERVICE: REASON}}

Counts begin at 0 with a new process. It changes nothing, and reads no more than numbers.
"""

import json
import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from operators import arguments as checked
from operators import balancing, inspection, machine, places, unix_socket
from operators.errors import Failure

ASKED_SECONDS = 3.0
"""How long a service, or the balancer, may take; all are asked at once."""

AT_ONCE = 64
DURATION = "flask_http_request_duration_seconds"
"""What services count (template/*/src/*/metrics.py): a histogram by rule, method and status."""

SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)(?: -?\d+)?")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
DIED = re.compile(r"^x-workers-died: *(\d{1,9})\r?$", re.IGNORECASE | re.MULTILINE)
"""What gunicorn tells who asks as this does (modules/flask_microservice/files/gunicorn.conf.py)."""
OWN_PATHS = ("/metrics", "/health")
"""Asked by balancers and monitors: no traffic."""


def main(arguments: Sequence[str]) -> int:
    """Print the counts."""
    checked.none(arguments)
    print(json.dumps(traffic()))
    return 0


def traffic() -> dict[str, Any]:
    """Return the counts, and why those are missing that can't be told."""
    services: dict[str, dict[str, Any]] = {}
    missing: dict[str, str] = {}
    balanced: dict[str, Any] = {}
    names = inspection.service_names()
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        asked = {name: pool.submit(of_service, name) for name in names}
        balancer = pool.submit(balancing.counts, ASKED_SECONDS)
        for name, answer in asked.items():
            try:
                if found := answer.result():
                    services[name] = found
            except (OSError, ValueError, Failure) as error:
                missing[name] = _reason(error)
        try:
            balanced = balancer.result()
        except (OSError, ValueError, KeyError) as error:
            missing["haproxy"] = _reason(error)
    return {"machine": machine.certname(), "services": services, "balanced": balanced, "missing": missing}


def of_service(name: str) -> dict[str, Any] | None:
    """Return what the release that serves has answered, and how many of its processes died; None if none serves.

    One that counts no requests has no numbers of them.

    Raises:
        OSError: it does not answer in time.
        ValueError: it answers nothing that can be read.
    """
    release = _setting(places.UNITS / f"{name}.service", "Release")
    if not release:
        return None
    unit = places.RELEASES / name / release / "unit"
    instance = places.UNITS / f"{name}@{release}.service"
    # Its own socket, at which flask-microservice asks for its health: on the port another release may answer.
    died, page = _get(places.RUN / name / f"{release.rpartition('.')[2]}.sock", "/metrics")
    counted = count(page, (*OWN_PATHS, *filter(None, [_setting(unit, "HealthPath")]))) if page else None
    return {
        "release": release,
        "version": _setting(unit, "Version") or release.rpartition(".")[0],
        **(counted or {}),
        "died": died + inspection.restarts(instance.name),
        # Written when the release is started on the port; systemd starts it again without that.
        "up_seconds": round(time.time() - instance.stat().st_mtime, 1),
    }


def count(text: str, own_paths: Sequence[str] = OWN_PATHS) -> dict[str, Any] | None:
    """Return what a page of metrics says of requests.

    Args:
        text: the page, in Prometheus's text format.
        own_paths: the paths that are no traffic, with all below them.

    Returns:
        `requests`, `failed` (those answered 5xx), `seconds` (of all together), and `slower`: by each edge of the
        histogram in seconds, how many took longer. None if it has metrics, and none of a service of the template.
    """
    requests = failed = seconds = 0.0
    within: dict[str, float] = {}
    names = set()
    for line in text.splitlines():
        sample = None if line.startswith("#") else SAMPLE.fullmatch(line.strip())
        if not sample:
            continue
        names.add(sample[1])
        if not sample[1].startswith(f"{DURATION}_"):
            continue
        labels, value = dict(LABEL.findall(sample[2] or "")), float(sample[3])
        rule = labels.get("url_rule", "")
        if any(rule == path or rule.startswith(f"{path}/") for path in own_paths):
            continue
        kind = sample[1].removeprefix(f"{DURATION}_")
        if kind == "sum":
            seconds += value
        elif kind == "count":
            requests += value
            failed += value if labels.get("status", "").startswith("5") else 0
        elif kind == "bucket" and labels.get("le", "+Inf") != "+Inf":
            within[labels["le"]] = within.get(labels["le"], 0) + value
    if names and not any(name.startswith("flask_") for name in names):
        return None
    slower = {edge: round(requests - those) for edge, those in sorted(within.items(), key=lambda item: float(item[0]))}
    return {"requests": round(requests), "failed": round(failed), "seconds": round(seconds, 6), "slower": slower}


def _get(path: Path, url_path: str) -> tuple[int, str | None]:
    """Ask a service on a unix socket; return how many of its workers died, and its page of metrics, if it has one."""
    question = f"GET {url_path} HTTP/1.0\r\nHost: localhost\r\nUser-Agent: fleet-traffic\r\n\r\n"
    said = unix_socket.ask(path, question, ASKED_SECONDS)
    head, _, body = said.partition("\r\n\r\n")
    status = re.match(r"HTTP/1\.[01] (\d{3})\b", head)
    if not status:
        raise ValueError("it does not answer in HTTP")
    if int(status[1]) >= 500:
        raise ValueError(f"GET {url_path} is answered {status[1]}")
    died = DIED.search(head)
    kind = re.search(r"^content-type:.*\bversion=", head, re.IGNORECASE | re.MULTILINE)
    return int(died[1]) if died else 0, body if status[1] == "200" and kind else None


def _setting(unit: Path, key: str) -> str:
    """Return a setting that flask-microservice or Puppet has written into a unit; empty if it is not there."""
    try:
        lines = unit.read_text(encoding="utf-8", errors="replace").partition(inspection.MARK)[2].splitlines()
    except FileNotFoundError:
        return ""
    return next((line.partition("=")[2].strip() for line in lines if line.startswith(f"{key}=")), "")


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {ASKED_SECONDS:g} s"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join((text or type(error).__name__).split())
