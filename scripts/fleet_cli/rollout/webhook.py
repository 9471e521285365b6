"""Tells a web service of a team, such as a chat, how a rollout goes. Nothing hangs on whether that works."""

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from requests import Response

TOKEN = "{token}"  # noqa: S105 - where the secret goes
VARIABLE = "FLEET_WEBHOOK_TOKEN"
"""Has what stands for TOKEN: the URL is in Hiera, which everybody may read."""
TIMEOUT_SECONDS = 5.0
"""For the connection, and then for the answer."""
ATTEMPTS = 2

_FITS = re.compile(r"[!-~]+")
_WORTH_A_RETRY = (429, 500, 502, 503, 504)


@dataclass(frozen=True)
class Message:
    """What is told.

    Attributes:
        event: what has just happened.
        text: one line for people, under the name that chats read.
        rollout: its number.
        tier: where; empty for the whole.
        commit: what is rolled out.
        by, why: who began it, and for what.
        state: what the rollout is now, such as `paused` or `reverted`.
    """

    event: Literal["start", "pause", "end"]
    text: str
    rollout: int
    tier: str
    commit: str
    by: str
    why: str
    state: str


def send(url: str, message: Message) -> str:
    """Post a message as JSON; return why it did not arrive, in words that have no secret, or nothing.

    Args:
        url: as `profile::rollout::webhook` has it; nothing is sent where it is empty.
        message: what to tell.
    """
    if not url:
        return ""
    where = f"webhook {_host(url)}"
    token = os.environ.get(VARIABLE, "")
    if TOKEN in url and not _FITS.fullmatch(token):
        return f"{where}: not told of it: the variable {VARIABLE} {'has blanks in it' if token else 'is not set'}"
    whole = url.replace(TOKEN, token)
    if not whole.lower().startswith("https://"):
        return f"{where}: not told of it: only https is"
    problem = ""
    for _ in range(ATTEMPTS):
        problem, is_worth_a_retry = _post(whole, asdict(message))
        if not problem:
            return ""
        if not is_worth_a_retry:
            break
    return f"{where}: not told of it: {problem}"


def _post(url: str, body: Mapping[str, object]) -> tuple[str, bool]:
    """Why a message did not arrive, and whether it may when it is sent again."""
    import requests  # noqa: PLC0415 - takes longer to load than most of what a rollout does before its first wave

    try:
        # A redirection would hand the message, and perhaps the secret, to somebody whom nobody named.
        answer: Response = requests.post(url, json=body, timeout=TIMEOUT_SECONDS, allow_redirects=False, stream=True)
        answer.close()
    except (requests.RequestException, ValueError) as error:
        return _words(error), isinstance(error, requests.ConnectionError | requests.Timeout)
    if answer.ok and not answer.is_redirect:
        return "", False
    return f"it answered {answer.status_code}", answer.status_code in _WORTH_A_RETRY


def _words(error: Exception) -> str:
    """What went wrong, by the kind of error: its text has the URL."""
    kinds = {
        "SSLError": "its certificate is not trusted, or it speaks no TLS",
        "ProxyError": "the proxy does not answer",
        "ConnectTimeout": f"no connection within {TIMEOUT_SECONDS:.0f} s",
        "ReadTimeout": f"no answer within {TIMEOUT_SECONDS:.0f} s",
        "ConnectionError": "it can't be reached",
    }
    return kinds.get(type(error).__name__, type(error).__name__)


def _host(url: str) -> str:
    """The name of the machine: nothing else of a URL is sure to have no secret in it."""
    try:
        return urlsplit(url).hostname or "without a host"
    except ValueError:
        return "without a host"
