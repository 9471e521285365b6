"""The names of releases: the package's version and a digest of what runs it."""

import hashlib
import hmac
import os
import re
import threading

from . import places
from .files import write

RELEASE = re.compile(r".+\.[0-9a-f]{8}")


def release_name(version: str, unit: str, config: bytes) -> str:
    """Return the name of the release that a version makes with a unit and a config."""
    # Keyed, since the config has secrets and the name of a release is no secret: nobody can try values against it.
    digest = hmac.new(_key(), unit.encode() + b"\0" + config, hashlib.sha256).hexdigest()[:8]
    return re.sub(r"[^A-Za-z0-9.-]", "_", version) + f".{digest}"


def version_of(release: str) -> str:
    """Return the version in the name of a release."""
    return release.rpartition(".")[0]


def _key() -> bytes:
    """The node's own key, made at first use."""
    path = places.KEY
    try:
        return path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = path.with_name(f"key.{os.getpid()}.{threading.get_ident()}")
        write(made, os.urandom(32), mode=0o600)
        try:
            os.link(made, path)  # the first of two at once wins
        except FileExistsError:
            pass
        finally:
            made.unlink()
        return path.read_bytes()
