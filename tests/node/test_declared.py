"""What Hiera declares is what the node has. Nothing here knows a service by name.

These tests come first: those of operations run the agent, which would mend what is found here.
"""

import configparser
import json
import re
import uuid
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from deployed import FLEET, Deployed, connect, fleet_environment, latest_report
from fleet_cli.fleet import agents, puppetdb
from fleet_cli.lab import ssh
from fleet_cli.repository.labfile import Box, Lab
from waiting import wait_for

HARDENING = {
    "ProtectSystem": "strict",
    "NoNewPrivileges": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "PrivateUsers": "yes",
    "ProtectHome": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectProc": "invisible",
    "CapabilityBoundingSet": "",
    "RestrictSUIDSGID": "yes",
    "MemoryDenyWriteExecute": "yes",
}
MARKER = "/run/marker"
MOST_EXPOSURE = 1.1
"""`systemd-analyze security` goes from 0 (nothing is open) to 10; a unit without any hardening has 9.6."""


def need_template(service: Deployed, what: str) -> None:
    if not service.from_template:
        pytest.skip(f"{service.name} was not made from the template: {what}")


def config_path(service: Deployed) -> str:
    return f"/etc/{service.name}/default_config.ini"


def read_config(service: Deployed) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(service.node.file(config_path(service)).content_string)
    return parser


def test_every_node_has_services_to_check(lab: Lab) -> None:
    # With nothing declared, all the tests below would pass by checking nothing.
    declared = puppetdb.declared_services(FLEET)
    assert [box.name for box in lab.nodes if box.role == "app" and not declared.get(box.certname)] == []


def test_catalog_has_all_that_hiera_declares(lab: Lab, looked_up: dict[str, dict[str, Any]]) -> None:
    catalogs = puppetdb.declared_services(FLEET)
    for box in (one for one in lab.nodes if one.role == "app"):
        hiera = {name for name, entry in looked_up[box.name].items() if entry.get("ensure") != "absent"}
        assert hiera == {service["name"] for service in catalogs[box.certname]}, box.name


def test_exact_version_is_installed(service: Deployed) -> None:
    package = service.node.package(service.package)
    assert package.is_installed, f"{service.package} is not installed on {service.box.name}"
    assert package.version == service.parameters["version"]


def test_running_service_is_the_installed_version(service: Deployed) -> None:
    need_template(service, "it does not say its version")
    answer = requests.get(service.health_url, timeout=10)
    assert answer.json()["version"] == service.parameters["version"].rpartition("-")[0]


def test_config_is_there_and_nobody_else_can_read_it(service: Deployed) -> None:
    file = service.node.file(config_path(service))
    assert file.is_file
    assert (file.user, file.group, oct(file.mode)) == ("root", service.name, "0o640")
    directory = service.node.file(f"/etc/{service.name}")
    assert (directory.user, directory.group, oct(directory.mode)) == ("root", service.name, "0o750")


def test_config_says_what_hiera_says(service: Deployed) -> None:
    found = read_config(service)
    for section, keys in service.parameters["config"].items():
        for key, value in keys.items():
            wanted = str(value).lower() if isinstance(value, bool) else str(value)
            assert found[section][key] == wanted, f"[{section}] {key} on {service.box.name}"


def test_secrets_arrived_and_are_nowhere_that_others_read(
    service: Deployed, looked_up: dict[str, dict[str, Any]]
) -> None:
    declared = looked_up[service.box.name][service.name].get("secrets", {})
    found = read_config(service)
    values = [found[section][key] for section, keys in declared.items() for key in keys]
    if looked_up[service.box.name][service.name].get("database"):
        values.append(str(urlsplit(found["database"]["url"]).password))
    assert [value for value in values if len(value) < 20 or value.startswith("ENC[")] == []
    # everything that another account of the node could read, and every log
    places = (
        f"/etc /opt/venvs/{service.package} /opt/releases/{service.name} /usr/share/{service.package}"
        " /usr/local /var/log /run/systemd /run/flask-microservice"
    )
    units = f"{service.name}.service {service.name}.socket {service.instance}"
    script = (
        f"umask 077; cat >{MARKER}; find {places} -xdev -type f ! -path {config_path(service)}"
        f" ! -path '/opt/releases/{service.name}/*/default_config.ini' -print0"
        f" | xargs -0 grep -lFf {MARKER} 2>/dev/null; systemctl show {units} | grep -cFf {MARKER};"
        f" journalctl --no-pager --quiet | grep -cFf {MARKER}; rm -f {MARKER}"
    )
    if values:
        said = ssh.run(service.box, ["sh", "-c", script], stdin="".join(f"{value}\n" for value in values), check=False)
        assert said.stdout.split() == ["0", "0"], "a secret stands in another file, a unit or the journal"
        kinds = {kind: f'{kind} {{ certname = "{service.box.certname}" }}' for kind in ("catalogs", "reports")}
        stored = [puppetdb.rows(answer) for answer in puppetdb.query_all(FLEET, kinds).values()]
        assert all(stored)
        assert [value for value in values if value in str(stored)] == [], "a secret stands in PuppetDB"


def test_no_other_account_reads_the_config_of_a_kept_release(service: Deployed) -> None:
    configs = service.node.check_output(
        f"stat --format '%U:%G %a' /opt/releases/{service.name}/*/default_config.ini"
    ).splitlines()
    assert set(configs) == {f"root:{service.name} 640"}


def test_no_account_but_the_services_own_reads_the_agents_catalog(service: Deployed) -> None:
    # The agent's cached catalog has secrets in plain text.
    readable = service.node.check_output(
        "find /var/cache/puppet -xdev -name '*.json' -path '*catalog*' -perm /o+r -print | head -n 3"
    )
    closed = service.node.run(
        f"runuser -u {service.name} -- sh -c 'cat /var/cache/puppet/client_data/catalog/* >/dev/null 2>&1'"
    )
    assert closed.rc != 0, f"{service.name} can read the catalog of {service.box.name}: {readable}"


def test_units_run_and_come_back_after_a_reboot(service: Deployed) -> None:
    for unit in (f"{service.name}.socket", f"{service.name}.service"):
        found = service.node.service(unit)
        assert found.is_running, f"{unit} does not run on {service.box.name}"
        assert found.is_enabled, f"{unit} is not enabled on {service.box.name}"
    instance = service.instance
    assert service.node.service(instance).is_running, f"{instance} does not run on {service.box.name}"
    wanted = service.node.check_output(f"systemctl show -P Wants {service.name}.service").split()
    assert instance in wanted, f"{service.name}.service starts another release than the one that serves"


def test_processes_have_no_privileges(service: Deployed) -> None:
    pid = service.node.check_output(f"systemctl show -P MainPID {service.instance}")
    status = service.node.file(f"/proc/{pid}/status").content_string
    uid = service.node.user(service.name).uid
    assert re.search(rf"^Uid:\s+{uid}\s+{uid}\s+{uid}\s+{uid}$", status, re.M)
    assert uid != 0
    assert "NoNewPrivs:\t1" in status
    assert re.search(r"^CapEff:\s+0+$", status, re.M)


def test_hardening_is_on(service: Deployed) -> None:
    instance = service.instance
    shown = service.node.check_output(f"systemctl show --property={','.join(HARDENING)} {instance}")
    assert dict(line.split("=", 1) for line in shown.splitlines()) == HARDENING, f"{instance} on {service.box.name}"
    rating = service.node.check_output(f"systemd-analyze security --no-pager {instance} | tail -n 1")
    exposure = re.search(r"([0-9.]+) [A-Z]", rating)
    assert exposure, rating
    assert float(exposure[1]) <= MOST_EXPOSURE, rating


def test_no_service_can_use_up_its_machine(service: Deployed) -> None:
    shown = service.node.check_output(f"systemctl show --property=MemoryMax,TasksMax,LimitNOFILE {service.instance}")
    limits = dict(line.split("=", 1) for line in shown.splitlines())
    memory = int(service.node.check_output("sed -n 's/^MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo")) * 1024
    assert 0 < int(limits["MemoryMax"]) < memory, limits
    assert 0 < int(limits["TasksMax"]) < 10_000, limits
    assert 0 < int(limits["LimitNOFILE"]) < 20_000, limits


@pytest.fixture(scope="module")
def fact() -> Callable[[Box], dict[str, Any]]:
    """What each node says of its services, which takes a second: each is asked once."""

    @cache
    def ask(box: Box) -> dict[str, Any]:
        said = json.loads(connect(box).check_output("puppet facts show flask_microservices --render-as json"))
        return dict(said["flask_microservices"])

    return ask


def test_fact_says_what_serves(service: Deployed, fact: Callable[[Box], dict[str, Any]]) -> None:
    told = fact(service.box)[service.name]
    assert (f"{service.name}@{told['release']}.service", told["ready"]) == (service.instance, True)


def test_answers_ready_from_the_network(service: Deployed) -> None:
    answer = requests.get(service.health_url, timeout=10)
    assert answer.status_code == 200, f"{service.name} on {service.box.name}: {answer.text}"
    if service.from_template:
        assert answer.json()["status"] == "ready"
        assert requests.get(f"{service.url}/health/live", timeout=10).status_code == 200


def test_data_of_its_upstreams_is_in_its_answer(service: Deployed) -> None:
    need_template(service, "it is not known what it does with an upstream")
    answer = requests.get(f"{service.url}/api/v1/items", timeout=10)
    assert answer.status_code == 200, answer.text
    upstreams = service.parameters["config"].get("upstreams", {})
    authority = service.parameters["environment"].get("REQUESTS_CA_BUNDLE")
    trusting = f" --cacert {authority}" if authority else ""
    for name, url in upstreams.items():
        own = service.node.check_output(f"curl -s --fail{trusting} {url}/api/v1/items")
        assert answer.json()["upstreams"][name]["items"], f"{service.name} has no data of {name}"
        assert str(answer.json()["upstreams"][name]["version"]) in own


def test_log_goes_on_after_logrotate(service: Deployed) -> None:
    need_template(service, "what it logs goes to the journal")
    log = f"/var/log/{service.name}/{service.name}.log"
    directory = service.node.file(f"/var/log/{service.name}")
    assert (directory.user, directory.group, oct(directory.mode)) == ("root", "adm", "0o751")

    def ask() -> str:
        path = f"/probe-{uuid.uuid4().hex}"
        requests.get(service.url + path, timeout=10)
        return path

    before = ask()
    assert before in service.node.file(log).content_string, "a request left no line in the log"
    service.node.check_output(f"logrotate --force /etc/logrotate.d/{service.name}")
    new = service.node.file(log)
    # A line of the first tenth of a second may still go to the old one.
    wait_for(lambda: ask() in new.content_string, "the line of a request in the new log")
    assert before not in new.content_string, "logrotate did not move the log"
    assert before in service.node.file(f"{log}.1").content_string
    assert (new.user, new.group, oct(new.mode)) == (service.name, "adm", "0o640")


def test_package_ships_no_unit_and_nothing_in_etc(service: Deployed) -> None:
    files = service.node.check_output(f"dpkg -L {service.package}").splitlines()
    assert [path for path in files if path.startswith("/etc/") or "/systemd/" in path] == []


def test_a_second_agent_run_changes_nothing(box: Box, second_run: dict[str, agents.AgentRun]) -> None:
    run = second_run[box.name]
    assert (run.outcome, run.changed, run.failed) == ("unchanged", [], [])
    assert run.seconds > 0


def test_every_run_left_its_report_in_puppetdb(box: Box, second_run: dict[str, agents.AgentRun]) -> None:
    assert second_run[box.name].ok
    environment = fleet_environment()

    def arrived() -> bool:
        report = latest_report(box)
        return report is not None and (report["status"], report["environment"]) == ("unchanged", environment)

    wait_for(arrived, "PuppetDB has the report of the second run, which changed nothing")


def test_role_and_tier_come_from_the_certificate(box: Box) -> None:
    facts = puppetdb.query(FLEET, f'facts {{ certname = "{box.certname}" and name = "trusted" }}')
    extensions = facts[0]["value"]["extensions"]
    assert (extensions["pp_role"], extensions["pp_environment"]) == (box.role, box.tier)


def test_node_starts_without_failed_units(box: Box) -> None:
    failed = connect(box).check_output("systemctl --failed --no-legend --plain")
    assert failed == ""
