"""The packages of the services, and an apt repository of them: gunicorn in a virtualenv, and a tiny application.

Each is what the module expects of a package: /opt/venvs/NAME with gunicorn. They differ by name and version only, so
the virtualenv is made once.
"""

import hashlib
import shutil
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fleet_cli.machine import process

HERE = Path(__file__).resolve().parent
PYTHON = "3.13"
APPLICATION = """\
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]
"""
GUNICORN = """\
#!/opt/venvs/{name}/bin/python3
import sys
from gunicorn.app.wsgiapp import run
sys.exit(run())
"""
CONTROL = """\
Package: {name}
Version: {version}
Architecture: all
Maintainer: Benchmark <root@localhost>
Depends: python3
Description: a service of the benchmark
"""


def build(repository: Path, wanted: Iterable[tuple[str, str]], scratch: Path) -> None:
    """Make an apt repository of packages.

    Args:
        repository: the directory that becomes the repository.
        wanted: name and version of each package.
        scratch: where to work.
    """
    site = scratch / "site"
    process.run(["/usr/bin/python3", "-m", "venv", scratch / "pip"])
    process.run(
        [scratch / "pip/bin/pip", "install", "--quiet", "--no-compile", "--require-hashes", "--no-deps",
         "--only-binary=:all:", "--target", site, "-r", HERE / "package.txt"],
    )  # fmt: skip
    (site / "hello.py").write_text(APPLICATION, encoding="utf-8")
    shutil.rmtree(site / "bin", ignore_errors=True)
    repository.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(max_workers=2) as pool:
        entries = list(pool.map(lambda one: _package(repository, one[0], one[1], site, scratch), wanted))
    (repository / "Packages").write_text("\n".join(entries), encoding="utf-8")


def _package(repository: Path, name: str, version: str, site: Path, scratch: Path) -> str:
    """Build one package; return its entry in the index."""
    tree = scratch / f"{name}_{version}"
    virtualenv = tree / "opt/venvs" / name
    target = virtualenv / f"lib/python{PYTHON}/site-packages"
    target.parent.mkdir(parents=True)
    shutil.copytree(site, target)
    (virtualenv / "bin").mkdir()
    (virtualenv / "bin/python3").symlink_to("/usr/bin/python3")
    (virtualenv / "pyvenv.cfg").write_text(f"home = /usr/bin\nversion = {PYTHON}\n", encoding="utf-8")
    gunicorn = virtualenv / "bin/gunicorn"
    gunicorn.write_text(GUNICORN.format(name=name), encoding="utf-8")
    gunicorn.chmod(0o755)
    control = CONTROL.format(name=name, version=version)
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN/control").write_text(control, encoding="utf-8")
    file = repository / f"{name}_{version}_all.deb"
    process.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", tree, file])
    shutil.rmtree(tree)
    content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return f"{control}Filename: ./{file.name}\nSize: {len(content)}\nSHA256: {digest}\n"
