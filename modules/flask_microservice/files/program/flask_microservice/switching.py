"""The switch from the release that serves to another one."""

import sys
from collections.abc import Callable
from dataclasses import replace

from .errors import SwitchError, reason
from .files import remove_tree, write
from .hints import hints
from .instances import end_check, remove_releases, stop_release, write_check_unit, write_instance
from .port import is_open, listen, restore
from .printable import printable
from .releases import forget_environment, mark_migrated, prepare, require_package
from .service import Service
from .serving import Serving, rolled_back
from .starting import start_until_ready, watch
from .status import observe
from .systemd import finishing, is_active, is_finishing, reload, show, systemctl
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
        if declared.release in self.before.rolled_back and not even_if_rolled_back:
            raise SwitchError(f"{rolled_back(declared.release, service.name)}; {self._what_serves()}")
        self.recover()
        (status,) = observe([service.name])
        if status.state == "gone-back":
            # Puppet wants what the operator wanted. What was refused until then may be declared again.
            write(service.state_unit, replace(self.before, rolled_back=[]).unit(service.name))
            reload()
            return True
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
        forget_environment(declared.unit)
        return True

    def back(self, release: str, *, at_once: bool = False) -> None:
        """Serve a release that is kept; if none is named, the last one that nobody went back from.

        Args:
            at_once: without a trial where no client reaches it: it has served before. It still has to be ready on the
                port before the present one stops.
        """
        kept = self.before.kept
        if not kept:
            raise SwitchError(f"no release is kept to go back to; {self._what_serves()}")
        target = release or next((one for one in kept if one not in self.before.rolled_back), "")
        if not target:
            raise SwitchError(
                f"somebody went back from all that are kept: name the one to serve, of {' '.join(kept)};"
                f" {self._what_serves()}"
            )
        if target not in kept:
            raise SwitchError(f"{target} is not kept; there are: {' '.join(kept)}; {self._what_serves()}")
        self._require_same_place(target)
        self.recover()
        self._serve(target, back=True, tried=at_once)

    def _require_same_place(self, target: str) -> None:
        """SwitchError if a release listens elsewhere than the one that serves: only Puppet can tell others of that."""
        service, now = self.service, self.before.release
        try:
            here, there = service.unit(now).listens, service.unit(target).listens
            same = [one for one in self.before.kept if service.unit(one).listens == here]
        except SwitchError as error:
            raise SwitchError(f"{error}; {self._what_serves()}") from None
        if here == there:
            return
        instead = f", or go back to {same[0]}, which listens where clients ask" if same else ""
        raise SwitchError(
            f"{target} listens on {there}, and clients, firewall and balancer know {here} of {now}: declare"
            f" {_declares(there)} and version {service.unit(target).version} in Hiera, and run the agent{instead};"
            f" {self._what_serves()}"
        )

    def recover(self) -> None:
        """Clear what a switch that was killed has left: a check, half of a release, one beside the one that serves.

        What has been told to stop, and has requests under way, is left alone until these have ended.
        """
        service, serving = self.service, self.before
        checked, instances = service.being_checked(), service.instances()
        states = show([service.instance(one) for one in sorted(instances | serving.known)], "ActiveState", "Job")
        ending = {one for one in instances if is_finishing(states[service.instance(one)])}
        stray = instances - serving.known - ending
        for release in checked:
            self.say(f"ending the check of {release}, which was interrupted")
            end_check(service, release)
        for path in service.half_prepared():
            remove_tree(path)
        if stray:
            try:
                restore(service, serving)  # it may have moved the port
            except SwitchError as error:
                self.say(str(error))
        gone = stray | (service.prepared() - serving.known - ending)
        for release in gone:
            self.say(f"removing {release}, which neither serves nor is kept")
        remove_releases(service, gone)
        for release in serving.kept:
            state = states[service.instance(release)]["ActiveState"]
            if release not in ending and state not in ("inactive", "failed"):
                self.say(f"stopping {release}, which no longer serves")
                stop_release(service, release)
        if checked or stray:
            reload()

    def say(self, text: str) -> None:
        """Tell what is done now."""
        print(f"{self.service.name}: {printable(text)}", file=sys.stderr, flush=True)

    def _serve(self, release: str, *, back: bool = False, tried: bool = False) -> None:
        """Start a prepared release, and only when it has proved itself stop the one before."""
        service, before = self.service, self.before
        try:
            unit = service.unit(release)
            after, gone = before.then(release, unit.keep, back=back)
            if before.release and before.release != release and not tried:
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
        write_check_unit(service, unit, release)
        reload()
        name, check_socket = service.check_unit(release), service.check_socket(release, checking=True)
        watch(name, check_socket, unit, start_until_ready(name, check_socket, unit))
        mark_migrated(service, release)
        end_check(service, release)

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
            if finishing([name]):
                self.say(
                    f"waiting for {release}, which finishes requests that it had begun when it was stopped;"
                    f" `systemctl kill --signal=KILL {name}` cuts them off"
                )
            systemctl("stop", name)  # one that is not active may wait to be restarted after a failure
        listen(service, unit)
        start_until_ready(name, service.check_socket(release), unit)
        mark_migrated(service, release)

    def _settle(self, release: str, gone: list[str]) -> None:
        """Once a release serves: have it come up after a reboot, stop the one before and remove the oldest.

        Nobody waits for the one before: it finishes what it has begun, for as long as its deadlines.stop says.
        """
        service, before = self.service, self.before
        port, state = service.socket_unit.name, service.state_unit.name
        systemctl("enable", "--quiet", "--no-reload", port, state)
        reload()
        systemctl("start", state)
        if before.release and before.release != release:
            self.say(f"stopping {before.release}")
            stop_release(service, before.release)
        remove_releases(service, gone)
        if gone:
            reload()

    def _refused(self, release: str, error: Exception) -> SwitchError:
        """Undo what was done for a release; return the error that says why, and what could not be undone."""
        service, before, why = self.service, self.before, self._why(release, error)
        steps: list[Callable[[], object]] = [lambda: end_check(service, release)]
        if release != before.release:
            # One that has served before stays kept: it may be the config of now that it can't live with.
            kept = release in before.kept
            undo = (lambda: stop_release(service, release)) if kept else (lambda: remove_releases(service, [release]))
            steps += [undo, lambda: restore(service, before)]
        steps.append(reload)
        left = []
        for step in steps:
            try:
                step()
            except (SwitchError, OSError) as problem:
                left.append(reason(problem))
        undone = f" (and on the way back: {'; '.join(left)})" if left else ""
        if release == before.release:
            return SwitchError(f"{release} could not be started again: {why}{undone}")
        return SwitchError(f"{release} was refused: {why}{undone}; {self._what_serves()}")

    def _why(self, release: str, error: Exception) -> str:
        """Return why a release is refused, with what to do about it where that can be told."""
        why = reason(error)
        try:
            return f"{why}{hints(why, self.service.unit(release))}"
        except SwitchError:  # its unit can't be read
            return why

    def _what_serves(self) -> str:
        return f"{self.before.release} still serves" if self.before.release else "nothing served before"


def _declares(listens: str) -> str:
    """Return the parameters with which a service listens there."""
    if listens.startswith("/"):
        return f"socket {listens}"
    address, _, port = listens.rpartition(":")
    return f"port {port}" if address == "0.0.0.0" else f"port {port} and address {address.strip('[]')}"  # noqa: S104
