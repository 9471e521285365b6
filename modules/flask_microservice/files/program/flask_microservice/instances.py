"""The units of releases, written, stopped and removed."""

import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from . import places
from .files import remove_tree, write
from .service import Service
from .systemd import finishing, run_after, systemctl
from .unit import Unit
from .unit_texts import check_socket_text, check_unit_text

PATIENCE_SECONDS = 3.0
"""For how long a switch waits for a release that goes.

One without a request under way ends within two seconds: for so long gunicorn leaves connections open that clients keep.
"""
POLL_SECONDS = 0.1


def write_instance(service: Service, unit: Unit, release: str) -> None:
    """Write the unit of a release on the port, and the socket of its health checks."""
    path = places.UNITS / service.instance(release)
    write(path, unit.text)
    write(path.with_suffix(".socket"), check_socket_text(service, release, checking=False))


def write_check_unit(service: Service, unit: Unit, release: str) -> None:
    """Write the unit of a release that no client reaches, and the socket of its health checks."""
    places.CHECK_UNITS.mkdir(parents=True, exist_ok=True)
    path = places.CHECK_UNITS / service.check_unit(release)
    write(path, check_unit_text(service, unit, release))
    write(path.with_suffix(".socket"), check_socket_text(service, release, checking=True))


def end_check(service: Service, release: str) -> None:
    """Stop and remove the check of a release, if there is one."""
    path = places.CHECK_UNITS / service.check_unit(release)
    if path.exists():
        _stop(path)
        # The socket first: as long as the unit is there, the next switch knows that something was left.
        path.with_suffix(".socket").unlink(missing_ok=True)
        with suppress(OSError):  # what can't be removed there is what the next start complains of
            service.check_socket(release, checking=True).unlink()
        path.unlink()


def stop_release(service: Service, release: str) -> None:
    """Have a release on the port stop, and don't wait until it has finished what it has begun; its files stay."""
    path = places.UNITS / service.instance(release)
    if path.exists():
        systemctl("stop", "--no-block", path.name, path.with_suffix(".socket").name)


def remove_releases(service: Service, releases: Collection[str]) -> None:
    """Stop releases and remove all there is of them: of those that have requests under way, once these have ended."""
    for release in releases:
        stop_release(service, release)
    units = [service.instance(release) for release in sorted(releases)]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (busy := finishing(units)) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    for release in releases:
        if service.instance(release) not in busy:
            remove_release(service, release)
    if busy:
        run_after(sorted(busy), str(places.PROGRAM), "tidy", service.name)


def remove_release(service: Service, release: str) -> None:
    """Remove all there is of a release; one that runs has to finish first what it has begun."""
    path = places.UNITS / service.instance(release)
    if path.exists():
        _stop(path)
    path.with_suffix(".socket").unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    remove_tree(service.directory(release))


def _stop(path: Path) -> None:
    systemctl("stop", path.name, path.with_suffix(".socket").name, check=False)
    systemctl("reset-failed", path.name, check=False)
