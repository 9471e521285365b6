"""What fleet-traffic says of a balancer is what its clients got: from a real HAProxy, as it is configured here."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from fleet_cli.machine import paths
from fleet_cli.roots import rootfs

PROBE = Path(__file__).with_name("traffic_probe.py")
SITE = paths.control_repo() / "site/profile"
BAD = ("fails", "dead", "dies", "breaks", "hangs")
ASKED = 12


def configuration() -> str:
    """What holds for all services at the balancer, with a socket of the test's own, and less patience."""
    text = (SITE / "templates/load_balancer/haproxy.cfg.epp").read_text(encoding="utf-8")
    defaults = text[text.index("\ndefaults\n") : text.index("# How many requests of each client")]
    assert "retry-on conn-failure empty-response junk-response" in defaults
    defaults = re.sub(r"timeout (server|queue) .*", r"timeout \1 500ms", defaults)
    defaults = "\n".join(line for line in defaults.splitlines() if "check" not in line and "log" not in line)
    return f"global\n    stats socket /run/haproxy.sock mode 600 level admin\n{defaults}\n"


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    file = tmp_path_factory.mktemp("haproxy") / "haproxy.cfg"
    file.write_text(configuration(), encoding="utf-8")
    binds = {file: "/haproxy.cfg", PROBE: "/probe.py", SITE / "files/operators/program": "/operators"}
    done = rootfs.run("node", ["python3", "-B", "/probe.py", "/haproxy.cfg"], binds=binds)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("kind", BAD)
def test_what_clients_lost_at_a_machine_is_counted_there(kind: str, said: dict[str, Any]) -> None:
    assert said["lost"][kind] == ASKED
    machine = said["counted"][kind]["machine"]
    assert (machine["requests"], machine["failed"]) == (ASKED, ASKED)


@pytest.mark.parametrize("kind", BAD)
def test_what_was_sent_elsewhere_is_not_lost_and_no_other_machine_is_blamed(kind: str, said: dict[str, Any]) -> None:
    name = f"{kind}-beside-fine"
    assert said["counted"][name]["machine"]["failed"] == said["lost"][name]
    assert said["counted"][name]["fine"]["failed"] == 0
    assert sum(machine["requests"] for machine in said["counted"][name].values()) == ASKED


def test_some_of_the_bad_machines_requests_were_sent_elsewhere(said: dict[str, Any]) -> None:
    """Else nothing of the above was tried."""
    assert said["lost"]["dead-beside-fine"] == 0
    assert 0 < said["lost"]["dies-beside-fine"] < ASKED / 2
    assert said["lost"]["fine"] == said["counted"]["fine"]["machine"]["failed"] == 0
