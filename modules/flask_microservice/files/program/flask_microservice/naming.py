"""The names of releases: the package's version and a digest of what runs it."""

import hashlib
import hmac
import os
import re
import threading

from . import places
from .files import write

RELEASE = re.compile(r".+\.[0-9a-f]{8}")


def release_name(version: str, unit: str, config: bytes, environment: bytes = b"") -> str:
    """Return the name of the release that a version makes with a unit, a config and a secret environment."""
    # Keyed, since the config has secrets and the name of a release is no secret: nobody can try values against it.
    made_of = b"\0".join((unit.encode(), config, *([environment] if environment else [])))
    digest = hmac.new(_key(), made_of, hashlib.sha256).hexdigest()[:8]
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
