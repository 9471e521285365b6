"""A plan has the modules of a Puppetfile from wherever they are, or says which it can't have and what to do."""

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from fleet_cli.machine.errors import FleetError
from fleet_cli.planning import environment, modules


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and says nothing of it."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def archive() -> bytes:
    """A module as it is packed for r10k, without a folder around it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as file:
        text = b"class own { }\n"
        member = tarfile.TarInfo("manifests/init.pp")
        member.size = len(text)
        file.addfile(member, io.BytesIO(text))
    return packed.getvalue()


@pytest.fixture(scope="module")
def url(archive: bytes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where it is, on a web server."""
    directory = tmp_path_factory.mktemp("web")
    (directory / "own-1.0.tar.gz").write_bytes(archive)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(directory))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/own-1.0.tar.gz"
        server.shutdown()
        thread.join()


def fetch(declared: str) -> dict[str, str]:
    """Return the files of the module `own`, and what is in them."""
    with modules.fetched(f"moduledir 'vendor'\nmod 'own', {declared}\n".encode(), environment.MIRROR) as found:
        return {name: (found.directory / name).read_text(encoding="utf-8") for name in found.files}


@pytest.mark.parametrize("pinned", ["version", "checksum", ""])
def test_a_tarball_is_fetched(pinned: str, url: str, archive: bytes) -> None:
    pin = f", {pinned}: '{hashlib.sha256(archive).hexdigest()}'" if pinned else ""
    files = fetch(f"type: 'tarball', source: '{url}'{pin}")
    assert files == {"vendor/own/manifests/init.pp": "class own { }\n"}


REFUSED = {
    "another file": ("type: 'tarball', source: 'URL', version: '" + "0" * 64 + "'", "is another file than the"),
    "no checksum": ("type: 'tarball', source: 'URL', version: '1.0'", "own: a tarball's version is its SHA-256"),
    "a file of this machine": ("type: 'tarball', source: '/etc/shadow'", "source must be a URL with http"),
}


@pytest.mark.parametrize(("declared", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_fetched_is_said(declared: str, said: str, url: str) -> None:
    with pytest.raises(FleetError) as told:
        fetch(declared.replace("URL", url))
    assert said in str(told.value)
    assert "\n" not in str(told.value)


MISSING = {
    "nothing there": ("type: 'tarball', source: 'URLx'", "there is nothing at http://127.0.0.1"),
    "Subversion": ("svn: 'https://svn.example.org/own', revision: '7'", "it comes from Subversion, which fleet does"),
}


@pytest.mark.parametrize(("declared", "said"), MISSING.values(), ids=MISSING)
def test_what_can_not_be_had_is_left_out_and_named(declared: str, said: str, url: str) -> None:
    puppetfile = f"moduledir 'vendor'\nmod 'own', {declared.replace('URL', url)}\n"
    with modules.fetched(puppetfile.encode(), environment.MIRROR) as found:
        assert not found.files
        assert found.missing["own"].startswith(said)
