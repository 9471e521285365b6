"""The bad releases of the tests of rollouts are bad in the way that they say: else these tests would show nothing."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import releases
from fleet_cli.lab import laboratory
from fleet_cli.repository.labfile import LabService
from fleet_cli.roots import rootfs

NAME = "inventory"
REQUESTS = 100

PROBE = f"""
import collections, json, sys, time
from {NAME}.application import create_app

client = create_app(log_to_terminal=True).test_client()
first = client.get("/health/ready").status_code
answers, began = collections.Counter(), time.monotonic()
for _ in range({REQUESTS}):
    answers[client.get("/api/v1/items").status_code] += 1
    print("asked", file=sys.stderr)
took = time.monotonic() - began
print(json.dumps({{
    "health": [first, client.get("/health/ready").status_code, client.get("/health/live").status_code],
    "metrics": client.get("/metrics").status_code, "answers": answers, "seconds": took,
}}))
"""
SCRIPT = f"""
mkdir -p /var/lib/{NAME} /var/log/{NAME}
dpkg --force-unsafe-io --install /package/*.deb >/dev/null || exit 1
cd /opt/venvs/{NAME}/lib/python3*/site-packages || exit 1
for version in "$@"; do
  rm -rf {NAME} /var/lib/{NAME}/*
  cp -r /built/$version/{NAME} .
  {NAME} db upgrade >/tmp/migration 2>&1; migrated=$?
  /opt/venvs/{NAME}/bin/python /built/probe.py >/tmp/out 2>/tmp/err; status=$?
  printf '%s\\t%s\\t%s\\t%s\\t%s\\t%s\\n' "$version" $migrated $status "$(grep -c ^asked /tmp/err)" \\
    "$(tail -n 1 /tmp/out)" "$(cat /tmp/migration /tmp/err | grep -v ^asked | tail -n 1)"
done
"""

CHANGES: dict[str, Callable[[Path], None]] = {
    "1.0": lambda _: None,
    "1.1": releases.answers_500,
    "1.2": releases.answers_500_at_times,
    "1.3": releases.three_times_as_slow,
    "1.4": releases.kills_its_workers,
    "1.5": releases.never_starts,
    "1.6": releases.never_ready,
    "1.7": releases.refuses_config,
    "1.8": releases.failing_migration,
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What came of each version: of its migrations, of a process that asks it, and of what that was answered."""
    built, tree = (tmp_path_factory.mktemp(name) for name in ("built", "tree"))
    package = laboratory.package(LabService(NAME, "1.0.0"))
    subprocess.run(["dpkg-deb", "--extract", package, tree], check=True)
    (code,) = tree.glob(f"opt/venvs/{NAME}/lib/python3*/site-packages/{NAME}")
    shutil.rmtree(code / "__pycache__")  # the byte code of before would be run
    for version, change in CHANGES.items():
        change(shutil.copytree(code, built / version / NAME))
    (built / "probe.py").write_text(PROBE)
    binds = {built: "/built", package.parent: "/package"}
    result = rootfs.run("build", ["sh", "-c", SCRIPT, "try", *CHANGES], binds=binds, check=False)
    assert result.returncode == 0, result.stderr
    said = {}
    for line in result.stdout.splitlines():
        version, migrated, status, asked, answers, words = line.split("\t")
        said[version] = {
            "migrated": int(migrated), "status": int(status), "asked": int(asked), "words": words,
            **(json.loads(answers) if answers else {}),
        }  # fmt: skip
    return said


def test_the_release_that_all_are_made_of_is_good(found: dict[str, dict[str, Any]]) -> None:
    sound = found["1.0"]
    assert (sound["migrated"], sound["status"], sound["answers"]) == (0, 0, {"200": REQUESTS}), sound


@pytest.mark.parametrize(("version", "answers"), [
    ("1.1", {"500": REQUESTS}),
    ("1.2", {"200": REQUESTS * 19 // 20, "500": REQUESTS // 20}),
    ("1.3", {"200": REQUESTS}),
])  # fmt: skip
def test_a_release_that_answers_badly_is_ready_all_the_same(
    found: dict[str, dict[str, Any]], version: str, answers: dict[str, int]
) -> None:
    assert found[version]["health"] == [200, 200, 200], found[version]
    assert found[version]["metrics"] == 200
    assert found[version]["answers"] == answers


def test_a_slow_release_takes_three_times_as_long(found: dict[str, dict[str, Any]]) -> None:
    assert found["1.3"]["seconds"] >= max(REQUESTS * 0.1, 3 * found["1.0"]["seconds"])


def test_workers_are_killed_while_they_answer(found: dict[str, dict[str, Any]]) -> None:
    assert (found["1.4"]["status"], found["1.4"]["asked"]) == (128 + 9, 99), found["1.4"]


@pytest.mark.parametrize(("version", "words"), [
    ("1.5", "No module named 'nosuchmodule'"), ("1.7", "[app] region: there is none"),
])  # fmt: skip
def test_a_release_that_does_not_start_says_why(found: dict[str, dict[str, Any]], version: str, words: str) -> None:
    assert found[version]["status"] == 1, found[version]
    assert words in found[version]["words"]


def test_a_release_that_is_never_ready_runs(found: dict[str, dict[str, Any]]) -> None:
    assert found["1.6"]["health"] == [503, 503, 200], found["1.6"]


def test_a_migration_that_fails_fails(found: dict[str, dict[str, Any]]) -> None:
    assert found["1.8"]["migrated"] == 1, found["1.8"]
