"""PuppetDB is asked by those who may read, and nobody else answers in its place."""

import json
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
from operators import puppetdb
from operators_machine import Machine
from own_authority import Authority


class PuppetDB(BaseHTTPRequestHandler):
    """Answers with what it was asked; a query that is no PQL is refused."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["query"]
        wrong = asked == "nonsense"
        answer = b"PQL parse error at line 1,\ncolumn 1" if wrong else json.dumps([{"path": self.path, "asked": asked}])
        self.send_response(400 if wrong else 200)
        self.end_headers()
        self.wfile.write(answer if isinstance(answer, bytes) else answer.encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def authority(operators: Machine) -> Authority:
    """The authority of the machine's certificate."""
    ours = Authority("Puppet CA")
    certificate, key = ours.issue("localhost")
    operators.write("fleet-operators.ini", "[machine]\ncertname = localhost\n")
    operators.write("ssl/certs/ca.pem", ours.certificate)
    operators.write("ssl/certs/localhost.pem", certificate)
    operators.write("ssl/private_keys/localhost.pem", key)
    return ours


@contextmanager
def served(by: Authority, directory: Path, name: str = "localhost") -> Iterator[int]:
    """A PuppetDB that speaks with those only who have a certificate of an authority; yields its port."""
    certificate, key = by.issue(name)
    (directory / "served.pem").write_text(certificate + key, encoding="utf-8")
    (directory / "served-ca.pem").write_text(by.certificate, encoding="utf-8")
    trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(directory / "served-ca.pem"))
    trust.verify_mode = ssl.CERT_REQUIRED
    trust.load_cert_chain(directory / "served.pem")
    server = HTTPServer(("127.0.0.1", 0), PuppetDB)
    server.socket = trust.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def ask(operators: Machine, monkeypatch: pytest.MonkeyPatch, pql: bytes, port: int = 1) -> int:
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(pql)))
    monkeypatch.setattr(puppetdb, "PORT", port)
    return operators.run("fleet-query")


def test_a_query_is_asked_with_the_machines_own_certificate(
    operators: Machine, authority: Authority, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    with served(authority, operators.root) as port:
        assert ask(operators, monkeypatch, "nodes[certname] { certname ~ 'ä' }\n".encode(), port) == 0
    assert json.loads(capfdbinary.readouterr().out) == [
        {"path": "/pdb/query/v4", "asked": "nodes[certname] { certname ~ 'ä' }\n"}
    ]


def test_a_refused_query_is_one_line_with_puppetdbs_words(
    operators: Machine, authority: Authority, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with served(authority, operators.root) as port:
        assert ask(operators, monkeypatch, b"nonsense", port) == 1
    assert capsys.readouterr().err == (
        "fleet-query: PuppetDB on localhost refuses the query (HTTP 400): PQL parse error at line 1, column 1\n"
    )


def test_several_queries_have_one_answer_and_a_refused_one_costs_no_other(
    operators: Machine, authority: Authority, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    asked = {"a": "nodes {}", "b": "nonsense", "c": 'facts { name = "x" }'}
    with served(authority, operators.root) as port:
        assert ask(operators, monkeypatch, json.dumps(asked).encode(), port) == 0
    said = json.loads(capfdbinary.readouterr().out)
    assert [said[name][0]["asked"] for name in "ac"] == [asked[name] for name in "ac"]
    assert said["b"] == "PuppetDB on localhost refuses the query (HTTP 400): PQL parse error at line 1, column 1"


@pytest.mark.usefixtures("authority")
def test_several_queries_are_one_failure_if_nobody_answers(
    operators: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with served(Authority("Another CA"), operators.root) as port:
        assert ask(operators, monkeypatch, b'{"a": "nodes {}"}', port) == 1
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)


@pytest.mark.parametrize("impostor", ["another authority", "another name", "nobody"])
def test_answers_are_taken_from_puppetdb_alone(
    impostor: str, operators: Machine, authority: Authority, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    if impostor == "nobody":
        assert ask(operators, monkeypatch, b"nodes {}") == 1
    else:
        by = Authority("Another CA") if impostor == "another authority" else authority
        name = "evil.example.org" if impostor == "another name" else "localhost"
        with served(by, operators.root, name) as port:
            assert ask(operators, monkeypatch, b"nodes {}", port) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("fleet-query: PuppetDB on localhost does not answer: ")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("pql", [b"", b" \n", b"x" * 65537, b"\xff", b"{nodes}", b'{"a": 1}'],
                         ids=["none", "blank", "too long", "no text", "no JSON", "no string"])  # fmt: skip
@pytest.mark.usefixtures("authority")
def test_what_is_no_query_is_not_asked(
    pql: bytes, operators: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(operators, monkeypatch, pql) == 2
    assert capsys.readouterr().err.startswith("fleet-query: the quer")
