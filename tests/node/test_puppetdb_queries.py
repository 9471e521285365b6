"""Who may query PuppetDB can give it no orders: what somebody who has such a certificate would try."""

import json
import shlex
from collections.abc import Iterator

import pytest
from certificate_request import request
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from deployed import LAB, connect
from fleet_cli.lab import ssh
from fleet_cli.repository.labfile import Box
from own_authority import Authority
from testinfra.host import Host
from workspace import Fleet, Workspace

PORT = 8082
SSL = "/var/lib/puppet/ssl"
SERVER = LAB.server.certname
REVOKED = "guest.fleet.test"
ORDER = "cmd/v1?command=deactivate_node&version=3&certname=guest.fleet.test"
QUERY = "/pdb/query/v4?query=nodes%5Bcertname%5D%7B%7D"
ELSEWHERE = [
    *("/", "/pdb/meta/v1/version", "/pdb/admin/v1/archive", "/metrics/v2/list", "/status/v1/services"),
    *(f"/pdb/{ORDER}", f"//pdb//{ORDER}", f"/pdb/query/v4/../../{ORDER}", f"/pdb/query/v4/%2e%2e/%2e%2e/{ORDER}"),
    *(f"/pdb/query/v4/..;/..;/{ORDER}", f"/pdb/query/v4/..%3b/..%3b/{ORDER}", f"/pdb/query/v4/..;a=b/..;/{ORDER}"),
    *(f"/pdb/query/v4%2f..%2f..%2f{ORDER}", f"/pdb/query/v4/..%5c..%5c{ORDER}", f"/pdb/query/v3/{ORDER}"),
    f"/pdb/query/v4/%252e%252e/%252e%252e/{ORDER}",
]  # fmt: skip
"""Paths of orders, and of all that is no query, some as a server behind another one may read them."""


def ask(host: Host, path: str, *options: str, own: tuple[str, str] | None = None) -> tuple[int, str]:
    """Ask the port from a box: the status, 0 where no answer comes, and the body.

    Args:
        host: the box.
        path: the path, as it is to be sent.
        options: more options of curl.
        own: the files of a certificate and its key; without a certificate, if not given.
    """
    identity = ["--cert", own[0], "--key", own[1]] if own else []
    command = ["curl", "--silent", "--path-as-is", "--cacert", f"{SSL}/certs/ca.pem", *identity, *options]
    said = host.run(shlex.join([*command, "--write-out", "\n%{http_code}", f"https://{SERVER}:{PORT}{path}"])).stdout
    body, _, status = said.rpartition("\n")
    return int(status), body


def certificate(box: Box) -> tuple[str, str]:
    return f"{SSL}/certs/{box.certname}.pem", f"{SSL}/private_keys/{box.certname}.pem"


@pytest.fixture
def revoked(server: Host, fleet: Fleet) -> Iterator[tuple[str, str]]:
    """A certificate of the CA's, which is revoked by now, and its key, as texts."""
    invited = fleet.ok("enroll", REVOKED, "--role", "app", "--tier", "staging", "--json")
    key = ec.generate_private_key(ec.SECP256R1())
    asked = request(REVOKED, "app", "staging", json.loads(invited)["token"], key=key).decode()
    url = f"https://{SERVER}:8140/puppet-ca/v1/certificate_request/{REVOKED}?environment=production"
    options = ["--silent", "--fail", "--cacert", f"{SSL}/certs/ca.pem", "--header", "Content-Type: text/plain"]
    ssh.run(LAB.server, ["curl", *options, "--request", "PUT", "--data-binary", "@-", url], stdin=asked)
    text = server.check_output(f"cat /etc/puppet/puppetserver/ca/signed/{REVOKED}.pem")
    server.check_output(f"puppetserver ca revoke --certname {REVOKED}")
    yield text, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    server.run(f"puppetserver ca clean --certname {REVOKED}")


@pytest.mark.deploys
@pytest.mark.usefixtures("production_restored")
def test_a_machine_that_may_query_gets_answers_and_can_order_nothing(
    workspace: Workspace, staging: Box, revoked: tuple[str, str]
) -> None:
    file = f"hieradata/nodes/{SERVER}.yaml"
    names = json.dumps([staging.certname, REVOKED])
    workspace.commit(file, f"{workspace.read(file)}\nprofile::puppetdb::queries::certnames: {names}\n")
    workspace.fleet.ok("deploy")
    workspace.fleet.ok("run", LAB.server.name)

    node, own = connect(staging), certificate(staging)
    status, body = ask(node, QUERY, own=own)
    assert (status, {SERVER, staging.certname} - {one["certname"] for one in json.loads(body)}) == (200, set())
    posted = ("--header", "Content-Type: application/json", "--data", '{"query": "nodes[certname]{}"}')
    assert ask(node, "/pdb/query/v4", *posted, own=own)[0] == 200
    assert ask(node, f"/pdb/query/v4/nodes/{SERVER}", own=own)[0] == 200

    for path in ELSEWHERE:
        for method in ("GET", "POST"):
            assert ask(node, path, "--request", method, "--data", "{}", own=own)[0] == 403, (method, path)
    for method in ("PUT", "DELETE", "PATCH"):
        assert ask(node, QUERY, "--request", method, own=own)[0] == 403, method

    assert ask(node, QUERY)[0] == 403, "without a certificate"
    other = next(box for box in LAB.nodes if box.role == "app" and box.tier == "production")
    assert ask(connect(other), QUERY, own=certificate(other))[0] == 403, "a node that is not named"
    for what, texts in (
        ("of another authority", Authority("Puppet CA: somebody").issue(staging.certname)),
        ("revoked", revoked),
    ):
        for name, text in zip(("certificate", "key"), texts, strict=True):
            ssh.run(staging, ["sh", "-c", f"umask 077; cat >/run/{name}.pem"], stdin=f"{text}\n")
        try:
            assert ask(node, QUERY, own=("/run/certificate.pem", "/run/key.pem"))[0] == 403, what
        finally:
            node.check_output("rm /run/certificate.pem /run/key.pem")


def test_nothing_listens_for_queries_where_nobody_is_named(server: Host) -> None:
    listening = server.check_output("ss --no-header --listening --numeric --tcp")
    assert str(PORT) not in {line.split()[3].rpartition(":")[2] for line in listening.splitlines()}
