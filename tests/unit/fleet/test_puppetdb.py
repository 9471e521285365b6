"""A PuppetDB that is asked from here, with a certificate of one's own: nobody else answers in its place."""

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fleet_cli.fleet import puppetdb
from fleet_cli.fleet.description import Fleet, PuppetDB
from fleet_cli.machine.errors import FleetError
from own_authority import Authority

PQL = 'nodes[certname] { certname ~ "app" }'


class Answers(BaseHTTPRequestHandler):
    """Answers with what it was asked; a query that is no PQL is refused."""

    def do_GET(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)["query"][0]
        self.send_response(400 if asked == "nonsense" else 200)
        self.end_headers()
        self.wfile.write(b"PQL parse error" if asked == "nonsense" else json.dumps([{"certname": asked}]).encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def authority() -> Authority:
    return Authority("Puppet CA")


@pytest.fixture
def port(authority: Authority, tmp_path: Path) -> Iterator[int]:
    """The port of a PuppetDB that takes certificates of the authority only."""
    certificate, key = authority.issue("localhost")
    (tmp_path / "server.pem").write_text(certificate + key, encoding="utf-8")
    (tmp_path / "ca.pem").write_text(authority.certificate, encoding="utf-8")
    trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(tmp_path / "ca.pem"))
    trust.verify_mode = ssl.CERT_REQUIRED
    trust.load_cert_chain(tmp_path / "server.pem")
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.socket = trust.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def fleet(directory: Path, port: int, *, own: Authority, trusted: Authority) -> Fleet:
    """A fleet whose PuppetDB is asked with a certificate of one authority, and believed by another."""
    certificate, key = own.issue("anna.example.org")
    files = {"anna.pem": certificate, "anna.key": key, "trusted.pem": trusted.certificate}
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8")
    asked = PuppetDB(f"https://localhost:{port}", *(directory / name for name in files))
    return Fleet(directory / "fleet.yaml", "puppet.example.org", "git@git.example.org:control.git", puppetdb=asked)


def test_it_is_asked_with_the_persons_certificate(port: int, authority: Authority, tmp_path: Path) -> None:
    described = fleet(tmp_path, port, own=authority, trusted=authority)
    assert puppetdb.query(described, PQL) == [{"certname": PQL}]


def test_a_query_that_it_refuses_is_told(port: int, authority: Authority, tmp_path: Path) -> None:
    with pytest.raises(FleetError, match="status 400: PQL parse error"):
        puppetdb.query(fleet(tmp_path, port, own=authority, trusted=authority), "nonsense")


def test_one_that_another_authority_has_named_is_not_believed(port: int, authority: Authority, tmp_path: Path) -> None:
    described = fleet(tmp_path, port, own=authority, trusted=Authority("another"))
    with pytest.raises(FleetError, match=r"no PuppetDB that answers.*certificate verify failed"):
        puppetdb.query(described, PQL)


def test_a_certificate_that_it_does_not_take_is_no_traceback(port: int, authority: Authority, tmp_path: Path) -> None:
    with pytest.raises(FleetError, match="no PuppetDB that answers"):
        puppetdb.query(fleet(tmp_path, port, own=Authority("another"), trusted=authority), PQL)


def test_files_that_are_not_there_are_named(port: int, authority: Authority, tmp_path: Path) -> None:
    described = fleet(tmp_path, port, own=authority, trusted=authority)
    (tmp_path / "anna.key").unlink()
    with pytest.raises(FleetError, match=r"the certificate for PuppetDB can't be used \(.*anna\.key\)"):
        puppetdb.query(described, PQL)
