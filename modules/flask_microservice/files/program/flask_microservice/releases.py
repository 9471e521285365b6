"""The directory of a release: what it runs and with which config, all of its own."""

import shutil
from pathlib import Path

from flask_microservice.errors import SwitchError
from flask_microservice.files import copy_tree, write
from flask_microservice.service import Service
from flask_microservice.units import Unit

GUNICORN_CONFIG = Path("/usr/local/lib/flask-microservice/gunicorn.conf.py")


def prepare(service: Service, unit: Unit, release: str) -> None:
    """Make the directory of a release that Puppet declares, whole or not at all.

    Raises:
        SwitchError: it could not be made: the disk is full, or a file is missing.
    """
    directory = service.directory(release)
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
        raise SwitchError(f"{release} could not be prepared: {error.strerror}{where}") from None
