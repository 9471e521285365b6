"""A team's chat is told how a rollout goes; whatever it answers, the rollout goes on, and no secret is printed."""

import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from fleet_cli.rollout import webhook
from fleet_cli.rollout.webhook import Message
from own_authority import Authority

MESSAGE = Message("end", "rollout 7 of anna: done", 7, "production", "0123abc", "anna", "faster search", "done")


@dataclass
class Chat:
    """A web service with TLS.

    Attributes:
        statuses: what it answers, one after the other; 200 in the end.
        got: the path and the body of each request.
    """

    port: int = 0
    statuses: list[int] = field(default_factory=list)
    got: list[tuple[str, Any]] = field(default_factory=list)
    wait: threading.Event = field(default_factory=threading.Event)
    silent: bool = False

    def url(self, path: str = "/hook") -> str:
        return f"https://localhost:{self.port}{path}"


@pytest.fixture
def chat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Chat]:
    authority, said = Authority("A CA"), Chat()

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            said.got.append((self.path, body))
            if said.silent:
                said.wait.wait(30)
            status = said.statuses.pop(0) if said.statuses else 200
            self.send_response(status)
            if status == 302:
                self.send_header("Location", said.url("/elsewhere"))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    (tmp_path / "server.pem").write_text("".join(authority.issue("localhost")), encoding="utf-8")
    (tmp_path / "ca.pem").write_text(authority.certificate, encoding="utf-8")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    monkeypatch.delenv(webhook.VARIABLE, raising=False)
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.load_cert_chain(tmp_path / "server.pem")
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.socket = trust.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        said.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield said
        said.wait.set()
        server.shutdown()


def test_the_chat_gets_one_json_object_with_a_line_for_people(chat: Chat) -> None:
    assert webhook.send(chat.url(), MESSAGE) == ""
    assert chat.got == [("/hook", {
        "event": "end", "text": "rollout 7 of anna: done", "rollout": 7, "tier": "production", "commit": "0123abc",
        "by": "anna", "why": "faster search", "state": "done",
    })]  # fmt: skip


def test_without_a_url_nothing_is_sent() -> None:
    assert webhook.send("", MESSAGE) == ""


def test_the_secret_of_the_url_comes_from_the_persons_environment(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(webhook.VARIABLE, "T0/B0/geheim")
    assert webhook.send(chat.url("/services/{token}"), MESSAGE) == ""
    assert chat.got[0][0] == "/services/T0/B0/geheim"


@pytest.mark.parametrize(("token", "words"), [("", "is not set"), ("a b", "has blanks in it")])
def test_without_the_secret_nothing_is_sent(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, token: str, words: str
) -> None:
    monkeypatch.setenv(webhook.VARIABLE, token)
    said = webhook.send(chat.url("/services/{token}"), MESSAGE)
    assert said == f"webhook localhost: not told of it: the variable FLEET_WEBHOOK_TOKEN {words}"
    assert chat.got == []


def test_a_chat_that_is_busy_is_asked_once_more(chat: Chat) -> None:
    chat.statuses = [503]
    assert webhook.send(chat.url(), MESSAGE) == ""
    assert len(chat.got) == 2


@pytest.mark.parametrize(("statuses", "requests", "words"), [
    ([500, 500, 500], 2, "it answered 500"), ([404], 1, "it answered 404"), ([302], 1, "it answered 302"),
])  # fmt: skip
def test_what_is_refused_is_a_note_without_the_secret(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, statuses: list[int], requests: int, words: str
) -> None:
    monkeypatch.setenv(webhook.VARIABLE, "geheim")
    chat.statuses = statuses
    assert webhook.send(chat.url("/{token}?key=also-secret"), MESSAGE) == f"webhook localhost: not told of it: {words}"
    assert len(chat.got) == requests


def test_a_chat_that_does_not_answer_holds_up_nobody(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "TIMEOUT_SECONDS", 0.2)
    chat.silent = True
    assert "no answer within" in webhook.send(chat.url("/geheim"), MESSAGE)


@pytest.mark.parametrize(("url", "said"), [
    ("https://anna:geheim@localhost:1/geheim", "webhook localhost: not told of it: it can't be reached"),
    ("https://nowhere.invalid/geheim", "webhook nowhere.invalid: not told of it: it can't be reached"),
    ("https://[geheim/geheim", "webhook without a host: not told of it: InvalidURL"),
    ("http://localhost:1/geheim", "webhook localhost: not told of it: only https is"),
])  # fmt: skip
def test_a_url_that_leads_nowhere_is_a_note_without_the_secret(url: str, said: str) -> None:
    assert webhook.send(url, MESSAGE) == said


def test_a_machine_that_can_not_prove_its_name_is_told_nothing(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    assert "its certificate is not trusted" in webhook.send(chat.url(), MESSAGE)
    assert chat.got == []
