"""The trace of a request, by which its steps are found in the logs of all services (W3C Trace Context)."""

import os
import re
from dataclasses import dataclass

from flask import g, has_request_context, request

_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(-.*)?")
# Printable, and short enough to be worth passing on.
_TRACESTATE = re.compile(r"[\x20-\x7e]{1,512}")


@dataclass(frozen=True)
class Trace:
    """What is passed on from service to service; the id of the step is made anew for each call.

    Attributes:
        trace_id: 32 hexadecimal digits.
        flags: two hexadecimal digits; 01 says that whoever began the trace records it.
        state: the header tracestate as it came, or empty.
    """

    trace_id: str
    flags: str = "01"
    state: str = ""

    def headers(self) -> dict[str, str]:
        """The headers of a call to another service."""
        headers = {"traceparent": f"00-{self.trace_id}-{_identifier(8)}-{self.flags}"}
        return headers | {"tracestate": self.state} if self.state else headers


def current() -> Trace:
    """The trace of the request being answered: the client's if it sent one, else a new one."""
    if not has_request_context():
        return Trace(_identifier(16))
    trace: Trace | None = g.get("trace")
    if not trace:
        trace = g.trace = _received() or Trace(_identifier(16))
    return trace


def _received() -> Trace | None:
    received = request.headers.get("traceparent")
    match = received and _TRACEPARENT.fullmatch(received)
    if not match or match[1] == "00" and match[4]:
        return None
    state = request.headers.get("tracestate", "")
    return Trace(match[2], match[3], state if _TRACESTATE.fullmatch(state) else "")


def _identifier(size: int) -> str:
    """SIZE random bytes in hexadecimal, never all zero: that means none."""
    identifier = os.urandom(size).hex()
    return identifier if identifier.strip("0") else _identifier(size)
