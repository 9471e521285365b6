#!/usr/bin/python3
"""Switch the releases of the Flask microservices of this node.

A release is a package version with one config: a copy of the virtualenv (hard links), of the config and of the unit
that runs them, under /opt/releases/NAME/RELEASE. It never changes. NAME.socket owns the port; NAME@RELEASE.service runs
on it; NAME.service wants the release that serves, and is the one place that says which that is.

A switch prepares the declared release, tries it where no client reaches it (NAME-check@RELEASE.service, on a socket of
its own), and only then starts it on the port and stops the old one. Whatever fails on the way leaves the old one
serving.
"""

import argparse
import errno
import fcntl
import hashlib
import hmac
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

UNITS = Path("/etc/systemd/system")
TRIAL_UNITS = Path("/run/systemd/system")
RELEASES = Path("/opt/releases")
RUN = Path("/run/flask-microservice")
KEY = Path("/var/lib/flask-microservice/key")
GUNICORN_CONFIG = Path("/usr/local/lib/flask-microservice/gunicorn.conf.py")
SECTION = "X-Flask-Microservice"
SOCKET_SECTION = "X-Socket"
USER_AGENT = "flask-microservice"
"""How the checks of this program name themselves: they are answered by what a service can do, draining or not."""

POLL_SECONDS = 0.1
ANSWER_SECONDS = 5.0
LOCK_SECONDS = 300.0
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class SwitchError(Exception):
    """What could not be done; the message says why, and what serves now."""


@dataclass(frozen=True)
class Unit:
    """The unit of a release, as Puppet writes it: what is in it for systemd, and in section X-… for this program."""

    text: str

    @classmethod
    def read(cls, path: Path) -> "Unit":
        """Read it; SwitchError if there is none."""
        try:
            return cls(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise SwitchError(f"{path} is not there: has Puppet declared the service on this node?") from None

    def setting(self, key: str) -> str:
        """Return a setting of the program's own section."""
        for line in section(self.text, SECTION):
            name, equals, value = line.partition("=")
            if equals and name == key:
                return value
        raise SwitchError(f"the unit has no {key}= in [{SECTION}]: run puppet agent, which writes it")

    @property
    def version(self) -> str:
        """The package's version."""
        return self.setting("Version")

    def seconds(self, key: str) -> float:
        """Return a setting that is a number of seconds."""
        return float(self.setting(key))


def section(text: str, name: str) -> list[str]:
    """Return the lines of a section of a unit file, without comments and empty ones."""
    lines, inside = [], False
    for line in text.splitlines():
        if line.startswith("["):
            inside = line.strip() == f"[{name}]"
        elif inside and line.strip() and not line.startswith(("#", ";")):
            lines.append(line)
    return lines


@dataclass
class Serving:
    """Which release serves, as NAME.service says it.

    Attributes:
        release: the one that serves; empty before the first.
        kept: those that served before and are still there, the latest first.
        rolled_back: the one that an operator went back from; it does not come back by itself.
    """

    release: str = ""
    kept: list[str] = field(default_factory=list)
    rolled_back: str = ""

    @classmethod
    def read(cls, path: Path) -> "Serving":
        """Read NAME.service; nothing serves if it is not there."""
        try:
            lines = section(path.read_text(encoding="utf-8"), SECTION)
        except FileNotFoundError:
            return cls()
        found = dict(line.split("=", 1) for line in lines)
        return cls(found.get("Release", ""), found.get("Kept", "").split(), found.get("RolledBack", ""))

    def unit(self, name: str) -> str:
        """Return the text of NAME.service."""
        wants = f"Wants={name}@{self.release}.service\n" if self.release else ""
        return (
            "# Written by flask-microservice: what it wants is the release that serves.\n"
            f"[Unit]\nDescription=Microservice {name}\nWants={name}.socket\nAfter={name}.socket\n{wants}\n"
            # Always active: with the port's socket bound to an instance, traffic would start one that was stopped.
            "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n\n"
            "[Install]\nWantedBy=multi-user.target\n\n"
            f"[{SECTION}]\nRelease={self.release}\nKept={' '.join(self.kept)}\nRolledBack={self.rolled_back}\n"
        )


@dataclass
class Status:
    """A service of this node.

    Attributes:
        state: serving, or why not: new, outdated, stopped, interrupted, rolled-back, undeclared.
        release: the one that serves.
        declared: the one that Puppet declares.
        kept: releases to go back to.
        ready: what the health check of the running release says; None where it was not asked.
    """

    name: str
    state: str
    version: str
    release: str
    declared: str
    kept: list[str]
    draining: bool
    ready: bool | None = None


class Service:
    """One service: its files on this node."""

    def __init__(self, name: str) -> None:
        if not NAME.fullmatch(name):
            raise SwitchError(f"{name!r} is no service's name")
        self.name = name
        self.declared_unit = UNITS / f"{name}@.service"
        self.state_unit = UNITS / f"{name}.service"
        self.socket_unit = UNITS / f"{name}.socket"
        self.releases = RELEASES / name
        self.run = RUN / name
        self.draining = self.run / "draining"

    def serving(self) -> Serving:
        """Which release serves."""
        return Serving.read(self.state_unit)

    def directory(self, release: str) -> Path:
        """Where a release is."""
        return self.releases / release

    def instance(self, release: str) -> str:
        """The unit of a release on the port."""
        return f"{self.name}@{release}.service"

    def trial(self, release: str) -> str:
        """The unit of a release that no client reaches."""
        return f"{self.name}-check@{release}.service"

    def check_socket(self, release: str, trial: bool = False) -> Path:
        """Where a release answers health checks; short, since the path of a socket has 107 bytes at most."""
        return self.run / f"{'trial-' if trial else ''}{release.rpartition('.')[2]}.sock"

    def declared(self) -> tuple[Unit, str]:
        """The unit that Puppet wrote, and the name of the release that it makes with the config of now."""
        unit = Unit.read(self.declared_unit)
        try:
            config = Path(unit.setting("Config")).read_bytes()
        except FileNotFoundError:
            raise SwitchError(f"{unit.setting('Config')} is not there: run puppet agent, which writes it") from None
        # Keyed, since the config has secrets and the name of a release is no secret: nobody can try values against it.
        digest = hmac.new(_key(), unit.text.encode() + b"\0" + config, hashlib.sha256).hexdigest()[:8]
        return unit, re.sub(r"[^A-Za-z0-9.-]", "_", unit.version) + f".{digest}"

    def instances(self) -> set[str]:
        """Every release that has a unit on the port."""
        prefix = f"{self.name}@"
        found = {path.name.removeprefix(prefix).removesuffix(".service") for path in UNITS.glob(f"{prefix}?*.service")}
        return found - {""}

    def trials(self) -> set[str]:
        """Every release that has a trial unit; none, unless a switch is under way or was killed."""
        prefix = f"{self.name}-check@"
        return {path.stem.removeprefix(prefix) for path in TRIAL_UNITS.glob(f"{prefix}?*.service")}

    def half_prepared(self) -> list[Path]:
        """Directories of releases that were not completed."""
        return list(self.releases.glob(".preparing-*"))


def _key() -> bytes:
    """The node's own key for the names of releases, made at first use."""
    try:
        return KEY.read_bytes()
    except FileNotFoundError:
        KEY.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = KEY.with_name(f"key.{os.getpid()}")
        write(made, os.urandom(32), mode=0o600)
        try:
            os.link(made, KEY)  # the first of two at once wins
        except FileExistsError:
            pass
        finally:
            made.unlink()
        return KEY.read_bytes()


def write(path: Path, content: str | bytes, mode: int = 0o644, group: int = 0) -> None:
    """Write a file so that it is there whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        with part.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fchown(file.fileno(), 0, group)
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        part.rename(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def systemctl(*arguments: str, check: bool = True) -> str:
    """Run systemctl; SwitchError with what it printed if it fails."""
    result = subprocess.run(["systemctl", "--no-ask-password", *arguments], capture_output=True, text=True, check=False)
    if check and result.returncode != 0:
        raise SwitchError(f"systemctl {' '.join(arguments)}: {' '.join(result.stderr.split())}")
    return result.stdout


def show(units: Sequence[str], *properties: str) -> dict[str, dict[str, str]]:
    """Ask systemd for properties of many units in one call; by unit."""
    if not units:
        return {}
    blocks = systemctl("show", f"--property={','.join(('Id', *properties))}", "--", *units).strip("\n").split("\n\n")
    found = [dict(line.split("=", 1) for line in block.splitlines()) for block in blocks]
    return {block["Id"]: block for block in found}


def answer(path: Path, url_path: str) -> tuple[int, str]:
    """Ask for the health of a service on a unix socket; return status and the start of what it said.

    Raises:
        OSError, http.client.HTTPException: no answer.
    """
    connection = http.client.HTTPConnection("localhost", timeout=ANSWER_SECONDS)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.sock.settimeout(ANSWER_SECONDS)
        connection.sock.connect(str(path))
        connection.request("GET", url_path, headers={"User-Agent": USER_AGENT, "Connection": "close"})
        response = connection.getresponse()
        return response.status, " ".join(response.read(500).decode(errors="replace").split())
    finally:
        connection.close()


def ready(path: Path, url_path: str) -> str:
    """Return why a service is not ready, the empty string if it is."""
    try:
        status, said = answer(path, url_path)
    except (OSError, http.client.HTTPException) as error:
        return f"GET {url_path} got no answer ({error or type(error).__name__})"
    return "" if status == http.client.OK else f"GET {url_path} answered {status}: {said}"


def observe(names: Iterable[str] = (), *, health: bool = False) -> list[Status]:
    """Look at services, all that Puppet has declared without names: one call of systemctl for all of them."""
    services = [Service(name) for name in names] or [Service(name) for name in declared_names()]
    serving = {service.name: service.serving() for service in services}
    units: list[str] = []
    for service in services:
        state = serving[service.name]
        units += [f"{service.name}.socket", f"{service.name}.service"]
        units += [service.instance(release) for release in (state.release, *state.kept) if release]
    states = show(units, "ActiveState", "UnitFileState")
    statuses = [_status(service, serving[service.name], states) for service in services]
    if health:
        with ThreadPoolExecutor(16) as pool:
            for status, is_ready in zip(statuses, pool.map(_is_ready, statuses), strict=True):
                status.ready = is_ready
    return statuses


def declared_names() -> list[str]:
    """The services that Puppet has declared on this node."""
    found = []
    for path in sorted(UNITS.glob("*@.service")):
        try:
            if f"[{SECTION}]" in path.read_text(encoding="utf-8"):
                found.append(path.name.removesuffix("@.service"))
        except (OSError, UnicodeDecodeError):
            continue
    return found


def _status(service: Service, serving: Serving, states: dict[str, dict[str, str]]) -> Status:
    try:
        unit, declared = service.declared()
    except SwitchError:
        version = serving.release.rpartition(".")[0]
        return Status(service.name, "undeclared", version, serving.release, "", serving.kept, service.draining.exists())

    def active(name: str) -> bool:
        return states.get(name, {}).get("ActiveState") == "active"

    def enabled(name: str) -> bool:
        return states.get(name, {}).get("UnitFileState") == "enabled"

    known = {serving.release, *serving.kept}
    state = "serving"
    if not serving.release:
        state = "new"
    elif (
        service.instances() - known
        or service.trials()
        or service.half_prepared()
        or any(active(service.instance(release)) for release in serving.kept)
    ):
        state = "interrupted"
    elif declared == serving.rolled_back:
        state = "rolled-back"
    elif declared != serving.release:
        state = "outdated"
    elif not (
        all(active(name) for name in (f"{service.name}.socket", f"{service.name}.service"))
        and all(enabled(name) for name in (f"{service.name}.socket", f"{service.name}.service"))
        and active(service.instance(serving.release))
        and _same(service.socket_unit, socket_text(service, unit))
        and _same(UNITS / service.instance(serving.release), unit.text)
    ):
        state = "stopped"
    version = serving.release.rpartition(".")[0]
    return Status(service.name, state, version, serving.release, declared, serving.kept, service.draining.exists())


def _active(unit: str) -> bool:
    return show([unit], "ActiveState")[unit]["ActiveState"] == "active"


def _same(path: Path, text: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") == text
    except FileNotFoundError:
        return False


def _is_ready(status: Status) -> bool:
    service = Service(status.name)
    if not status.release:
        return False
    path = service.check_socket(status.release)
    try:
        unit = Unit.read(service.directory(status.release) / "unit")
    except SwitchError:
        return False
    return ready(path, unit.setting("HealthPath")) == ""


def socket_text(service: Service, unit: Unit) -> str:
    """Return the text of NAME.socket for a release."""
    settings = "\n".join(section(unit.text, SOCKET_SECTION))
    return (
        "# Written by flask-microservice, from the unit of the release that serves.\n"
        f"[Unit]\nDescription=Port of the microservice {service.name}\n\n"
        f"[Socket]\n{settings}\nService={service.name}.service\n\n"
        "[Install]\nWantedBy=sockets.target\n"
    )


def check_socket_text(service: Service, release: str, trial: bool) -> str:
    """Return the text of the socket on which a release answers health checks; it goes when its service goes."""
    unit = service.trial(release) if trial else service.instance(release)
    return (
        f"# Written by flask-microservice.\n[Unit]\nDescription=Health checks of {unit}\nPartOf={unit}\n\n"
        f"[Socket]\nListenStream={service.check_socket(release, trial)}\nSocketMode=0600\nRemoveOnStop=yes\n"
    )


def trial_text(service: Service, unit: Unit, release: str) -> str:
    """Return the unit of a trial: that of the release, on a socket of its own, and given up at its first failure."""
    own_socket = f"{service.name}-check@{release}.socket"
    changed = {
        "Sockets": f"Sockets={own_socket}",
        "Requires": f"Requires={own_socket}",
        "After": f"After={own_socket}",
        "Restart": "Restart=no",
        "PartOf": "",
    }
    lines = [changed.get(line.partition("=")[0], line) for line in unit.text.splitlines()]
    return "\n".join(lines) + "\n"


class Switch:
    """One switch of one service, under its lock."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.before = service.serving()

    def say(self, text: str) -> None:
        """Tell what is done now."""
        print(f"{self.service.name}: {text}", file=sys.stderr, flush=True)

    def recover(self) -> None:
        """Clear what a switch that was killed has left: a trial, half of a release, one beside the one that serves."""
        service, serving = self.service, self.before
        trials = service.trials()
        stray = service.instances() - {serving.release, *serving.kept}
        for release in trials:
            self.say(f"ending the trial of {release}, which was interrupted")
            self._drop_trial(release)
        for path in service.half_prepared():
            shutil.rmtree(path)
        for release in stray:
            self.say(f"removing {release}, whose start was interrupted")
            self._remove(release)
        kept = [service.instance(release) for release in serving.kept]
        for unit, state in show(kept, "ActiveState").items():
            if state["ActiveState"] not in ("inactive", "failed"):
                self.say(f"stopping {unit}, which no longer serves")
                systemctl("stop", unit)
        if trials or stray:
            systemctl("daemon-reload")

    def to_declared(self, *, even_if_rolled_back: bool) -> bool:
        """Serve what Puppet declares; return whether anything had to be done."""
        unit, release = self.service.declared()
        if release == self.before.rolled_back and not even_if_rolled_back:
            raise SwitchError(
                f"{release} was rolled back on this node: declare another version or config, or take it back with"
                f" `flask-microservice switch {self.service.name}`; {self._what_serves()}"
            )
        self.recover()
        (status,) = observe([self.service.name])
        if status.state == "serving":
            return False
        self._require_package(unit)
        self._prepare(unit, release)
        self._serve(release)
        return True

    def back(self, release: str) -> None:
        """Serve a release that is kept, the last one if none is named."""
        kept = self.before.kept
        if not kept:
            raise SwitchError(f"no release is kept to go back to; {self._what_serves()}")
        target = release or kept[0]
        if target not in kept:
            raise SwitchError(f"{target} is not kept; there are: {' '.join(kept)}; {self._what_serves()}")
        self.recover()
        self._serve(target, rolled_back=self.before.release)

    def _what_serves(self) -> str:
        return f"{self.before.release} still serves" if self.before.release else "nothing served before"

    def _require_package(self, unit: Unit) -> None:
        package = unit.setting("Package")
        query = ["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", package]
        found = subprocess.run(query, capture_output=True, text=True, check=False).stdout
        if found != f"installed {unit.version}":
            version = found.removeprefix("installed ") if found.startswith("installed ") else "not installed"
            raise SwitchError(
                f"{package} {unit.version} is declared, but it is {version} on this node; {self._what_serves()}"
            )

    def _prepare(self, unit: Unit, release: str) -> None:
        """Make the release's directory, whole or not at all."""
        service = self.service
        directory = service.directory(release)
        if directory.exists():
            return
        self.say(f"preparing {release}")
        part = service.releases / f".preparing-{release}"
        try:
            service.releases.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(mode=0o755)
            copy_tree(Path(unit.setting("Virtualenv")), part / "venv")
            config = Path(unit.setting("Config"))
            write(part / "default_config.ini", config.read_bytes(), mode=0o640, group=config.stat().st_gid)
            write(part / "gunicorn.conf.py", GUNICORN_CONFIG.read_bytes())
            write(part / "unit", unit.text)
            part.rename(directory)
        except OSError as error:
            shutil.rmtree(part, ignore_errors=True)
            where = f" ({error.filename})" if error.filename else ""
            raise SwitchError(
                f"{release} could not be prepared: {error.strerror}{where}; {self._what_serves()}"
            ) from None

    def _serve(self, release: str, rolled_back: str = "") -> None:
        """Start a prepared release, and only when it has proved itself stop the one before."""
        service, before = self.service, self.before
        unit = Unit.read(service.directory(release) / "unit")
        beside = before.release and before.release != release
        try:
            if beside:
                self._try(unit, release)
            self._start(unit, release)
        except (SwitchError, OSError) as error:
            self._drop_trial(release)
            if release != before.release:
                # One that has served before stays kept: it may be the config of now that it can't live with.
                self._stop(release)
                if release not in before.kept:
                    self._remove(release)
                self._restore_socket()
            systemctl("daemon-reload")
            raise SwitchError(f"{release} was refused: {error}; {self._what_serves()}") from None

        kept = [one for one in (before.release, *before.kept) if one and one != release]
        keep = int(unit.setting("Keep")) - 1
        write(service.state_unit, Serving(release, kept[:keep], rolled_back).unit(service.name))
        systemctl("daemon-reload")
        systemctl("enable", "--quiet", f"{service.name}.socket", f"{service.name}.service")
        systemctl("start", f"{service.name}.service")
        if beside:
            self.say(f"stopping {before.release}")
            systemctl("stop", service.instance(before.release))
        for old in kept[keep:]:
            self._remove(old)
        if kept[keep:]:
            systemctl("daemon-reload")

    def _try(self, unit: Unit, release: str) -> None:
        """Run a release where no client reaches it, until it has been ready for long enough."""
        service = self.service
        name = service.trial(release)
        self.say(f"trying {release}")
        TRIAL_UNITS.mkdir(parents=True, exist_ok=True)
        write(TRIAL_UNITS / name, trial_text(service, unit, release))
        write((TRIAL_UNITS / name).with_suffix(".socket"), check_socket_text(service, release, trial=True))
        systemctl("daemon-reload")
        path = service.check_socket(release, trial=True)
        self._until_ready(name, path, unit)
        deadline = time.monotonic() + unit.seconds("WatchSec")
        while time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            self._require_running(name, "it was ready, but then it stopped")
            reason = ready(path, unit.setting("HealthPath"))
            if reason:
                self._require_running(name, "it was ready, but then it stopped")
                raise SwitchError(f"it was ready, but then it no longer was: {reason}")
        self._mark_migrated(release)
        self._drop_trial(release)

    def _start(self, unit: Unit, release: str) -> None:
        """Start a release on the port."""
        service = self.service
        name = service.instance(release)
        self.say(f"starting {release}")
        write(UNITS / name, unit.text)
        write((UNITS / name).with_suffix(".socket"), check_socket_text(service, release, trial=False))
        if not self.before.release:
            write(service.state_unit, Serving().unit(service.name))
        moved = not _same(service.socket_unit, socket_text(service, unit))
        if moved:
            write(service.socket_unit, socket_text(service, unit))
        systemctl("daemon-reload")
        if moved or not _active(service.socket_unit.name):
            self._open_socket()
        if not _active(name):
            systemctl("stop", name)  # it may wait to be restarted after a failure
        self._until_ready(name, service.check_socket(release), unit)
        self._mark_migrated(release)

    def _open_socket(self) -> None:
        """Listen where NAME.socket says now; the release that serves keeps the old port until it is stopped."""
        name = self.service.name
        # A socket can't start while its service is active, and stopping that would stop the release that is part of it.
        systemctl("stop", "--job-mode=ignore-dependencies", f"{name}.socket", f"{name}.service")
        systemctl("start", f"{name}.socket")
        systemctl("start", "--job-mode=ignore-dependencies", f"{name}.service")

    def _restore_socket(self) -> None:
        """Listen again where the release that serves does, or nowhere if none does."""
        service = self.service
        if not self.before.release:
            for unit in (service.socket_unit, service.state_unit):
                systemctl("stop", unit.name, check=False)
                unit.unlink(missing_ok=True)
            return
        text = socket_text(service, Unit.read(service.directory(self.before.release) / "unit"))
        if not _same(service.socket_unit, text):
            write(service.socket_unit, text)
            systemctl("daemon-reload")
            self._open_socket()

    def _until_ready(self, name: str, path: Path, unit: Unit) -> None:
        """Start a unit and wait until it answers its health check."""
        check_socket = name.removesuffix(".service") + ".socket"
        try:
            systemctl("start", check_socket)
        except SwitchError:
            raise SwitchError(f"its socket for health checks can't be opened: {last_words(check_socket)}") from None
        systemctl("start", "--no-block", name)
        deadline = 0.0
        reason = "it did not start"
        while True:
            state = self._require_running(name, "")
            # Migrations have a deadline of their own, which systemd keeps (TimeoutStartSec=).
            if state["SubState"] not in ("dead", "start-pre") and not deadline:
                deadline = time.monotonic() + unit.seconds("ReadyDeadlineSec")
            if state["ActiveState"] == "active":
                reason = ready(path, unit.setting("HealthPath"))
                if not reason:
                    return
            if deadline and time.monotonic() > deadline:
                raise SwitchError(f"not ready within {unit.setting('ReadyDeadlineSec')} s: {reason}")
            time.sleep(POLL_SECONDS)

    def _require_running(self, name: str, what: str) -> dict[str, str]:
        """Return the state of a unit; SwitchError with the reason if it failed or was started again."""
        properties = ("ActiveState", "SubState", "NRestarts", "Result", "ExecStartPre", "ExecMainStatus", "Job")
        state = show([name], *properties)[name]
        if state["ActiveState"] == "inactive" and state.get("Job", "0") != "0":
            return state  # its start waits for its sockets
        running = state["ActiveState"] in ("active", "activating", "reloading")
        if running and state["NRestarts"] == "0" and not state["SubState"].startswith("auto-restart"):
            return state
        migrating = re.search(r"\bstatus=[1-9]", state.get("ExecStartPre", ""))
        if not what:
            what = "its migrations failed" if migrating else "it did not start"
        result = "" if state["Result"] in ("success", "exit-code") else f" ({state['Result']})"
        raise SwitchError(f"{what}{result}: {last_words(name)}")

    def _mark_migrated(self, release: str) -> None:
        """From here on, a start of the release does not look at its migrations again."""
        marker = self.service.directory(release) / "migrated"
        if not marker.exists():
            write(marker, "")

    def _drop_trial(self, release: str) -> None:
        service, name = self.service, self.service.trial(release)
        unit = TRIAL_UNITS / name
        if not unit.exists():
            return
        systemctl("stop", unit.with_suffix(".socket").name, name, check=False)
        systemctl("reset-failed", name, check=False)
        unit.unlink()
        unit.with_suffix(".socket").unlink(missing_ok=True)
        service.check_socket(release, trial=True).unlink(missing_ok=True)

    def _stop(self, release: str) -> None:
        name = self.service.instance(release)
        if (UNITS / name).exists():
            systemctl("stop", name, (UNITS / name).with_suffix(".socket").name, check=False)
            systemctl("reset-failed", name, check=False)

    def _remove(self, release: str) -> None:
        """Remove all there is of a release."""
        self._stop(release)
        unit = UNITS / self.service.instance(release)
        unit.unlink(missing_ok=True)
        unit.with_suffix(".socket").unlink(missing_ok=True)
        shutil.rmtree(self.service.directory(release), ignore_errors=True)

    def remove_service(self) -> bool:
        """Stop the service and remove its releases and units; return whether there was anything."""
        service = self.service
        found = bool(service.instances() or service.state_unit.exists() or service.socket_unit.exists())
        if not found and not service.releases.exists():
            return False
        self.say("removing")
        for release in service.trials():
            self._drop_trial(release)
        names = [service.socket_unit.name, service.state_unit.name]
        systemctl("disable", "--quiet", *names, check=False)
        systemctl("stop", *names, check=False)
        for release in service.instances():
            self._remove(release)
        for unit in (service.socket_unit, service.state_unit):
            unit.unlink(missing_ok=True)
        shutil.rmtree(service.releases, ignore_errors=True)
        shutil.rmtree(service.run, ignore_errors=True)
        systemctl("daemon-reload")
        return True


def last_words(unit: str) -> str:
    """Return the line of a unit's journal that most likely says why it failed."""
    command = ["journalctl", "--quiet", "--no-pager", "--output=cat", "--lines=60"]
    # Of a socket there are only systemd's own words.
    command.append(f"UNIT={unit}" if unit.endswith(".socket") else f"_SYSTEMD_UNIT={unit}")
    invocation = systemctl("show", "--property=InvocationID", "--value", unit, check=False).strip()
    if invocation and unit.endswith(".service"):
        command.append(f"_SYSTEMD_INVOCATION_ID={invocation}")
    # What a process wrote before it died may reach the journal a moment later.
    subprocess.run(["journalctl", "--sync"], capture_output=True, check=False)
    printed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    words = r"([A-Za-z_][\w.]*(Error|Exception)|Error|error|usage)\b|.*: Failed to (create|listen)"
    errors = [line for line in lines if re.match(words, line)]
    if errors or lines:
        return (errors or lines)[-1][:500]
    return f"nothing in its journal; see journalctl -u {unit}"


def copy_tree(source: Path, target: Path) -> None:
    """Copy a directory by hard links; by copies where they can't be made."""
    for place, folders, files in os.walk(source):
        here = target / Path(place).relative_to(source)
        here.mkdir()
        shutil.copystat(place, here)
        for name in [*files, *(folder for folder in folders if Path(place, folder).is_symlink())]:
            path = Path(place, name)
            try:
                os.link(path, here / name, follow_symlinks=False)
            except OSError as error:
                if error.errno not in (errno.EXDEV, errno.EMLINK, errno.EPERM):
                    raise
                shutil.copy2(path, here / name, follow_symlinks=False)


@contextmanager
def locked(service: Service) -> Iterator[None]:
    """Hold the service's lock; SwitchError if another holds it for too long."""
    service.run.mkdir(parents=True, exist_ok=True, mode=0o755)
    with (RUN / f"{service.name}.lock").open("a+") as file:
        deadline = time.monotonic() + LOCK_SECONDS
        told = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                file.seek(0)
                other = file.read().strip() or "unknown"
                if time.monotonic() > deadline:
                    raise SwitchError(
                        f"another switch of it (process {other}) has not ended after {LOCK_SECONDS:.0f} s"
                    ) from None
                if not told:
                    print(f"{service.name}: waiting for another switch (process {other})", file=sys.stderr, flush=True)
                    told = True
                time.sleep(POLL_SECONDS)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def drain(names: Sequence[str], seconds: float) -> None:
    """Have services answer their health check with 503 while they go on serving, and wait."""
    unknown = sorted(set(names) - set(declared_names()))
    if unknown:
        raise SwitchError(f"no such service on this node: {', '.join(unknown)}")
    for name in names:
        service = Service(name)
        service.run.mkdir(parents=True, exist_ok=True)
        service.draining.touch()
    if names:
        time.sleep(seconds)


def command_line() -> argparse.ArgumentParser:
    """The program's arguments."""
    parser = argparse.ArgumentParser(
        prog="flask-microservice",
        description="Look at the Flask microservices of this node, and switch between their releases.",
        epilog="Exit status: 0 done; 1 it could not be done, and what served before still serves; 2 wrong usage.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add(name: str, text: str, *, many: bool = False, named: bool = True) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if named:
            command.add_argument("name", nargs="*" if many else None, metavar="NAME", help="the service")
        return command

    status = add("status", "show services: the release that serves, the declared one, those to go back to", many=True)
    status.add_argument("--no-health", action="store_true", help="do not ask for their health")
    switch = add("switch", "serve the declared release, if it proves that it can")
    switch.add_argument(
        "--unless-rolled-back", action="store_true", help="fail if the declared release was rolled back by an operator"
    )
    back = add("rollback", "serve a kept release again, with its config, until another one is declared")
    back.add_argument("release", nargs="?", default="", metavar="RELEASE", help="which; the last one if not given")
    away = add("drain", "answer health checks with 503 so that balancers send nothing new; go on serving", many=True)
    away.add_argument("--all", action="store_true", help="every service of this node")
    away.add_argument("--wait", type=float, default=0.0, metavar="SECONDS", help="and wait before returning")
    add("undrain", "answer health checks as the service does")
    remove = add("remove", "stop a service and remove its releases and units; data, log and config stay")
    remove.add_argument("--drain", type=float, default=0.0, metavar="SECONDS", help="answer 503 so long before")
    for command in (status, switch, back):
        command.add_argument("--json", action="store_true", help="print JSON, for a machine")
    return parser


def print_table(statuses: Sequence[Status]) -> None:
    """Print services as a table."""
    if not statuses:
        print("No service is declared on this node.")
        return
    health = {True: "ready", False: "not ready", None: ""}
    rows = [("SERVICE", "STATE", "RELEASE", "HEALTH", "KEPT")]
    for status in statuses:
        said = "draining" if status.draining else health[status.ready]
        rows.append((status.name, status.state, status.release or "-", said, " ".join(status.kept) or "-"))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        print("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]))


def run(arguments: argparse.Namespace) -> None:
    """Do what the command line says."""
    if arguments.command == "status":
        show_status(arguments)
        return
    if os.geteuid() != 0:
        raise SwitchError("only root can do that")
    {"switch": serve, "rollback": serve, "drain": turn_away, "undrain": take_back, "remove": remove}[arguments.command](
        arguments
    )


def show_status(arguments: argparse.Namespace) -> None:
    """`status`."""
    statuses = observe(arguments.name, health=not arguments.no_health)
    if arguments.json:
        print(json.dumps([asdict(status) for status in statuses]))
    else:
        print_table(statuses)


def serve(arguments: argparse.Namespace) -> None:
    """`switch` and `rollback`."""
    service = Service(arguments.name)
    with locked(service):
        switch = Switch(service)
        if arguments.command == "switch":
            changed = switch.to_declared(even_if_rolled_back=not arguments.unless_rolled_back)
        else:
            switch.back(arguments.release)
            changed = True
    (status,) = observe([service.name], health=True)
    if arguments.json:
        print(json.dumps(asdict(status)))
    else:
        print(f"{service.name}: {status.release} {'serves now' if changed else 'serves already'}")


def turn_away(arguments: argparse.Namespace) -> None:
    """`drain`."""
    if bool(arguments.name) == arguments.all:
        raise SwitchError("name the services, or give --all")
    drain(arguments.name or declared_names(), arguments.wait)


def take_back(arguments: argparse.Namespace) -> None:
    """`undrain`."""
    Service(arguments.name).draining.unlink(missing_ok=True)


def remove(arguments: argparse.Namespace) -> None:
    """`remove`."""
    service = Service(arguments.name)
    if arguments.drain and service.serving().release:
        drain([service.name], arguments.drain)
    with locked(service):
        Switch(service).remove_service()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; return its exit status."""
    arguments = command_line().parse_args(argv)
    try:
        run(arguments)
    except SwitchError as error:
        name = getattr(arguments, "name", None)
        print(f"flask-microservice: {f'{name}: ' if isinstance(name, str) else ''}{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
