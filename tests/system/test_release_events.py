"""An upgrade is no corrective change: who is called for these would be called for each."""

import json
from pathlib import Path

import pytest
from fleet_cli.roots import rootfs

REPO = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("release_events.rb")


@pytest.mark.parametrize(
    ("state", "corrective"),
    [
        (["outdated"], False),  # Hiera declares another release
        (["serving", "written"], False),  # the same, in a run that had looked before it wrote the config
        (["stopped"], True),  # somebody has stopped it
        (["interrupted"], True),
        (["serving", "removed"], False),  # Hiera declares it absent
        (["stopped", "removed"], False),  # the same, of one that somebody has stopped
        (["serving", "gone"], True),  # somebody has brought it back
    ],
)
def test_a_change_is_corrective_if_nobody_declared_it(state: list[str], corrective: bool) -> None:
    binds = {REPO / "modules/flask_microservice": "/module", SCRIPT: "/release_events.rb"}
    printed = rootfs.run("toolbox", ["ruby", "/release_events.rb", *state], binds=binds).stdout
    assert json.loads(printed.splitlines()[-1]) is corrective
