"""Nobody becomes a node who was not invited: what somebody on the network would try against the Puppet server."""

import json
import shlex
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest
import urllib3
from certificate_request import request
from deployed import LAB, connect
from fleet_cli.fleet import enrolling
from fleet_cli.lab import ca, ssh
from own_authority import Authority
from testinfra.host import Host
from waiting import wait_for
from workspace import Fleet

NODE = "guest.fleet.test"
SIGNED = f"/etc/puppet/puppetserver/ca/signed/{NODE}.pem"
REQUESTS = "/etc/puppet/puppetserver/ca/requests"
STATE = "/var/lib/fleet-enrolment/invitations.json"
STAND_IN = """
import http.server, ssl, sys
HERE = sys.argv[1]
class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        open(HERE + "/asked", "a").write(self.command + " " + self.path + "\\n")
        file = {"/puppet-ca/v1/certificate/ca": "ca.pem"}.get(self.path.partition("?")[0])
        file = "crl.pem" if "certificate_revocation_list" in self.path else file
        text = open(HERE + "/" + file, "rb").read() if file else b""
        self.send_response(200 if file else 404)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    do_PUT = do_POST = do_GET
server = http.server.HTTPServer(("127.0.0.1", 8140), Answers)
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(HERE + "/server.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
open(HERE + "/ready", "w").close()
server.serve_forever()
"""
DECEIVED = """
set -eu
ip link set lo up
hostname {node}
for directory in /var/lib/puppet/ssl /etc/puppet /var/cache/puppet; do mount -t tmpfs tmpfs "$directory"; done
mount --bind {here}/hosts /etc/hosts
python3 {here}/stand_in.py {here} >/dev/null 2>&1 &
until [ -e {here}/ready ]; do sleep 0.05; done
status=0
bash {here}/enroll {server} app staging {authority} <{here}/token || status=$?
kill $!
exit "$status"
"""
"""A machine with a network of its own, in which somebody answers as the Puppet server."""


@cache
def _pool() -> urllib3.HTTPSConnectionPool:
    server = LAB.server
    return urllib3.HTTPSConnectionPool(
        server.address, 8140, ssl_context=ca.context(LAB), server_hostname=server.certname,
        assert_hostname=server.certname, maxsize=8, block=True, timeout=60, retries=False,
    )  # fmt: skip


def ask(method: str, name: str = NODE, body: bytes | None = None) -> int:
    """Send a request for a certificate without having one; return the status of the answer."""
    path = f"/puppet-ca/v1/certificate_request/{name}?environment=production"
    # A connection of its own: the server closes one that waits for half a minute.
    headers = {"Content-Type": "text/plain", "Host": LAB.server.certname, "Connection": "close"}
    return _pool().request(method, path, body=body, headers=headers).status


def invite(fleet: Fleet) -> str:
    """Return a token for the guest."""
    token: str = json.loads(fleet.ok("enroll", NODE, "--role", "app", "--tier", "staging", "--json"))["token"]
    return token


@pytest.fixture
def guest(fleet: Fleet, server: Host) -> Iterator[str]:
    """A token for a machine, which is no node any more afterwards."""
    yield invite(fleet)
    if server.file(SIGNED).exists:
        server.check_output(f"puppetserver ca clean --certname {NODE}")


def test_a_machine_becomes_what_it_was_invited_as_and_nothing_else(guest: str, server: Host, fleet: Fleet) -> None:
    """Who had the secret of the fleet was a database in production, or any node that was to come."""
    for body in (
        request(NODE, "database", "production", guest),
        request(NODE, "app", "production", guest),
        request(NODE, "app", "staging", "0" * 40),
        request(NODE, "app", "staging", None),
    ):
        ask("PUT", body=body)
        assert not server.file(SIGNED).exists
    ask("PUT", "other.fleet.test", request("other.fleet.test", "app", "staging", guest))
    assert not server.file("/etc/puppet/puppetserver/ca/signed/other.fleet.test.pem").exists
    assert ask("PUT", body=request(NODE, "app", "staging", guest)) == 200
    first = server.check_output(f"openssl x509 -in {SIGNED} -noout -serial")
    ask("PUT", body=request(NODE, "app", "staging", guest))
    assert server.check_output(f"openssl x509 -in {SIGNED} -noout -serial") == first, "the token was good twice"
    records = json.loads(fleet.ok("log", "--since", "5m", "--json", LAB.server.name))["records"]
    said = [(one["who"], one["what"], one["outcome"]) for one in records if one["action"] == "certificate"]
    assert ("fleet-enrolment", f"{NODE} as app in staging", "done") in said
    wrong_role = f"{NODE} as database in production"
    assert ("fleet-enrolment", wrong_role, "failed: the token is for role app in tier staging") in said


def test_a_machine_that_was_rebuilt_enrols_by_the_same_command(guest: str, server: Host, fleet: Fleet) -> None:
    assert ask("PUT", body=request(NODE, "app", "staging", guest)) == 200
    number = server.check_output(f"openssl x509 -in {SIGNED} -noout -serial").partition("=")[2]
    token = invite(fleet)
    revoked = server.check_output("openssl crl -in /etc/puppet/puppetserver/ca/ca_crl.pem -noout -text")
    assert f"Serial Number: {number}" in revoked
    assert ask("PUT", body=request(NODE, "app", "staging", token)) == 200
    assert server.file(SIGNED).exists


def test_what_was_refused_is_shown_to_nobody_and_keeps_nobody_from_asking(guest: str, server: Host) -> None:
    """A typing error showed the token to whoever asked; and who asked in vain kept the machine out."""
    assert ask("GET") == 403
    ask("PUT", body=request(NODE, "app", "production", guest))
    assert ask("GET") == 403
    assert server.run(f"ls -A {REQUESTS}").stdout == ""
    assert ask("PUT", body=request(NODE, "app", "staging", guest)) == 200
    assert server.file(SIGNED).exists


def pester(count: int) -> None:
    """Send that many bad requests, eight at a time, some by the guest's name."""
    bad = request(NODE, "app", "staging", "0" * 40)
    strange = request("stranger.fleet.test", "app", "staging", None)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(
            lambda number: ask("PUT", body=bad) if number % 8 == 0 else ask("PUT", "stranger.fleet.test", strange),
            range(count),
        ))  # fmt: skip


def test_many_bad_requests_change_nothing_for_a_good_one(guest: str, server: Host) -> None:
    """Fourteen in a second switched off what threw refused requests away."""
    pester(40)
    assert ask("PUT", body=request(NODE, "app", "staging", guest)) == 200
    assert server.file(SIGNED).exists
    wait_for(lambda: server.run(f"ls -A {REQUESTS}").stdout == "", "nothing that was refused stays")
    for unit in ("puppet-refused-requests.path", "puppet-refused-requests.service", "fleet-enrolment.socket"):
        assert server.run(f"systemctl is-failed {unit}").rc == 1


@pytest.mark.drill
def test_thousand_bad_requests(guest: str, server: Host, fleet: Fleet) -> None:
    """While a thousand come, a good one is granted, and the log has room for others."""
    with ThreadPoolExecutor(1) as pool:
        pestered = pool.submit(pester, 1000)
        wait_for(lambda: "stranger" in server.run("journalctl -t fleet -n 50 -o cat").stdout, "they come")
        assert ask("PUT", body=request(NODE, "app", "staging", guest)) == 200
        assert server.file(SIGNED).exists
        assert not pestered.done()
        pestered.result()
    wait_for(lambda: server.run(f"ls -A {REQUESTS}").stdout == "", "nothing that was refused stays")
    records = json.loads(fleet.ok("log", "--since", "1h", "--action", "certificate", "--json", LAB.server.name))
    print(f"{len(records['records'])} records of 1000 requests")
    assert len(records["records"]) < 200


def test_who_compiles_catalogs_sees_no_token_and_invites_nobody(server: Host) -> None:
    assert server.run(f"runuser -u puppet -- cat {STATE}").rc != 0
    question = json.dumps({"invite": {"certname": NODE, "role": "app", "tier": "staging"}})
    script = (
        "import socket, sys; c = socket.socket(socket.AF_UNIX); c.connect('/run/fleet-enrolment/socket');"
        "c.sendall(sys.argv[1].encode() + b'\\n'); print(c.recv(4096).decode())"
    )
    asked = f"-- python3 -c {shlex.quote(script)} {shlex.quote(question)}"
    assert "not for this account" in server.check_output(f"runuser -u puppet {asked}")
    assert server.run(f"runuser -u nobody {asked}").rc != 0


def test_the_secret_of_servers_of_before_is_gone(server: Host) -> None:
    assert not server.file("/etc/puppet/autosign/shared-secret").exists


def test_a_stand_in_for_the_server_learns_no_token(staging_host: Host, guest: str, tmp_path: Path) -> None:
    """It asked nothing for the secret of the whole fleet but to answer by the server's name."""
    here, server = "/run/stand-in", LAB.server.certname
    authority = Authority("Puppet CA")
    certificate, key = authority.issue(server)
    box = next(box for box in LAB.nodes if box.tier == "staging")
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    (tmp_path / "ca.pem").write_text(authority.certificate)
    (tmp_path / "crl.pem").write_text(authority.revoked())
    (tmp_path / "server.pem").write_text(certificate + key)
    (tmp_path / "token").write_text(f"{guest}\n")
    (tmp_path / "hosts").write_text(f"127.0.0.1 localhost {server}\n127.0.1.1 {NODE} guest\n")
    (tmp_path / "enroll").write_text(enrolling.SCRIPT.read_text())
    digest = ssh.run(LAB.server, ["sha256sum", "/etc/puppet/puppetserver/ca/ca_crt.pem"]).stdout.split()[0]
    ssh.upload(box, tmp_path, here)
    try:
        script = DECEIVED.format(node=NODE, here=here, server=server, authority=digest)
        tried = staging_host.run(f"unshare --mount --uts --net bash -c {shlex.quote(script)}")
        assert tried.rc == 1
        assert f"{server} does not have the CA that is meant, see above: the token was not sent" in tried.stderr
        asked = staging_host.check_output(f"cat {here}/asked")
        assert {line.split()[0] for line in asked.splitlines()} == {"GET"}
        assert "certificate_request" not in asked
    finally:
        staging_host.run(f"rm -rf {here}")


@pytest.fixture
def staging_host() -> Host:
    return connect(next(box for box in LAB.nodes if box.tier == "staging"))
