"""Other services, asked over REST. What goes wrong there is told to the client as 502, with name and cause."""

from typing import Any
from urllib.parse import urlsplit

import requests

from .problems import Problem


class UpstreamFailed(Problem):
    """A service that this one needs did not answer as agreed."""

    code = 502

    def __init__(self, upstream: str, cause: str) -> None:
        super().__init__(f"{upstream}: {cause}")
        self.members = {"upstream": upstream, "cause": cause}


def fetch_items(name: str, base_url: str, timeout: float) -> dict[str, Any]:
    """The version and items of the service NAME at BASE_URL; TIMEOUT in seconds, to connect and to read."""
    address = urlsplit(base_url).netloc
    try:
        response = requests.get(f"{base_url}/api/v1/items", timeout=(timeout, timeout), allow_redirects=False)
    except requests.ConnectTimeout:
        raise UpstreamFailed(name, f"no connection to {address} within {timeout} s") from None
    except requests.ReadTimeout:
        raise UpstreamFailed(name, f"no answer from {address} within {timeout} s") from None
    except requests.RequestException as error:
        raise UpstreamFailed(name, f"no answer from {address}: {_reason(error)}") from error
    if response.status_code != 200:
        raise UpstreamFailed(name, f"{address} answered {response.status_code} {response.reason}")
    try:
        body = response.json()
        return {"version": str(body["version"]), "items": list(body["items"])}
    except (ValueError, TypeError, KeyError):
        raise UpstreamFailed(name, f"{address} answered without version and items in JSON") from None


def _reason(error: BaseException) -> str:
    """What the system said, such as "Connection refused", from under the library's layers."""
    cause: BaseException | None = error
    while cause:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return f"the connection failed ({type(error).__name__})"
