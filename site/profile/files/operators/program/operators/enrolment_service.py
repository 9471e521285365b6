"""Asks the service that decides who enrols: fleet-enrolment.service, over its socket."""

import json
import socket
from collections.abc import Mapping
from typing import Any

from operators import places
from operators.errors import Failure

SECONDS = 10
LONGEST = 4096
"""Bytes of a question or an answer, each a JSON object on one line."""


def ask(question: Mapping[str, Any]) -> dict[str, Any]:
    """Return the service's answer.

    Raises:
        Failure: it does not answer, or refuses the question.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(SECONDS)
            connection.connect(str(places.ENROLMENT))
            connection.sendall(json.dumps(question).encode() + b"\n")
            with connection.makefile("rb") as answers:
                line = answers.readline(LONGEST)
        answer: dict[str, Any] = json.loads(line)
    except (OSError, ValueError) as error:
        raise Failure(f"fleet-enrolment.service does not answer: {error}") from None
    if "error" in answer:
        raise Failure(f"fleet-enrolment.service: {answer['error']}")
    return answer
