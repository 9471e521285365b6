"""The switch from the release that serves to another one."""

import sys
from collections.abc import Callable

from .errors import SwitchError, reason
from .files import remove_tree, write
from .instances import end_trial, remove_release, stop_release, write_instance, write_trial
from .port import is_open, listen, restore
from .releases import mark_migrated, prepare, require_package
from .service import Service
from .serving import Serving
from .starting import start_until_ready, watch
from .status import observe
from .systemd import is_active, reload, show, systemctl
from .unit import Unit
from .unit_texts import socket_text


class Switch:
    """One switch of one service, under its lock."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.before = service.serving()

    def to_declared(self, *, even_if_rolled_back: bool) -> bool:
        """Serve what Puppet declares; return whether anything had to be done."""
        service = self.service
        declared = service.declared()
        if declared.release == self.before.rolled_back and not even_if_rolled_back:
            raise SwitchError(
                f"{declared.release} was rolled back on this node: declare another version or config, or take it back"
                f" with `flask-microservice switch {service.name}`; {self._what_serves()}"
            )
        self.recover()
        (status,) = observe([service.name])
        if status.state == "serving":
            return False
        try:
            require_package(declared.unit)
            if not service.directory(declared.release).exists():
                self.say(f"preparing {declared.release}")
                prepare(service, declared)
        except SwitchError as error:
            raise SwitchError(f"{error}; {self._what_serves()}") from None
        self._serve(declared.release)
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

    def recover(self) -> None:
        """Clear what a switch that was killed has left: a trial, half of a release, one beside the one that serves."""
        service, serving = self.service, self.before
        trials = service.trials()
        stray = service.instances() - serving.known
        for release in trials:
            self.say(f"ending the trial of {release}, which was interrupted")
            end_trial(service, release)
        for path in service.half_prepared():
            remove_tree(path)
        if stray:
            try:
                restore(service, serving)  # it may have moved the port
            except SwitchError as error:
                self.say(str(error))
        for release in stray | (service.prepared() - serving.known):
            self.say(f"removing {release}, whose start was interrupted")
            remove_release(service, release)
        kept = [service.instance(release) for release in serving.kept]
        for unit, state in show(kept, "ActiveState").items():
            if state["ActiveState"] not in ("inactive", "failed"):
                self.say(f"stopping {unit}, which no longer serves")
                systemctl("stop", unit)
        if trials or stray:
            reload()

    def say(self, text: str) -> None:
        """Tell what is done now."""
        print(f"{self.service.name}: {text}", file=sys.stderr, flush=True)

    def _serve(self, release: str, rolled_back: str = "") -> None:
        """Start a prepared release, and only when it has proved itself stop the one before."""
        service, before = self.service, self.before
        try:
            unit = service.unit(release)
            after, gone = before.then(release, unit.keep, rolled_back)
            if before.release and before.release != release:
                self._try(unit, release)
            self._start(unit, release)
            write(service.state_unit, after.unit(service.name))  # from here on it is the one that serves
        except (SwitchError, OSError) as error:
            raise self._refused(release, error) from None
        try:
            self._settle(release, gone)
        except (SwitchError, OSError) as error:
            raise SwitchError(f"{release} serves, but the switch to it has not ended: {reason(error)}") from None

    def _try(self, unit: Unit, release: str) -> None:
        """Run a release where no client reaches it, until it has been ready for long enough."""
        service = self.service
        self.say(f"trying {release}")
        write_trial(service, unit, release)
        reload()
        name, check_socket = service.trial(release), service.check_socket(release, trial=True)
        start_until_ready(name, check_socket, unit)
        watch(name, check_socket, unit)
        mark_migrated(service, release)
        end_trial(service, release)

    def _start(self, unit: Unit, release: str) -> None:
        """Start a release on the port."""
        service = self.service
        name = service.instance(release)
        self.say(f"starting {release}")
        write_instance(service, unit, release)
        if not self.before.release:
            write(service.state_unit, Serving().unit(service.name))
            write(service.socket_unit, socket_text(service, unit))
        reload()
        holds_port = release == self.before.release and not is_open(service, unit)
        if holds_port or not is_active(name):
            systemctl("stop", name)  # one that is not active may wait to be restarted after a failure
        listen(service, unit)
        start_until_ready(name, service.check_socket(release), unit)
        mark_migrated(service, release)

    def _settle(self, release: str, gone: list[str]) -> None:
        """Once a release serves: have it come up after a reboot, stop the one before and remove the oldest."""
        service, before = self.service, self.before
        port, state = service.socket_unit.name, service.state_unit.name
        systemctl("enable", "--quiet", "--no-reload", port, state)
        reload()
        systemctl("start", state)
        if before.release and before.release != release:
            self.say(f"stopping {before.release}")
            systemctl("stop", service.instance(before.release))
        for old in gone:
            remove_release(service, old)
        if gone:
            reload()

    def _refused(self, release: str, error: Exception) -> SwitchError:
        """Undo what was done for a release; return the error that says why, and what could not be undone."""
        service, before = self.service, self.before
        steps: list[Callable[[], object]] = [lambda: end_trial(service, release)]
        if release != before.release:
            # One that has served before stays kept: it may be the config of now that it can't live with.
            undo = stop_release if release in before.kept else remove_release
            steps += [lambda: undo(service, release), lambda: restore(service, before)]
        steps.append(reload)
        left = []
        for step in steps:
            try:
                step()
            except (SwitchError, OSError) as problem:
                left.append(reason(problem))
        undone = f" (and on the way back: {'; '.join(left)})" if left else ""
        if release == before.release:
            return SwitchError(f"{release} could not be started again: {reason(error)}{undone}")
        return SwitchError(f"{release} was refused: {reason(error)}{undone}; {self._what_serves()}")

    def _what_serves(self) -> str:
        return f"{self.before.release} still serves" if self.before.release else "nothing served before"
