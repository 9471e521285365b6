"""A Forge of Debian's packaged Puppet modules, for the lab and for the catalog tests.

r10k asks a Forge for `/v3/modules/OWNER-NAME`, `/v3/releases/OWNER-NAME-VERSION` and a file. This is that much of
version 3 of the Forge's API, as a directory of files with a server for it (forge_server.py). The Puppetfile is the
same as for the public Forge: only r10k's `forge: baseurl` differs.
"""

import gzip
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

from fleet_cli.machine import paths, steps, temporary
from fleet_cli.machine.cache import Directories
from fleet_cli.machine.errors import FleetError
from fleet_cli.roots import forge_server
from fleet_cli.sandbox import archives, images, running

PACKAGES = (
    "puppet-module-puppetlabs-stdlib",
    "puppet-module-puppetlabs-concat",
    "puppet-module-puppetlabs-postgresql",
)
CACHE = Directories(paths.CACHE / "roots")
NAME = "forge"
_FETCH = """
set -eu
cd /tmp
mkdir debs tree; cd debs
apt-get -q -o APT::Sandbox::User=root download "$@" >&2
for deb in *.deb; do dpkg-deb -x "$deb" ../tree; done
cd ..; exec tar --create tree
"""


def ensure() -> Path:
    """Make the Forge's directory unless it is there; return it.

    Raises:
        FleetError: Debian's repositories can't be reached.
    """
    with CACHE.made(NAME, " ".join(PACKAGES), _fill) as directory:
        return directory


def _fill(new: Path) -> None:
    images.ensure("")  # a step of its own
    with steps.step("Forge mirror from Debian's module packages"), temporary.directory() as scratch:
        # Unpacked, never installed: an installed module would be found although the Puppetfile lacks it.
        fetched = scratch / "fetched.tar"
        running.run("", ["sh", "-c", _FETCH, "fetch", *PACKAGES], archive=fetched, root=True, network=True)
        archives.unpack(fetched, scratch)
        modules = sorted((scratch / "tree/usr/share/puppet/modules.available").glob("*/metadata.json")) or sorted(
            (scratch / "tree/usr/share/puppet/modules").glob("*/metadata.json")
        )
        if len(modules) < len(PACKAGES):
            raise FleetError(f"Debian's module packages have changed: found only {[str(path) for path in modules]}")
        for metadata in modules:
            _add_module(metadata.parent, new)


def _add_module(source: Path, forge: Path) -> None:
    metadata = json.loads((source / "metadata.json").read_text(encoding="utf-8"))
    slug = metadata["name"].replace("/", "-")
    version = metadata["version"]
    owner, _, name = slug.partition("-")
    archive = _archive(source, f"{slug}-{version}")
    release = {
        "uri": f"/v3/releases/{slug}-{version}",
        "slug": f"{slug}-{version}",
        "module": {
            "uri": f"/v3/modules/{slug}",
            "slug": slug,
            "name": name,
            "owner": {"slug": owner, "username": owner},
        },
        "version": version,
        "metadata": metadata,
        "file_uri": f"/v3/files/{slug}-{version}.tar.gz",
        "file_size": len(archive),
        "file_sha256": hashlib.sha256(archive).hexdigest(),
        "file_md5": hashlib.md5(archive, usedforsecurity=False).hexdigest(),
        "deleted_at": None,
    }
    module = {
        "uri": f"/v3/modules/{slug}",
        "slug": slug,
        "name": name,
        "deprecated_at": None,
        "owner": {"slug": owner, "username": owner},
        "current_release": release,
        "releases": [{key: release[key] for key in ("uri", "slug", "version", "file_uri", "deleted_at")}],
    }
    for path, content in (
        (f"v3/modules/{slug}", json.dumps(module).encode()),
        (f"v3/releases/{slug}-{version}", json.dumps(release).encode()),
        (f"v3/files/{slug}-{version}.tar.gz", archive),
    ):
        target = forge / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def _archive(source: Path, top: str) -> bytes:
    """Pack a module under the folder name that the Forge's archives have; same bytes for same files."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(source.rglob("*")):
            if path.is_symlink() or not (path.is_dir() or path.is_file()):
                continue
            member = archive.gettarinfo(str(path), f"{top}/{path.relative_to(source)}")
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mtime = 0
            member.mode = 0o755 if path.is_dir() else 0o644
            if path.is_file():
                with path.open("rb") as content:
                    archive.addfile(member, content)
            else:
                archive.addfile(member)
    return gzip.compress(plain.getvalue(), mtime=0)


@contextmanager
def serving() -> Iterator[str]:
    """Serve the mirror on a loopback port; yields its base URL."""
    handler = partial(forge_server.Handler, root=ensure())
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
