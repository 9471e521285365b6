"""A page of a monolith that asks {{ cookiecutter.name }} through the client generated from its description.

Any application that answers HTTP can do the same: what it takes is one header, which carries the trace on.
"""

import json
import logging
import os
import re
import secrets
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import make_server

import httpx
from {{ cookiecutter.__package }}_client import Client
from {{ cookiecutter.__package }}_client.api.default import list_items
from {{ cookiecutter.__package }}_client.models import Items, Problem

SERVICE = "{{ cookiecutter.name }}"
ADDRESS = os.environ.get("{{ cookiecutter.__package | upper }}_URL", "http://127.0.0.1:7000")
TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")

logger = logging.getLogger("monolith")


def trace_id(environ: dict[str, Any]) -> str:
    """The trace that the page's request belongs to: the caller's if it has one, else a new one."""
    match = TRACEPARENT.fullmatch(environ.get("HTTP_TRACEPARENT", ""))
    return match[1] if match else secrets.token_hex(16)


def page(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Show the names of the items; if the service fails, say so, and by which trace to find out why."""
    trace = trace_id(environ)
    headers = {"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01", "Accept": "application/json"}
    status, body = "502 Bad Gateway", {"error": f"{SERVICE} does not answer", "trace": trace}
    try:
        with Client(base_url=ADDRESS, headers=headers, timeout=httpx.Timeout(2.0)) as client:
            answer = list_items.sync(client=client, per_page=50)
    except httpx.HTTPError as error:
        logger.error("trace %s: %s does not answer: %s", trace, SERVICE, error)
    else:
        if isinstance(answer, Items):
            status, body = "200 OK", {"names": [item.name for item in answer.items], "trace": trace}
            logger.info("trace %s: %d items of %s", trace, len(answer.items), SERVICE)
        elif isinstance(answer, Problem):
            body["error"] = f"{SERVICE}: {answer.detail}"
            logger.error("trace %s: %s answered %s: %s", trace, SERVICE, answer.status, answer.detail)
    start_response(status, [("Content-Type", "application/json")])
    return [json.dumps(body).encode()]


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, filename=os.environ.get("MONOLITH_LOG"))
    make_server("127.0.0.1", int(os.environ.get("MONOLITH_PORT", "8000")), page).serve_forever()
