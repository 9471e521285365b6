"""The releases of a service on a node, as `flask-microservice` shows them, and packages that are not fit to serve.

What changes a package is a function of the folder of the service's Python package, for `variant`. Some are found by the
node that tries the release, and never serve; the others are ready, and do harm only once clients ask them.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployed import connect
from fleet_cli.lab import ssh
from fleet_cli.machine.process import Result
from fleet_cli.repository.labfile import Box

PROGRAM = "flask-microservice"


@dataclass(frozen=True)
class Node:
    """One service on one box, through the program that switches its releases."""

    box: Box
    service: str

    def call(self, *arguments: str, check: bool = True) -> Result:
        """Run `flask-microservice` as root."""
        return ssh.run(self.box, [PROGRAM, *arguments], check=check)

    def switch(self) -> Result:
        return self.call("switch", self.service, check=False)

    def status(self) -> dict[str, Any]:
        (status,) = json.loads(self.call("status", "--json", self.service).stdout)
        return dict(status)

    @property
    def release(self) -> str:
        return str(self.status()["release"])

    def shell(self, script: str) -> str:
        return str(connect(self.box).check_output(script))

    def touch_config(self, mark: str) -> None:
        """Change the config by a comment: enough for a new release, with nothing wrong in it."""
        self.shell(f"echo '# {mark}' >> /etc/{self.service}/default_config.ini")

    def traces(self) -> list[str]:
        """What is on the node of releases besides those that serve or are kept: nothing, once a switch has ended."""
        status = self.status()
        known = {status["release"], *status["kept"]}
        units = self.shell(
            f"ls /etc/systemd/system /run/systemd/system | grep '^{self.service}.*@[^.]' || true"
        ).split()
        found = {unit.partition("@")[2].rpartition(".")[0] for unit in units}
        found |= set(self.shell(f"ls -A /opt/releases/{self.service}").split())
        return sorted(found - known)

    def running(self) -> list[str]:
        """The releases whose instance runs, on the port or in a check."""
        listed = self.shell(
            f"systemctl list-units --plain --no-legend --state=active,activating '{self.service}*@*.service'"
        )
        return [line.split()[0] for line in listed.splitlines()]


def variant(package: Path, version: str, change: Callable[[Path], None], directory: Path) -> Path:
    """Make another version of a service's package, in which something was changed.

    Args:
        package: the .deb to start from.
        version: the version of the result.
        change: changes the unpacked files; is given the folder of the service's Python package.
        directory: where the result goes.
    """
    name = package.name.split("_")[0]
    tree = directory / f"{name}-{version}"
    subprocess.run(["dpkg-deb", "-R", str(package), str(tree)], check=True)
    control = tree / "DEBIAN/control"
    lines = control.read_text(encoding="utf-8").splitlines()
    control.write_text(
        "".join(f"Version: {version}\n" if line.startswith("Version:") else f"{line}\n" for line in lines)
    )
    (code,) = tree.glob(f"opt/venvs/{name}/lib/python3*/site-packages/{name.replace('-', '_')}")
    change(code)
    shutil.rmtree(code / "__pycache__", ignore_errors=True)  # the byte code of before would be run
    made = directory / f"{name}_{version}_amd64.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Znone", "-b", str(tree), str(made)], check=True, capture_output=True,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"},  # the same each time: a version has one content
    )  # fmt: skip
    shutil.rmtree(tree)
    return made


def append(module: str, code: str) -> Callable[[Path], None]:
    """Return a change that adds code to the end of a module of the service."""

    def change(directory: Path) -> None:
        path = directory / module
        path.write_text(f"{path.read_text(encoding='utf-8')}\n{code}\n", encoding="utf-8")

    return change


def failing_migration(directory: Path) -> None:
    """A migration that can't be done."""
    (first,) = (directory / "migrations/versions").glob("0001_*.py")
    revision = next(
        line.split('"')[1] for line in first.read_text(encoding="utf-8").splitlines() if line.startswith("revision")
    )
    (first.parent / "0002_failing.py").write_text(
        f'"""Fails."""\nrevision = "0002"\ndown_revision = "{revision}"\n\n\n'
        'def upgrade():\n    raise RuntimeError("there is no way")\n',
        encoding="utf-8",
    )


def without_gunicorn(directory: Path) -> None:
    """What the unit starts is not there."""
    (directory.parents[3] / "bin/gunicorn").unlink()


never_starts = append("application.py", "import nosuchmodule")
never_ready = append("database.py", "def require_current() -> str:\n    raise DatabaseError('not yet')")
refuses_config = append(
    "settings.py",
    """
def load_settings() -> Settings:
    raise SettingsError(f"{SITE_FILE}: [app] region: there is none; expected where it runs, such as eu-1")
""",
)

_SPOILT = """
_sound_app = create_app


def create_app(*arguments, **options):
    import itertools
    import os
    import time

    import flask

    app = _sound_app(*arguments, **options)
    asked = itertools.count(1)

    def is_of_a_client() -> bool:
        return flask.request.path.startswith("/api/")

    @app.before_request
    def before():
        flask.g.began = time.monotonic()
        return ({before}) if is_of_a_client() else None

    @app.after_request
    def after(response):
        if is_of_a_client():
            {after}
        return response

    return app
"""
"""Answers clients in another way. Health and metrics are as they were: to its node the release is ready."""


def spoilt(before: str = "None", after: str = "pass") -> Callable[[Path], None]:
    """Return a change of how clients are answered.

    Args:
        before: an expression, evaluated before each request of a client: the answer, or None for the usual one.
        after: a statement that is run before each answer goes.
    """
    return append("application.py", _SPOILT.format(before=before, after=after))


answers_500 = spoilt('("out of order", 500)')
answers_500_at_times = spoilt('("out of order", 500) if next(asked) % 20 == 0 else None')
"""Of a worker's requests, one in twenty."""
three_times_as_slow = spoilt(after="time.sleep(max(2 * (time.monotonic() - flask.g.began), 0.1))")
"""By a tenth of a second at least."""
kills_its_workers = spoilt("os.kill(os.getpid(), 9) if next(asked) % 100 == 0 else None")
"""Each after a hundred requests, with all that it is answering."""
