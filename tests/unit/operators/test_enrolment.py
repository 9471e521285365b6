"""Nobody becomes a node who was not invited, and nobody as another one than was meant."""

import hashlib
import json
import os
import pwd
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import autosign_policy
import certificate_request
import enrolment
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from enrolment import Invitations, Log, Refused
from operators import enrolment_service, places
from operators.errors import Failure
from operators_machine import Machine

NODE, ROLE, TIER = "app9.example.org", "app", "production"
ME = pwd.getpwuid(os.getuid()).pw_name


class Clock:
    """The time of a test, in seconds."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def invitations(tmp_path: Path, clock: Clock) -> Invitations:
    return Invitations(tmp_path / "invitations.json", clock)


def invite(invitations: Invitations) -> str:
    """Return a token for the node."""
    return invitations.invite(NODE, ROLE, TIER)["token"]


def test_a_token_is_good_once(invitations: Invitations) -> None:
    token = invite(invitations)
    assert invitations.is_invited(NODE)
    assert invitations.redeem(NODE, ROLE, TIER, token) == ""
    assert "nobody is expected" in invitations.redeem(NODE, ROLE, TIER, token)
    assert not invitations.is_invited(NODE)


@pytest.mark.parametrize(
    ("certname", "role", "tier", "why"),
    [
        ("db1.example.org", ROLE, TIER, "nobody is expected by that name"),
        (NODE, "database", TIER, "for role app in tier production"),
        (NODE, ROLE, "staging", "for role app in tier production"),
    ],
)
def test_a_token_is_good_for_its_node_role_and_tier(
    invitations: Invitations, certname: str, role: str, tier: str, why: str
) -> None:
    token = invite(invitations)
    assert why in invitations.redeem(certname, role, tier, token)
    assert invitations.redeem(NODE, ROLE, TIER, token) == "", "whoever tries in vain can't use it up"


def test_a_token_is_good_for_an_hour(invitations: Invitations, clock: Clock) -> None:
    token = invite(invitations)
    clock.now += 3599
    assert invitations.is_invited(NODE)
    clock.now += 2
    assert not invitations.is_invited(NODE)
    assert "nobody is expected" in invitations.redeem(NODE, ROLE, TIER, token)


def test_a_clock_that_was_ahead_makes_no_token_good_for_longer(invitations: Invitations, clock: Clock) -> None:
    clock.now = 10_000_000
    token = invite(invitations)
    clock.now = 1000
    assert invitations.redeem(NODE, ROLE, TIER, token) != ""


def test_of_two_tokens_for_a_node_the_last_one_is_good(invitations: Invitations) -> None:
    first, second = invite(invitations), invite(invitations)
    assert invitations.redeem(NODE, ROLE, TIER, first) == "the token is wrong"
    assert invitations.redeem(NODE, ROLE, TIER, second) == ""


def test_no_token_is_kept_and_the_file_is_its_accounts_alone(invitations: Invitations, tmp_path: Path) -> None:
    token = invite(invitations)
    file = tmp_path / "invitations.json"
    assert token not in file.read_text(encoding="utf-8")
    assert file.stat().st_mode & 0o777 == 0o600


def test_who_compiles_catalogs_invites_nobody(invitations: Invitations) -> None:
    question = {"invite": {"certname": NODE, "role": ROLE, "tier": TIER}}
    with pytest.raises(Refused):
        enrolment.answer(question, "puppet", invitations, Log())
    with pytest.raises(Refused):
        enrolment.answer({"is_invited": NODE}, "www-data", invitations, Log())
    assert enrolment.answer(question, "root", invitations, Log())["token"]


def test_a_thousand_refusals_leave_room_in_the_log(operators: Machine, clock: Clock) -> None:
    log = Log(clock)
    records = []
    for number in range(1000):
        log.refused(f"n{number}.example.org", "nobody is expected by that name")
        records += operators.records()
    clock.now += 61
    log.flush()
    records += operators.records()
    assert len(records) == 11
    assert (records[-1]["FLEET_WHAT"], records[-1]["FLEET_ACTION"]) == ("990 more requests", "certificate")


@pytest.fixture
def service(operators: Machine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """The service, which takes this account for the one that the call says."""
    asks = ["root"]
    monkeypatch.setattr(enrolment, "_account", lambda _connection: asks[0])
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(places.ENROLMENT))
    listener.listen()
    listener.settimeout(0.02)
    invitations, log = Invitations(operators.root / "invitations.json"), Log()
    ending = threading.Event()

    def serve() -> None:
        while not ending.is_set():
            enrolment.answer_next(listener, invitations, log)

    thread = threading.Thread(target=serve)
    thread.start()
    yield lambda account: asks.__setitem__(0, account)
    ending.set()
    thread.join()
    listener.close()


@pytest.fixture
def server(operators: Machine, service: Callable[[str], None]) -> Machine:
    """The Puppet server, asked by root."""
    operators.write("fleet-operators.ini", "[machine]\ncertname = puppet.example.org\n")
    operators.write("ca_crt.pem", "the CA's certificate\n")
    operators.put("puppetserver", 'rm "$(dirname "$0")/../signed/$4.pem"')
    service("root")
    return operators


def test_the_kernel_says_who_asks() -> None:
    one, other = socket.socketpair(socket.AF_UNIX)
    with one, other:
        assert enrolment._account(one) == ME


def test_fleet_enroll_gives_all_that_a_machine_needs(
    server: Machine, service: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert server.run("fleet-enroll", NODE, "--role", ROLE, "--tier", TIER) == 0
    said = json.loads(capsys.readouterr().out)
    token = said.pop("token")
    assert said.pop("until")[10] == "T"
    assert said == {
        "certname": NODE, "role": ROLE, "tier": TIER, "server": "puppet.example.org", "replaced": False,
        "authority": hashlib.sha256(b"the CA's certificate\n").hexdigest(),
    }  # fmt: skip
    record, _ = server.wait_for_record()
    assert (record["FLEET_ACTION"], record["FLEET_WHO"]) == ("enroll", "anna")
    assert record["FLEET_WHAT"] == "app9.example.org as app in production"
    assert token not in json.dumps(record)
    service("puppet")
    redeemed = {"certname": NODE, "role": ROLE, "tier": TIER, "token": token}
    assert enrolment_service.ask({"redeem": redeemed})["signed"]
    assert server.wait_for_record()[0]["FLEET_OUTCOME"] == "done"


def test_a_node_that_was_rebuilt_loses_its_old_certificate(server: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    server.write(f"signed/{NODE}.pem", "")
    assert server.run("fleet-enroll", NODE, "--role", ROLE, "--tier", TIER) == 0
    assert json.loads(capsys.readouterr().out)["replaced"]
    assert server.given("puppetserver") == ["ca", "clean", "--certname", NODE]


def test_a_certificate_that_can_not_be_revoked_is_given_no_second_one(
    server: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    server.write(f"signed/{NODE}.pem", "")
    server.put("puppetserver", "echo 'Error: connection refused' >&2; exit 1")
    assert server.run("fleet-enroll", NODE, "--role", ROLE, "--tier", TIER) == 1
    assert "could not be revoked: Error: connection refused" in capsys.readouterr().err
    assert not (server.root / "invitations.json").exists()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "say a node's certname, --role and --tier"),
        ([NODE, "--role", ROLE], "say a node's certname, --role and --tier"),
        (["app9", "--role", ROLE, "--tier", TIER], "'app9' is no node's certname"),
        (["../app9.x", "--role", ROLE, "--tier", TIER], "is no node's certname"),
        ([NODE, "--role", "puppetserver", "--tier", TIER], "no other machine gets the role puppetserver"),
        (["puppet.example.org", "--role", ROLE, "--tier", TIER], "is the Puppet server itself"),
        ([NODE, "--role", "a b", "--tier", TIER], "is no role"),
    ],
)
def test_what_nobody_may_become_is_refused(
    server: Machine, capsys: pytest.CaptureFixture[str], arguments: list[str], why: str
) -> None:
    assert server.run("fleet-enroll", *arguments) == 2
    assert why in capsys.readouterr().err
    assert server.records() == []


def test_a_server_without_the_service_says_so(operators: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    operators.write("fleet-operators.ini", "[machine]\ncertname = puppet.example.org\n")
    operators.write("ca_crt.pem", "the CA's certificate\n")
    assert operators.run("fleet-enroll", NODE, "--role", ROLE, "--tier", TIER) == 1
    assert "fleet-enrolment.service does not answer" in capsys.readouterr().err


@pytest.mark.usefixtures("server")
def test_nonsense_keeps_nobody_waiting() -> None:
    """The CA's policy would refuse whoever comes then."""
    for said in (b"", b"\n", b"[]\n", b"{\n", b'{"invite": 1}\n', b'{"is_invited": "x"}\n', b"x" * 10000):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(str(places.ENROLMENT))
            connection.sendall(said)
            if said:
                assert b"error" in connection.recv(4096)
    assert enrolment_service.ask({"invite": {"certname": NODE, "role": ROLE, "tier": TIER}})["token"]


def request(**changed: Any) -> bytes:
    """Return the request of the machine that was invited, with what is changed in it."""
    return certificate_request.request(**{"name": NODE, "role": ROLE, "tier": TIER, **changed})


class Policy:
    """The CA with its policy: what comes of a request, and what stays of it."""

    def __init__(self, server: Machine, service: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
        self.token = enrolment_service.ask({"invite": {"certname": NODE, "role": ROLE, "tier": TIER}})["token"]
        self.requests = server.root / "requests"
        self.requests.mkdir()
        self._monkeypatch = monkeypatch
        monkeypatch.setattr(autosign_policy, "REQUESTS", self.requests)
        service("puppet")

    def signs(self, pem: bytes, name: str = NODE) -> bool:
        """Whether it is signed; Puppet Server has saved the request by then."""
        saved = self.requests / f"{name}.pem"
        saved.write_bytes(pem)
        self._monkeypatch.setattr(sys, "stdin", saved.open())
        signed = autosign_policy.main([name]) == 0
        assert saved.exists() == signed, "everybody could read it there"
        return signed


@pytest.fixture
def policy(server: Machine, service: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> Policy:
    """With a token for the node."""
    return Policy(server, service, monkeypatch)


def test_who_was_invited_gets_a_certificate_and_its_token_is_used_up(
    policy: Policy, server: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    pem = request(token=policy.token)
    assert policy.signs(pem)
    assert "signed: role app, tier production" in capsys.readouterr().out
    assert not policy.signs(pem)
    assert [record["FLEET_OUTCOME"].partition(":")[0] for record in server.records()] == ["done", "failed"]


ATTACKS: list[tuple[dict[str, Any], str]] = [
    ({"token": None}, "brings no token"),
    ({"token": "0" * 40}, "the token is wrong"),
    ({"role": "database"}, "for role app in tier production"),
    ({"tier": "staging"}, "for role app in tier production"),
    ({"name": "db1.example.org"}, "for another name than the one it was sent for"),
    ({"extra": True}, "asks for the extensions 2.5.29.37"),
    ({"role": "../app"}, "is not a lower-case word"),
]


@pytest.mark.parametrize(("changed", "why"), ATTACKS)
def test_no_other_request_is_signed(
    policy: Policy, server: Machine, capsys: pytest.CaptureFixture[str], changed: dict[str, Any], why: str
) -> None:
    assert not policy.signs(request(**{"token": policy.token, **changed}))
    said = capsys.readouterr().err
    assert why in said
    assert policy.token not in said
    (record,) = server.records()
    assert why in record["FLEET_OUTCOME"]
    assert policy.signs(request(token=policy.token)), "a stranger's attempts cost the machine nothing"


@pytest.mark.parametrize("pem", [b"", b"no request", b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n"])
def test_what_is_no_request_is_refused(policy: Policy, pem: bytes) -> None:
    assert not policy.signs(pem)


def test_a_request_that_somebody_changed_is_refused(policy: Policy) -> None:
    mine, theirs = request(token=policy.token), request(token="0" * 40)
    der = x509.load_pem_x509_csr(mine).public_bytes(Encoding.DER)
    other = x509.load_pem_x509_csr(theirs).signature
    ours = x509.load_pem_x509_csr(mine).signature
    forged = der.replace(ours, other) if len(ours) == len(other) else der[:-1] + bytes([der[-1] ^ 1])
    pem = x509.load_der_x509_csr(forged).public_bytes(Encoding.PEM)
    assert not policy.signs(pem)


def test_nobody_gets_a_certificate_while_the_service_is_away(
    operators: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(autosign_policy, "REQUESTS", operators.root)
    with pytest.raises(Failure):
        autosign_policy.check(NODE, request(token="0" * 40))
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        assert autosign_policy.main([NODE]) == 1
    assert "fleet-enrolment.service does not answer" in capsys.readouterr().err


def test_strangers_cost_the_server_little(operators: Machine) -> None:
    """Each of a thousand requests would take a second of a processor, and a good one wait for all of them."""
    script = (
        "import sys, autosign_policy as policy; from operators import enrolment_service as service;"
        "service.ask = lambda question: {'invited': False};"
        "policy.REQUESTS = policy.Path('/nonexistent'); policy.main(['a.b']);"
        "sys.exit('cryptography' in sys.modules)"
    )
    program = Path(autosign_policy.__file__).parent
    library = Path(enrolment_service.__file__).parents[1]
    environment = {"PYTHONPATH": f"{program}:{library}"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0
    assert operators.records() == []
