"""Other services, asked over REST. What goes wrong there is one exception, and to the client one problem: a 502."""

import os
import time
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from marshmallow import Schema, ValidationError

from . import NAME, RELEASE, trace, xml_data
from .problems import Problem
from .schemas import UpstreamItemsSchema

# A call that may arrive twice without harm is tried again, first after so many seconds.
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
BACKOFF = 0.05
# Answers that say "not now".
PASSING = frozenset({502, 503, 504})
PROBLEM_MEMBERS = ("title", "status", "detail", "trace_id")


class UpstreamFailed(Problem):
    """A service that this one needs did not answer as agreed. Its members say which, running what, asked for what."""

    code = 502

    def __init__(
        self, upstream: str, release: str | None, operation: str, cause: str, answer: requests.Response | None = None
    ) -> None:
        super().__init__(f"{upstream}: {cause}")
        self.members = {
            "upstream": upstream,
            "upstream_release": release,
            "operation": operation,
            "upstream_status": None if answer is None else answer.status_code,
            "upstream_problem": None if answer is None else _problem(answer),
            "cause": cause,
        }


class Upstream:
    """A service at BASE_URL. Its threads share one set of connections, kept open between calls."""

    def __init__(
        self, name: str, base_url: str, connect_timeout: float = 1.0, timeout: float = 2.0, retries: int = 2
    ) -> None:
        self.name, self.base_url, self.retries = name, base_url, retries
        self.timeouts = (connect_timeout, timeout)
        self.release: str | None = None  # The last that it said it runs.
        self.session = requests.Session()
        self.session.trust_env = False  # Services talk to each other directly, whatever proxy the machine has.
        self.session.verify = os.environ.get("REQUESTS_CA_BUNDLE", True)
        self.session.headers.update({"Accept": "application/json", "User-Agent": f"{NAME}/{RELEASE}"})
        self.session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def items(self) -> dict[str, Any]:
        """The version and items of the service, or UpstreamFailed."""
        return self.call("GET", "/api/v1/items", UpstreamItemsSchema())

    def call(self, method: str, path: str, schema: Schema, body: Any = None) -> dict[str, Any]:
        """What the service answers to METHOD on PATH, checked by SCHEMA, or UpstreamFailed.

        What fails in passing is tried again if METHOD is idempotent; a timeout is not, so that a silent service costs
        the client no more than the two timeouts.
        """
        operation = f"{method} {path}"
        tries = 1 + (self.retries if method in IDEMPOTENT else 0)
        for number in range(1, tries + 1):
            try:
                answer = self._ask(method, path, body)
                if answer.status_code not in PASSING or number == tries:
                    break
            except requests.RequestException as error:
                if isinstance(error, requests.Timeout) or number == tries:
                    raise UpstreamFailed(self.name, self.release, operation, self._cause(error)) from error
            time.sleep(BACKOFF * number)
        return self._checked(answer, operation, schema)

    def _ask(self, method: str, path: str, body: Any) -> requests.Response:
        answer = self.session.request(
            method,
            self.base_url + path,
            json=body,
            headers=trace.current().headers(),
            timeout=self.timeouts,
            allow_redirects=False,
        )
        self.release = xml_data.printable(answer.headers.get("X-Release", "")) or self.release
        return answer

    def _checked(self, answer: requests.Response, operation: str, schema: Schema) -> dict[str, Any]:
        where = urlsplit(self.base_url).netloc
        if not 200 <= answer.status_code < 300:
            cause = f"{where} answered {answer.status_code} {answer.reason}"
            raise UpstreamFailed(self.name, self.release, operation, cause, answer)
        try:
            loaded: dict[str, Any] = schema.load(answer.json())
        except ValidationError as error:
            wrong = set(error.messages) - {"_schema"} or {"an object"}
            cause = f"{where} answered without {' and '.join(sorted(wrong))} as agreed"
        except ValueError:
            cause = f"{where} answered with something else than JSON"
        else:
            return loaded
        raise UpstreamFailed(self.name, self.release, operation, cause, answer)

    def _cause(self, error: requests.RequestException) -> str:
        where = urlsplit(self.base_url).netloc
        connect, read = self.timeouts
        if isinstance(error, requests.ConnectTimeout):
            return f"no connection to {where} within {connect} s"
        if isinstance(error, requests.ReadTimeout):
            return f"no answer from {where} within {read} s"
        return f"no answer from {where}: {_reason(error)}"


def _reason(error: BaseException) -> str:
    """What the system said, such as "Connection refused", from under the library's layers."""
    cause: BaseException | None = error
    while cause:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return f"the connection failed ({type(error).__name__})"


def _problem(answer: requests.Response) -> dict[str, Any] | None:
    """The members that every problem of a service has, if the answer is one."""
    if answer.headers.get("Content-Type", "").partition(";")[0] != "application/problem+json":
        return None
    try:
        told = answer.json()
    except ValueError:
        return None
    if not isinstance(told, dict):
        return None
    known = {name: told[name] for name in PROBLEM_MEMBERS if isinstance(told.get(name), str | int)}
    return {name: xml_data.printable(value) if isinstance(value, str) else value for name, value in known.items()}
