"""What the consumers of this service rely on still holds: each one's pact is verified against the real application."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pact import Verifier

from {{ cookiecutter.__package }} import NAME

# Where consumers' pacts are looked for: beside this service, and where the environment says.
FOLDERS = [Path(__file__).parents[3] / "pacts", *map(Path, filter(None, [os.environ.get("CONSUMER_PACTS")]))]


def pacts() -> Iterator[Any]:
    """The files in which this service is the provider, each by the name of its consumer."""
    for path in sorted(path for folder in FOLDERS for path in folder.glob("*.json")):
        parties = json.loads(path.read_text())
        if parties["provider"]["name"] == NAME:
            yield pytest.param(path, id=parties["consumer"]["name"])


# What a pact may ask to be so; the tables of a fresh service are as each of these says.
STATES = {"there are items", "there is no item 2147483647"}
NO_PACT = pytest.param(None, id="none", marks=pytest.mark.skip("no consumer has left its pact"))


@pytest.mark.parametrize("path", list(pacts()) or [NO_PACT])
def test_a_consumer_gets_what_it_relies_on(path: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACT_DO_NOT_TRACK", "true")
    pact = json.loads(path.read_text())
    consumer = pact["consumer"]["name"]
    states = {state["name"] for asked in pact["interactions"] for state in asked.get("providerStates", [])}
    assert states <= STATES, f"{consumer} asks for what is not in STATES: {states - STATES}"
    verifier = Verifier(NAME).add_transport(url=address).add_source(path)
    try:
        verifier.verify()
    except RuntimeError:
        pytest.fail(f"{consumer} relies on what {NAME} no longer does ({path}):\n{verifier.output(strip_ansi=True)}")
