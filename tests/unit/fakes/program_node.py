"""A node for the tests of flask-microservice: its files are in a temporary directory, and systemd is a record."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from flask_microservice import places
from flask_microservice.service import Service

UNIT = """\
[Unit]
Requires=orders@%i.socket
After=orders@%i.socket orders.socket network.target
PartOf=orders.service

[Service]
Sockets=orders.socket orders@%i.socket
ExecStart=/opt/venvs/orders/bin/gunicorn
Restart=on-failure

[X-Socket]
ListenStream=0.0.0.0:7001

[X-Flask-Microservice]
Package=orders
Version=1.4.2-1
Virtualenv={root}/venv
Config={root}/default_config.ini
HealthPath=/health/ready
ReadyDeadlineSec=1
WatchSec=0
Keep=3
"""


class Node:
    """Directories of a node, and what was asked of systemd there."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        for name in ("units", "check-units", "releases", "run"):
            (root / name).mkdir()
        monkeypatch.setattr(places, "UNITS", root / "units")
        monkeypatch.setattr(places, "CHECK_UNITS", root / "check-units")
        monkeypatch.setattr(places, "RELEASES", root / "releases")
        monkeypatch.setattr(places, "RUN", root / "run")
        monkeypatch.setattr(places, "LOCKS", root / "locks")
        monkeypatch.setattr(places, "KEY", root / "state/key")
        monkeypatch.setattr(places, "UNDECLARED", root / "undeclared")
        monkeypatch.setattr(places, "GUNICORN_CONFIG", root / "gunicorn.conf.py")
        # The owner of what is written is root on a node; whoever runs the tests may not give files away.
        self.owners: list[tuple[int, int]] = []
        monkeypatch.setattr(os, "fchown", lambda _, user, group: self.owners.append((user, group)))

    def declare(self, name: str = "orders") -> Service:
        """Declare a service, as Puppet does; all of them have the same package and config."""
        (self.root / "default_config.ini").write_text("[app]\nsecret_key = hunter2\n")
        (self.root / "gunicorn.conf.py").write_text("")
        (self.root / "venv/bin").mkdir(parents=True, exist_ok=True)
        (self.root / "venv/bin/gunicorn").write_text("#!/bin/sh\n")
        service = Service(name)
        service.declared_unit.write_text(UNIT.format(root=self.root).replace("orders", name))
        return service

    def declare_environment(self, text: str, name: str = "orders") -> Service:
        """Declare a service with environment variables that are secret."""
        service = self.declare(name)
        (self.root / "secret_environment").write_text(text)
        unit = service.declared_unit.read_text()
        service.declared_unit.write_text(f"{unit}SecretEnvironment={self.root}/secret_environment\n")
        return service


class Systemd:
    """In the place of systemctl, journalctl and dpkg-query: which units are active, and what fails when it is told to.

    Attributes:
        active, enabled: units.
        busy: those of them that have requests under way: told to stop, they go on until `end`.
        ending: those that were told to stop and go on.
        queued: commands that systemd runs later, each with the units whose end it waits for.
        failing: units that do not start, and what their journal says.
        journal: what the journal has besides, by the match that asks for it.
        executed: what is shown of ExecStartPre= of a unit.
        restarts: how often a unit was restarted.
        installed: what dpkg says of every package.
        calls: every command of systemctl, without its options.
        told_nft: what nft was given.
        nft_refuses: why nft takes nothing; empty if it does.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.active: set[str] = set()
        self.enabled: set[str] = set()
        self.busy: set[str] = set()
        self.ending: set[str] = set()
        self.queued: list[tuple[set[str], list[str]]] = []
        self.failing: dict[str, str] = {}
        self.journal: dict[str, list[str]] = {}
        self.executed: dict[str, str] = {}
        self.restarts: dict[str, int] = {}
        self.installed = "installed 1.4.2-1"
        self.calls: list[tuple[str, ...]] = []
        self.told_nft: list[str] = []
        self.nft_refuses = ""
        monkeypatch.setattr(subprocess, "run", self.run)
        monkeypatch.setattr(shutil, "which", lambda name: f"/usr/sbin/{name}")

    def run(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        if command[0] == "nft":
            self.told_nft.append(options["input"])
            return subprocess.CompletedProcess(command, 1 if self.nft_refuses else 0, "", self.nft_refuses)
        answers = {
            "systemctl": self._systemctl, "systemd-run": self._queue, "journalctl": self._journal,
            "dpkg-query": self._installed,
        }  # fmt: skip
        status, printed, errors = answers[command[0]](command[1:])
        return subprocess.CompletedProcess(command, status, printed, errors)

    def _systemctl(self, arguments: list[str]) -> tuple[int, str, str]:
        options = [argument for argument in arguments if argument.startswith("--")]
        verb, *units = [argument for argument in arguments if not argument.startswith("--")]
        if verb == "show":
            asked = next(option for option in options if option.startswith("--property=")).partition("=")[2].split(",")
            if "--value" in options:
                return 0, "".join(f"{self._property(unit, asked[0])}\n" for unit in units), ""
            blocks = ["".join(f"{one}={self._property(unit, one)}\n" for one in asked) for unit in units]
            return 0, "\n".join(blocks), ""
        self.calls.append((verb, *units))
        for unit in units:
            if verb == "start" and unit in self.failing:
                if "--no-block" not in options:
                    return 1, "", f"Job for {unit} failed.\n"
            elif verb == "start":
                assert unit not in self.ending, f"{unit} is started while it ends"
                self.active.add(unit)
            elif verb == "stop" and unit in self.busy & self.active and "--no-block" in options:
                self.ending.add(unit)
            elif verb == "stop":
                self.end(unit)
            elif verb in ("enable", "disable"):
                (self.enabled.add if verb == "enable" else self.enabled.discard)(unit)
        return 0, "", ""

    def end(self, unit: str) -> None:
        """All requests of a unit that was told to stop have ended."""
        for units in (self.active, self.busy, self.ending):
            units.discard(unit)

    def _queue(self, arguments: list[str]) -> tuple[int, str, str]:
        after = {one.partition("=After=")[2] for one in arguments if one.startswith("--property=After=")}
        self.queued.append((after, [one for one in arguments if not one.startswith("--")]))
        return 0, "", ""

    def _property(self, unit: str, name: str) -> str:
        active = unit in self.active
        failed = unit in self.failing and not active
        return {
            "Id": unit,
            "ActiveState": (
                "deactivating" if unit in self.ending else "active" if active else "failed" if failed else "inactive"
            ),
            "SubState": "running" if active else "failed" if failed else "dead",
            "UnitFileState": "enabled" if unit in self.enabled else "disabled",
            "Result": "exit-code" if failed else "success",
            "NRestarts": str(self.restarts.get(unit, 0)),
            "Job": "",
            "InvocationID": "4f0c",
            "ExecMainStartTimestampMonotonic": "0" if unit in self.executed else "1234",
            "ExecStartPre": self.executed.get(unit, ""),
        }[name]

    def _journal(self, arguments: list[str]) -> tuple[int, str, str]:
        said = "".join(f"{text}\n" for unit, text in self.failing.items() if f"_SYSTEMD_UNIT={unit}" in arguments)
        said += "".join(f"{text}\n" for unit, text in self.failing.items() if f"UNIT={unit}" in arguments)
        said += "".join(f"{line}\n" for match, lines in self.journal.items() if match in arguments for line in lines)
        return 0, said, ""

    def _installed(self, _: list[str]) -> tuple[int, str, str]:
        return 0, self.installed, ""
