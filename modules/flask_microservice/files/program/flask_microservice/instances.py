"""The units of releases, written, stopped and removed."""

from contextlib import suppress
from pathlib import Path

from . import places
from .files import remove_tree, write
from .service import Service
from .systemd import systemctl
from .unit import Unit
from .unit_texts import check_socket_text, trial_text


def write_instance(service: Service, unit: Unit, release: str) -> None:
    """Write the unit of a release on the port, and the socket of its health checks."""
    path = places.UNITS / service.instance(release)
    write(path, unit.text)
    write(path.with_suffix(".socket"), check_socket_text(service, release, trial=False))


def write_trial(service: Service, unit: Unit, release: str) -> None:
    """Write the unit of a release that no client reaches, and the socket of its health checks."""
    places.TRIAL_UNITS.mkdir(parents=True, exist_ok=True)
    path = places.TRIAL_UNITS / service.trial(release)
    write(path, trial_text(service, unit, release))
    write(path.with_suffix(".socket"), check_socket_text(service, release, trial=True))


def end_trial(service: Service, release: str) -> None:
    """Stop and remove the trial of a release, if there is one."""
    path = places.TRIAL_UNITS / service.trial(release)
    if path.exists():
        _stop(path)
        # The socket first: as long as the unit is there, the next switch knows that something was left.
        path.with_suffix(".socket").unlink(missing_ok=True)
        with suppress(OSError):  # what can't be removed there is what the next start complains of
            service.check_socket(release, trial=True).unlink()
        path.unlink()


def stop_release(service: Service, release: str) -> None:
    """Stop a release on the port; its files stay."""
    path = places.UNITS / service.instance(release)
    if path.exists():
        _stop(path)


def remove_release(service: Service, release: str) -> None:
    """Remove all there is of a release."""
    stop_release(service, release)
    path = places.UNITS / service.instance(release)
    path.with_suffix(".socket").unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    remove_tree(service.directory(release))


def _stop(path: Path) -> None:
    systemctl("stop", path.name, path.with_suffix(".socket").name, check=False)
    systemctl("reset-failed", path.name, check=False)
