"""The copies that releases are."""

import subprocess
from pathlib import Path

from . import places
from .errors import SwitchError, reason
from .files import copy_tree, remove_tree, write
from .service import Declared, Service
from .unit import Unit

ENVIRONMENT = "secret_environment"
"""The file in a release's directory with its secret environment, which systemd reads as root, and nobody else can."""
MIGRATED = "migrated"
"""The file in a release's directory after which a start no longer looks at its migrations."""


def require_package(unit: Unit) -> None:
    """SwitchError unless the package that a unit declares is installed."""
    package = unit.setting("Package")
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", package]
    found = subprocess.run(query, capture_output=True, text=True, check=False).stdout
    if found != f"installed {unit.version}":
        version = found.removeprefix("installed ") if found.startswith("installed ") else "not installed"
        raise SwitchError(f"{package} {unit.version} is declared, but it is {version} on this node")


def prepare(service: Service, declared: Declared) -> None:
    """Make a release's directory, whole or not at all."""
    unit, part = declared.unit, service.releases / f".preparing-{declared.release}"
    virtualenv, config = Path(unit.setting("Virtualenv")), Path(unit.setting("Config"))
    try:
        try:
            service.releases.mkdir(parents=True, exist_ok=True)
            remove_tree(part)
            part.mkdir(mode=0o755)
            copy_tree(virtualenv, part / "venv")
            write(part / "default_config.ini", declared.config, mode=0o640, group=config.stat().st_gid)
            if declared.environment:
                write(part / ENVIRONMENT, declared.environment, mode=0o400)
            write(part / "gunicorn.conf.py", places.GUNICORN_CONFIG.read_bytes())
            write(part / "unit", unit.text)
            part.rename(service.directory(declared.release))
        except OSError:
            remove_tree(part)
            raise
    except OSError as error:
        raise SwitchError(f"{declared.release} could not be prepared: {reason(error)}") from None


def forget_environment(unit: Unit) -> None:
    """Remove the secret environment that a service no longer declares: Puppet knows nothing of it then."""
    if not unit.secret_environment:
        Path(unit.setting("Config")).with_name(ENVIRONMENT).unlink(missing_ok=True)


def mark_migrated(service: Service, release: str) -> None:
    """From here on, a start of the release does not look at its migrations again."""
    marker = service.directory(release) / MIGRATED
    if not marker.exists():
        write(marker, "")
