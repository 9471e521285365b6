"""Modules are those whose files were locked: a version is only a name, and whoever has the Forge can give anything."""

import gzip
import hashlib
import io
import json
import shutil
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from deploys import digests
from fleet_cli.planning import environment, locking
from fleet_cli.repository import module_digests
from fleet_cli.roots import forge, forge_server

from .server import Server

RELEASE = "puppetlabs-concat-7.3.1"
PLANTED = "lib/facter/planted.rb"


@pytest.fixture
def locked(deployed: Server) -> Server:
    """A server whose control repository has locked its modules."""
    locking.lock(deployed.control, environment.MIRROR)
    deployed.commit()
    deployed.ok("production")
    return deployed


@pytest.fixture
def taken_over(tmp_path: Path) -> Iterator[str]:
    """A Forge that gives another module under the same version, and its digest with it."""
    root = tmp_path / "forge"
    shutil.copytree(forge.ensure(), root)
    archive, release = root / f"v3/files/{RELEASE}.tar.gz", root / f"v3/releases/{RELEASE}"
    plain = io.BytesIO(gzip.decompress(archive.read_bytes()))
    with tarfile.open(fileobj=plain, mode="a") as opened:
        member = tarfile.TarInfo(f"{RELEASE}/{PLANTED}")
        member.size, member.mode = 1, 0o644
        opened.addfile(member, io.BytesIO(b"\n"))
    archive.write_bytes(gzip.compress(plain.getvalue()))
    said = json.loads(release.read_text())
    said["file_sha256"] = hashlib.sha256(archive.read_bytes()).hexdigest()
    said["file_md5"] = hashlib.md5(archive.read_bytes(), usedforsecurity=False).hexdigest()
    release.write_text(json.dumps(said))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(forge_server.Handler, root=root)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def refused(server: Server, branch: str = "production") -> str:
    """Have a deploy refused, which changes nothing; return the line that says why."""
    before, environments = server.answers, server.environments
    result = server(branch)
    assert result.returncode == 1, result.stdout
    assert (server.answers, server.environments) == (before, environments)
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("deploy-environment: ")]
    return line


def test_a_module_that_a_forge_has_changed_is_given_to_no_node(locked: Server, taken_over: str) -> None:
    expected = json.loads((locked.control / digests.NAME).read_text())["puppetlabs-concat"]["sha256"][0]
    for name in ("cache", "state/checkouts"):
        shutil.rmtree(locked.directory / name)
    locked.configure(forge=taken_over)
    locked.change(81)
    line = refused(locked)
    assert "module puppetlabs-concat is not the one that Puppetfile.digests.json has" in line
    assert f"expected SHA-256 {expected}, found " in line
    # As somebody would see it who had fetched it there.
    there = locked.directory / "state/checkouts/production/vendor/concat"
    assert (there / PLANTED).exists()
    assert line.endswith(f"found {module_digests.of_directory(there)}; nothing has changed")
    for name in ("cache", "state/checkouts"):
        shutil.rmtree(locked.directory / name)
    locked.configure()
    locked.ok("production")


def test_a_module_that_is_not_locked_is_given_to_no_node(locked: Server) -> None:
    """Somebody has added it to the Puppetfile, or r10k has put it there by itself."""
    puppetfile = (locked.control / "Puppetfile").read_text()
    locked.write("Puppetfile", puppetfile + "mod 'puppetlabs-stdlib', '9.4.1'\n")
    locked.commit()
    assert "vendor/stdlib: is neither in the commit nor in Puppetfile.digests.json" in refused(locked)
    locking.lock(locked.control, environment.MIRROR)
    new = locked.commit()
    locked.ok("production")
    assert locked.given == new


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"x": {"directory": "../..", "sha256": ["0"]}}', '{"x": {"directory": "vendor/x"}}']
)
def test_digests_that_can_not_be_read_are_named(locked: Server, text: str) -> None:
    locked.write(digests.NAME, text)
    locked.commit()
    assert "Puppetfile.digests.json can't be read" in refused(locked)


def test_both_sides_have_the_same_digest_of_the_same_files(tmp_path: Path) -> None:
    module = tmp_path / "module"
    (module / "b/.git").mkdir(parents=True)
    (module / "b/.git/config").touch()
    (module / "empty").mkdir()
    (module / "b.pp").write_bytes(b"\x00\xff")
    (module / "b/a").write_text("1")
    (module / "b/link").symlink_to("../b.pp")
    (module / "grün\udcff").write_text("2")
    before = digests.of_directory(module)
    assert module_digests.of_directory(module) == before
    (module / "b/a").chmod(0o755)
    assert digests.of_directory(module) == module_digests.of_directory(module) != before
