"""The module on a machine that has nothing else of this repository: its examples, by `puppet apply`."""

import requests
from standalone import PORT, SERVICE, Standalone


def test_the_module_alone_runs_a_service_and_takes_it_away_again(bare: Standalone) -> None:
    assert bare.example("service.pp")
    url = f"http://{bare.box.address}:{PORT}"
    assert requests.get(f"{url}/health/ready", timeout=10).json()["status"] == "ready"
    assert requests.get(f"{url}/api/v1/items", timeout=10).json()["service"] == SERVICE
    assert not bare.example("service.pp"), "a second apply must change nothing"

    host = bare.host
    log = host.file(f"/var/log/{SERVICE}/{SERVICE}.log")
    assert "/api/v1/items" in log.content_string
    assert bare.example("absent.pp")
    assert not host.package(SERVICE).is_installed
    assert not host.socket(f"tcp://0.0.0.0:{PORT}").is_listening
    assert host.check_output(f"systemctl list-units --all --no-legend '{SERVICE}*'") == ""
    assert not host.file(f"/etc/{SERVICE}").exists
    assert "/api/v1/items" in log.content_string, "the log must stay"
    assert host.file(f"/var/lib/{SERVICE}/{SERVICE}.db").exists, "the data must stay"
    assert not bare.example("absent.pp")
