"""The switch from one release to another."""

import shutil
import subprocess
import sys
import time

from flask_microservice.errors import SwitchError
from flask_microservice.files import same, write
from flask_microservice.generated import check_socket_text, socket_text, trial_text
from flask_microservice.health import ready
from flask_microservice.releases import prepare
from flask_microservice.service import TRIAL_UNITS, UNITS, Service
from flask_microservice.starting import POLL_SECONDS, require_running, start_until_ready
from flask_microservice.status import observe
from flask_microservice.systemd import active, show, systemctl
from flask_microservice.units import Serving, Unit


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
        stray = (service.instances() | service.prepared()) - {serving.release, *serving.kept}
        for release in trials:
            self.say(f"ending the trial of {release}, which was interrupted")
            self._drop_trial(release)
        for path in service.half_prepared():
            shutil.rmtree(path)
        for release in stray:
            self.say(f"removing {release}, whose switch was interrupted")
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
        if release not in self.service.prepared():
            self.say(f"preparing {release}")
            try:
                prepare(self.service, unit, release)
            except SwitchError as error:
                raise SwitchError(f"{error}; {self._what_serves()}") from None
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
        start_until_ready(name, path, unit)
        deadline = time.monotonic() + unit.seconds("WatchSec")
        while time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            require_running(name, "it was ready, but then it stopped")
            reason = ready(path, unit.setting("HealthPath"))
            if reason:
                require_running(name, "it was ready, but then it stopped")
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
        moved = not same(service.socket_unit, socket_text(service, unit))
        if moved:
            write(service.socket_unit, socket_text(service, unit))
        systemctl("daemon-reload")
        if moved or not active(service.socket_unit.name):
            self._open_socket()
        if not active(name):
            systemctl("stop", name)  # it may wait to be restarted after a failure
        start_until_ready(name, service.check_socket(release), unit)
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
        if not same(service.socket_unit, text):
            write(service.socket_unit, text)
            systemctl("daemon-reload")
            self._open_socket()

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
