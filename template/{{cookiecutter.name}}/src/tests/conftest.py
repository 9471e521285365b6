"""What the tests share: settings files, the application, and a real upstream service on a free port."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from {{ cookiecutter.__package }}.application import create_app
from {{ cookiecutter.__package }}.settings import SITE_FILE_VARIABLE

ITEMS = {"service": "other", "version": "3.2.1", "items": [{"id": 7, "name": "lamp"}]}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Write the site's settings file, and have the service read it."""

    def write(text: str) -> Path:
        path = tmp_path / "site.ini"
        path.write_text(text)
        monkeypatch.setenv(SITE_FILE_VARIABLE, str(path))
        return path

    return write


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    """A log file in a folder that exists."""
    return tmp_path / "service.log"


@pytest.fixture
def client(site: Callable[[str], Path], log_file: Path) -> FlaskClient:
    """A client of the service as the defaults make it, but for the log's place."""
    site(f"[app]\nsecret_key = for-tests\n[log]\nfile = {log_file}\n")
    return create_app().test_client()


class Upstream:
    """A service whose answer, a status and a body, the test chooses; `url` is its base address."""

    def __init__(self) -> None:
        self.status, self.body = 200, json.dumps(ITEMS)
        self.silent, self.over = False, threading.Event()
        self.server = make_server("127.0.0.1", 0, self.answer, threaded=True)
        self.url = f"http://127.0.0.1:{self.server.port}"

    @Request.application
    def answer(self, request: Request) -> Response:
        if self.silent:
            self.over.wait(10)
        if request.path != "/api/v1/items":
            return Response("no such path", 404)
        return Response(self.body, self.status, content_type="application/json")


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """An upstream that answers until the test is over."""
    service = Upstream()
    thread = threading.Thread(target=service.server.serve_forever)
    thread.start()
    yield service
    service.over.set()
    service.server.shutdown()
    thread.join()
    service.server.server_close()
