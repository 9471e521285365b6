"""The balancer of a tier finds the tier's services and the machines that run them, without being told."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fleet_cli.repository import labfile
from fleet_cli.sandbox import running

from .catalogs import Catalog, Node
from .conftest import Compile

PROBE = Path(__file__).with_name("edge_probe.py")
SERVED, CHECK = "/etc/haproxy/fleet.pem", "/etc/haproxy/certificate-check.cfg"
SERVICES = """
flask_microservice::services:
  orders: {port: 7001, health_path: /status/200}
  order-items: {port: 7002, workers: 3, threads: 1}
  hidden: {port: 7003, address: 127.0.0.1}
  gone: {port: 7004, ensure: absent}
  internal: {port: 7005}
  clients: {port: 7006}
  uploads: {port: 7007}
  socket: {socket: /run/socket/http.sock}
flask_microservice::versions:
  {orders: '1.0-1', order-items: '1.0-1', hidden: '1.0-1', internal: '1.0-1', socket: '1.0-1', clients: '1.0-1',
   uploads: '1.0-1'}
"""
TIER = """
flask_microservice::balancers: [192.0.2.51]
profile::load_balancer::clients: [198.51.100.0/24]
profile::load_balancer::except: [internal]
"""
WITHOUT_TLS = TIER + "profile::load_balancer::tls: false\n"
OWN_CERTIFICATE = (
    TIER
    + """
profile::load_balancer::certificate: /etc/ssl/own.pem
profile::load_balancer::private_key: /etc/ssl/private/own.key
profile::load_balancer::plain_ports: {orders: 8001}
"""
)
AT_THE_EDGE = (
    TIER
    + """
profile::load_balancer::hsts_seconds: 31536000
profile::load_balancer::public_paths: {order-items: [/openapi.json], clients: [/metrics, /openapi.json]}
profile::load_balancer::hidden_headers: [Server, X-Release]
profile::load_balancer::pem: a certificate and its key
"""
)


def node(name: str, role: str, address: str = "192.0.2.10", *, tier: str = "test", layer: str = TIER) -> Node:
    host, _, domain = name.partition(".")
    return Node(
        certname=name,
        role=role,
        tier=tier,
        hiera={
            "services/orders.yaml": SERVICES,
            "services/inventory.yaml": "---\n{}\n",
            f"tiers/{tier}.yaml": layer,
            "nodes/far.example.test.yaml": "flask_microservice::services: {orders: {address: '2001:db8::1'}}\n",
            "nodes/leaving.example.test.yaml": "flask_microservice::services: {order-items: {ensure: absent}}\n",
        },
        facts={"networking": {"hostname": host, "domain": domain, "fqdn": name, "ip": address}},
    )


NODES = {
    "app1": node("app1.example.test", "app", "192.0.2.31"),
    "far": node("far.example.test", "app", "192.0.2.32"),
    "leaving": node("leaving.example.test", "app", "192.0.2.33"),
    "other tier": node("app9.example.test", "app", "192.0.2.39", tier="other"),
    "balancer": node("lb.example.test", "load_balancer"),
    "without TLS": node("lb.example.test", "load_balancer", layer=WITHOUT_TLS),
    "own certificate": node("lb.example.test", "load_balancer", layer=OWN_CERTIFICATE),
    "at the edge": node("lb.example.test", "load_balancer", layer=AT_THE_EDGE),
}


@pytest.fixture(scope="module")
def catalogs(compile: Compile) -> dict[str, Catalog]:
    """Each node's catalog; the balancers come after those who export to them."""
    return dict(zip(NODES, compile(list(NODES.values())), strict=True))


def config(catalog: Catalog) -> str:
    """HAProxy's configuration, put together from its fragments as concat does it."""
    fragments = [
        resource
        for resource in catalog
        if resource.reference.startswith("Concat::Fragment[") and resource["target"] == "/etc/haproxy/haproxy.cfg"
    ]
    return "".join(fragment["content"] for fragment in sorted(fragments, key=lambda one: str(one["order"])))


def sections(catalog: Catalog) -> dict[str, list[str]]:
    """The lines of each frontend and backend."""
    found: dict[str, list[str]] = {}
    for part in re.split(r"(?m)^(?=\S)", config(catalog)):
        head, *lines = part.strip().splitlines() or [""]
        found[head] = [line.strip() for line in lines if line.strip()]
    return found


def servers(catalog: Catalog, service: str) -> list[str]:
    return [line for line in sections(catalog)[f"backend {service}"] if line.startswith("server ")]


def test_every_machine_of_the_tier_is_behind_it_and_no_other(catalogs: dict[str, Catalog]) -> None:
    assert servers(catalogs["balancer"], "orders") == [
        "server app1.example.test 192.0.2.31:7001 maxconn 16",
        "server far.example.test [2001:db8::1]:7001 maxconn 16",
        "server leaving.example.test 192.0.2.33:7001 maxconn 16",
    ]


def test_a_machine_whose_service_is_absent_is_taken_out(catalogs: dict[str, Catalog]) -> None:
    assert servers(catalogs["balancer"], "order-items") == [
        "server app1.example.test 192.0.2.31:7002 maxconn 3",
        "server far.example.test 192.0.2.32:7002 maxconn 3",
    ]


def test_each_service_of_the_tier_has_its_own_port_with_tls(catalogs: dict[str, Catalog]) -> None:
    found = sections(catalogs["balancer"])
    assert {name for name in found if name.startswith("frontend ")} == {
        f"frontend {name}" for name in ("orders", "order-items", "clients", "uploads")
    }
    assert "bind :7001,:::7001 v6only ssl crt /etc/haproxy/fleet.pem alpn h2,http/1.1" in found["frontend orders"]
    assert "bind :7002,:::7002 v6only ssl crt /etc/haproxy/fleet.pem alpn h2,http/1.1" in found["frontend order-items"]


def test_each_machine_is_asked_for_its_health_where_the_service_says(catalogs: dict[str, Catalog]) -> None:
    found = sections(catalogs["balancer"])
    assert "http-check send meth GET uri /status/200" in found["backend orders"]
    assert "http-check send meth GET uri /health/ready" in found["backend order-items"]
    assert "http-check expect status 200" in found["backend orders"]


def test_a_machine_gets_as_many_requests_at_a_time_as_it_has_threads_for(catalogs: dict[str, Catalog]) -> None:
    """Others would wait in a worker that is busy while another one is free, and before its health check."""
    units = {
        name: catalogs["app1"][f"File[/etc/systemd/system/{name}@.service]"]["content"]
        for name in ("orders", "order-items")
    }
    for name, unit in units.items():
        threads = re.search(r"^Environment=FLASK_MICROSERVICE_THREADS=(\d+)$", unit, re.MULTILINE)
        workers = re.search(r" --workers (\d+) ", unit)
        assert threads
        assert workers
        assert servers(catalogs["balancer"], name)[0].endswith(f" maxconn {int(threads[1]) * int(workers[1])}")


def test_uploads_never_have_all_threads_of_a_machine(catalogs: dict[str, Catalog]) -> None:
    """Clients that send a byte a second would keep all others from a service."""
    assert servers(catalogs["balancer"], "orders:uploads")[0] == (
        "server app1.example.test 192.0.2.31:7001 maxconn 4 no-check track orders/app1.example.test"
    )
    assert " maxconn 1 " in servers(catalogs["balancer"], "order-items:uploads")[0]
    frontend = sections(catalogs["balancer"])["frontend orders"]
    assert "use_backend orders:uploads if longer or begun !measured fills_a_buffer" in frontend
    assert [line for line in frontend if "429" in line and line.endswith("{ sc0_conn_cur(uploads:clients) gt 8 }")]


def test_requests_wait_in_a_queue_that_ends(catalogs: dict[str, Catalog]) -> None:
    """A client that has given up long ago would be answered before one that waits, and all memory be taken."""
    found = sections(catalogs["balancer"])
    assert "timeout queue 10s" in found["defaults"]
    for backend in ("backend orders", "backend orders:uploads"):
        assert [line for line in found[backend] if "503" in line and line.endswith("Retry-After 5 if { queue ge 500 }")]


def test_a_machine_of_an_older_commit_is_balanced_without_a_limit(compile: Compile) -> None:
    """What it has exported does not say how many threads it has: the balancer's catalog would fail until it runs."""
    code = """
      class { 'profile::load_balancer': }
      profile::load_balancer::member { 'orders on old.example.test':
        service => 'orders', tier => 'test', certname => 'old.example.test', address => '192.0.2.39', port => 7001,
      }
    """
    (catalog,) = compile([Node(**{**vars(NODES["balancer"]), "code": code})])
    assert servers(catalog, "orders") == ["server old.example.test 192.0.2.39:7001"]


def test_a_client_can_not_say_where_it_comes_from(catalogs: dict[str, Catalog]) -> None:
    frontend = sections(catalogs["balancer"])["frontend orders"]
    assert "http-request set-header X-Forwarded-For %[src]" in frontend
    assert "http-request set-header X-Forwarded-Proto https if { ssl_fc }" in frontend


def test_two_services_at_one_port_are_refused(compile: Compile) -> None:
    wrong = TIER + "profile::load_balancer::plain_ports: {orders: 7002, nosuch: 8002}\n"
    (catalog,) = compile([node("lb.example.test", "load_balancer", layer=wrong)])
    assert "more than one service has the port 7002" in catalog.error
    assert "plain_ports has nosuch, which is no service" in catalog.error


def test_what_may_arrive_twice_without_harm_alone_is_sent_twice(catalogs: dict[str, Catalog]) -> None:
    found = sections(catalogs["balancer"])
    assert "option http-server-close" in found["defaults"]
    assert "retry-on conn-failure empty-response junk-response" in found["defaults"]
    for service in ("orders", "order-items"):
        rule = "http-request disable-l7-retry unless { method GET HEAD OPTIONS }"
        assert rule in found[f"backend {service}"]


def test_certificate_is_the_machines_own_or_a_given_one(catalogs: dict[str, Catalog]) -> None:
    key, file = "Concat::Fragment[haproxy: private key]", "Concat[/etc/haproxy/fleet.pem]"
    own, given = catalogs["balancer"], catalogs["own certificate"]
    assert own[key]["source"] == "/var/lib/puppet/ssl/private_keys/lb.example.test.pem"
    assert given[key]["source"] == "/etc/ssl/private/own.key"
    assert given["Concat::Fragment[haproxy: certificate]"]["source"] == "/etc/ssl/own.pem"
    assert (own[file]["mode"], own[file]["show_diff"]) == ("0600", False)
    assert own[file].references("notify") == {"Service[haproxy]"}


def test_certificate_and_key_from_hiera_are_a_secret(catalogs: dict[str, Catalog]) -> None:
    file = catalogs["at the edge"]["File[/etc/haproxy/fleet.pem]"]
    assert (file["content"], file["mode"], file["show_diff"]) == ("a certificate and its key", "0600", False)
    assert file.sensitive == {"content"}
    assert file.references("notify") == {"Service[haproxy]"}


def test_what_is_for_the_fleet_alone_is_not_shown_unless_it_is_asked_for(catalogs: dict[str, Catalog]) -> None:
    found = sections(catalogs["at the edge"])
    hidden = {
        name: [line.partition(" -m str ")[2] for line in found[f"frontend {name}"] if " -m str " in line]
        for name in ("orders", "order-items", "clients")
    }
    assert hidden == {"orders": ["/metrics /openapi.json"], "order-items": ["/metrics"], "clients": []}
    assert "Not found" not in "".join(found["frontend clients"])


def test_headers_are_hidden_as_hiera_says(catalogs: dict[str, Catalog]) -> None:
    headers = {
        name: [line.split()[2:] for line in sections(catalogs[name])["frontend orders"] if "after-response" in line]
        for name in ("balancer", "at the edge")
    }
    assert headers["balancer"] == [["Server"]]
    assert headers["at the edge"] == [["Server"], ["X-Release"], ["Strict-Transport-Security", "max-age=31536000"]]


@pytest.mark.parametrize(
    ("plain", "what"), [("plain_ports: {orders: 8001}", "drop it, or plain_ports"), ("tls: false", "drop it, or tls")]
)
def test_browsers_are_not_told_to_avoid_what_is_offered(compile: Compile, plain: str, what: str) -> None:
    wrong = f"{TIER}profile::load_balancer::hsts_seconds: 300\nprofile::load_balancer::{plain}\n"
    (catalog,) = compile([node("lb.example.test", "load_balancer", layer=wrong)])
    assert "profile::load_balancer::hsts_seconds no longer reach ports without TLS" in catalog.error
    assert what in catalog.error


def test_a_path_that_is_shown_by_mistake_is_refused(compile: Compile) -> None:
    wrong = f"{TIER}profile::load_balancer::public_paths: {{orders: [/openapi.jsn], order: [/metrics]}}\n"
    (catalog,) = compile([node("lb.example.test", "load_balancer", layer=wrong)])
    assert "public_paths has order, which is no service" in catalog.error
    assert "public_paths (orders) has /openapi.jsn, which is not in hidden_paths" in catalog.error


def test_plain_http_is_offered_only_where_it_is_asked_for(catalogs: dict[str, Catalog]) -> None:
    plain = sections(catalogs["own certificate"])["frontend orders"]
    assert "bind :8001,:::8001 v6only" in plain
    assert "bind :7001,:::7001 v6only ssl crt /etc/haproxy/fleet.pem alpn h2,http/1.1" in plain
    assert "bind :7001,:::7001 v6only" in sections(catalogs["without TLS"])["frontend orders"]
    assert "ssl crt" not in config(catalogs["without TLS"])


def test_a_change_is_checked_and_taken_up_without_a_restart(catalogs: dict[str, Catalog]) -> None:
    catalog = catalogs["balancer"]
    assert catalog["Concat[/etc/haproxy/haproxy.cfg]"]["validate_cmd"] == "/usr/sbin/haproxy -c -q -f %"
    assert catalog["Concat[/etc/haproxy/haproxy.cfg]"].references("notify") == {"Service[haproxy]"}
    assert catalog["Service[haproxy]"]["restart"] == "systemctl reload haproxy"


@pytest.fixture
def pem(eyaml_keys: Path, tmp_path: Path) -> Path:
    """A certificate and its key in one file, as the balancer has them: which ones does not matter here."""
    file = tmp_path / "fleet.pem"
    parts = (eyaml_keys / f"{kind}_key.pkcs7.pem" for kind in ("public", "private"))
    file.write_text("".join(part.read_text(encoding="ascii") for part in parts), encoding="ascii")
    return file


def test_haproxy_takes_the_configuration(catalogs: dict[str, Catalog], pem: Path, tmp_path: Path) -> None:
    files = tmp_path / "configurations"
    files.mkdir()
    for name in ("balancer", "without TLS", "own certificate", "at the edge"):
        (files / f"{name}.cfg").write_text(config(catalogs[name]), encoding="utf-8")
    check = 'for file in /balancers/*.cfg; do haproxy -c -f "$file" || exit 1; done'
    reads = {files: "/balancers", pem: SERVED}
    result = running.run("node", ["sh", "-c", check], reads=reads, root=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "WARNING" not in result.stderr


def test_a_certificate_that_haproxy_would_not_start_with_is_not_put_in_place(
    catalogs: dict[str, Catalog], pem: Path, tmp_path: Path
) -> None:
    """It would go on with what it has until the machine is rebooted."""
    catalog = catalogs["balancer"]
    files = tmp_path / "files"
    files.mkdir()
    (files / "check.cfg").write_text(catalog[f"File[{CHECK}]"]["content"], encoding="utf-8")
    whole = pem.read_text(encoding="ascii")
    other = subprocess.run(["openssl", "genrsa", "2048"], check=True, capture_output=True, text=True).stdout
    lone = whole[: whole.index("-----BEGIN", 1)]
    for name, text in {"good": whole, "lone": lone, "other": lone + other, "cut": whole[:-200], "empty": ""}.items():
        (files / f"{name}.pem").write_text(text, encoding="ascii")
    command = catalog["Concat[/etc/haproxy/fleet.pem]"]["validate_cmd"]
    taken = {}
    for name in ("good", "lone", "other", "cut", "empty"):
        argv = command.replace("%", f"/files/{name}.pem").replace(CHECK, "/files/check.cfg").split()
        result = running.run("node", argv, reads={files: "/files"}, root=True, check=False)
        taken[name] = result.returncode == 0
    assert taken == {"good": True, "lone": False, "other": False, "cut": False, "empty": False}


@pytest.fixture
def answers(catalogs: dict[str, Catalog], pem: Path, tmp_path: Path) -> Callable[[str], dict[str, Any]]:
    """What HAProxy answers with the configuration of a catalog, with one machine behind it; see edge_probe.py."""

    def ask(name: str) -> dict[str, Any]:
        text = re.sub(r"(?m)^    server .*\n", "", config(catalogs[name]))
        text = text.replace("chroot /var/lib/haproxy", "").replace("user haproxy", "").replace("group haproxy", "")
        text = text.replace("stats socket /run/haproxy/root.sock mode 600 level admin", "")
        text = re.sub(r"(?m)^(backend orders\n)", r"\1    server near 127.0.0.1:7101\n", text)
        (tmp_path / "haproxy.cfg").write_text(text, encoding="utf-8")
        reads = {tmp_path / "haproxy.cfg": "/haproxy.cfg", PROBE: "/probe.py", pem: SERVED}
        argv = ["python3", "/probe.py", "/haproxy.cfg"]
        said: dict[str, Any] = json.loads(running.run("node", argv, reads=reads, root=True).stdout)
        return said

    return ask


def test_what_outsiders_try_at_the_balancer(answers: Callable[[str], dict[str, Any]]) -> None:
    said = answers("balancer")
    assert said["tls"] == {
        "1.1": "refused", "RSA": "refused", "CBC": "refused", "DHE": "refused",
        "1.2": "ECDHE-RSA-AES256-GCM-SHA384", "1.3": "TLS_AES_256_GCM_SHA384",
    }  # fmt: skip
    shown = {path for path, status in said["paths"].items() if status == 200}
    assert shown == {"/", "/metricsx", "/x/metrics", "/health/ready"}
    assert set(said["paths"].values()) == {200, 404}
    assert set(said["methods"].values()) == {404}
    assert said["headers"]["x-release"] == "1.0-1.abc"
    assert "server" not in said["headers"]


def test_browsers_keep_to_https_where_hiera_says_so(answers: Callable[[str], dict[str, Any]]) -> None:
    said = answers("at the edge")
    for headers in (said["headers"], said["refusal"]):
        assert headers["strict-transport-security"] == "max-age=31536000"
        assert not {"server", "x-release"} & headers.keys()


def test_the_labs_balancer_has_the_labs_app_nodes(lab: labfile.Lab, lab_catalogs: dict[str, Catalog]) -> None:
    for balancer in (box for box in lab.nodes if box.role == "load_balancer"):
        members = {line.split()[1] for line in servers(lab_catalogs[balancer.certname], "orders")}
        assert members == {box.certname for box in lab.nodes if (box.role, box.tier) == ("app", balancer.tier)}


def test_the_labs_nodes_drain_for_longer_than_their_balancer_takes_to_notice(
    lab: labfile.Lab, lab_catalogs: dict[str, Catalog]
) -> None:
    for balancer in (box for box in lab.nodes if box.role == "load_balancer"):
        checks = re.search(r"check inter (\d+)s fall (\d+)", config(lab_catalogs[balancer.certname]))
        assert checks
        for box in (box for box in lab.nodes if (box.role, box.tier) == ("app", balancer.tier)):
            catalog = lab_catalogs[box.certname]
            unit = catalog["File[/etc/systemd/system/flask-microservice-drain.service]"]
            waits = re.search(r"drain --all --wait (\d+)", unit["content"])
            assert waits
            assert int(waits[1]) > int(checks[1]) * int(checks[2])
            # Without it systemd would stop by what it read before.
            assert unit["notify"] == "Service[flask-microservice-drain.service]"
