"""What the tests share: settings files, the application with its tables, and a real upstream service on a free port."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.wrappers import Request, Response

from {{ cookiecutter.__package }}.application import create_app
from {{ cookiecutter.__package }}.database import db
from {{ cookiecutter.__package }}.database_commands import migrate
from {{ cookiecutter.__package }}.settings import SITE_FILE_VARIABLE

WORKERS = 3
ITEMS = {"service": "other", "version": "3.2.1", "items": [{"id": 7, "name": "lamp"}]}


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the tables, and the rows, of a fresh service: to copy, not to use."""
    folder = tmp_path_factory.mktemp("tables")
    (folder / "site.ini").write_text(f"[log]\nfile =\n[database]\nurl = sqlite:///{folder}/service.db\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SITE_FILE_VARIABLE, str(folder / "site.ini"))
        app = create_app()
        migrate.init_app(app)
        with app.app_context():
            flask_migrate.upgrade()
            db.engine.dispose()
    return folder / "service.db"


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Close the connections that a test's applications leave open, as the end of a process would."""
    opened: list[Any] = []

    def note(connection: Any, _: object) -> None:
        opened.append(connection)

    sa.event.listen(sa.pool.Pool, "connect", note)
    yield
    sa.event.remove(sa.pool.Pool, "connect", note)
    for connection in opened:
        connection.close()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tables: Path) -> Callable[[str], Path]:
    """Write the site's settings file, with a database of its own unless it names one, and have the service read it."""

    def write(text: str) -> Path:
        path = tmp_path / "site.ini"
        if "[database]" not in text:
            shutil.copy(tables, tmp_path / "service.db")
            text += f"[database]\nurl = sqlite:///{tmp_path}/service.db\n"
        path.write_text(text)
        monkeypatch.setenv(SITE_FILE_VARIABLE, str(path))
        return path

    return write


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    """A log file in a folder that exists."""
    return tmp_path / "service.log"


@pytest.fixture
def client(site: Callable[[str], Path], log_file: Path{% if cookiecutter.upstream %}, upstream: "Upstream"{% endif %}) -> FlaskClient:
    """A client of the service as the defaults make it, but for the places that it writes to{% if cookiecutter.upstream %} and its upstream{% endif %}."""
    text = f"[app]\nsecret_key = for-tests\n[log]\nfile = {log_file}\n"
{% if cookiecutter.upstream %}
    text += f"[upstreams]\n{{ cookiecutter.upstream }} = {upstream.url}\n"
{% endif %}
    site(text)
    return create_app().test_client()


@pytest.fixture
def address(client: FlaskClient) -> Iterator[str]:
    """Where the service answers other processes, by the only name that Pact reaches without a network."""
    with _served(make_server("127.0.0.1", 0, client.application, threaded=True)) as server:
        yield f"http://localhost:{server.port}"


@pytest.fixture
def server(site: Callable[[str], Path], tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The service as it runs on a node, on a port of the system's choice; its address and gunicorn's process."""
    site(f"[log]\nfile = {tmp_path}/service.log\n")
    environment = {name: value for name, value in os.environ.items() if name != "PROMETHEUS_MULTIPROC_DIR"}
    command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", str(WORKERS), "--threads", "2"]
    command += ["--no-control-socket", "--bind", "127.0.0.1:0"]
    command += ["{{ cookiecutter.__wsgi }}"]
    with (tmp_path / "gunicorn.log").open("w+") as log:
        environment |= {"TMPDIR": str(tmp_path)}
        process = subprocess.Popen(command, stderr=log, env=environment, cwd=tmp_path)
        try:
            yield _listening(process, tmp_path / "gunicorn.log"), process
        finally:
            process.terminate()
            process.wait(30)
    assert not list(tmp_path.glob("*-metrics-*"))


def _listening(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        said = log.read_text()
        found = re.search(r"Listening at: (http://\S+)", said)
        if found and said.count("Booting worker") == WORKERS:
            return found[1]
        time.sleep(0.05)
    raise AssertionError(log.read_text())


@contextmanager
def _served(server: BaseWSGIServer) -> Iterator[BaseWSGIServer]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Upstream:
    """A service whose answer, a status and a body, the test chooses; `url` is its base address.

    `failures` are the statuses that it answers first; `calls` are the requests that it got.
    """

    def __init__(self) -> None:
        self.status, self.body = 200, json.dumps(ITEMS)
        self.content_type = "application/json"
        self.headers = {"X-Release": "3.2.1-1.abc"}
        self.failures: list[int] = []
        self.calls: list[Request] = []
        self.silent, self.over = False, threading.Event()
        self.server = make_server("127.0.0.1", 0, self.answer, threaded=True)
        self.url = f"http://127.0.0.1:{self.server.port}"

    @Request.application
    def answer(self, request: Request) -> Response:
        self.calls.append(request)
        if self.silent:
            self.over.wait(10)
        if self.failures:
            return Response("", self.failures.pop(0))
        if request.path != "/api/v1/items":
            return Response("no such path", 404)
        return Response(self.body, self.status, self.headers, content_type=self.content_type)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """An upstream that answers until the test is over."""
    service = Upstream()
    with _served(service.server):
        yield service
        service.over.set()
