"""A Debian 13 with the apt repository of profile::apt_repository, and packages to publish there."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fleet_cli.machine import process
from fleet_cli.roots import rootfs

REPO = Path(__file__).resolve().parents[3]
PROGRAM = REPO / "site/profile/files/apt_repository"
COMMAND = "/usr/local/sbin/publish-package"
SETTINGS = """\
[repository]
name = fleet
prefix = debian
suite = fleet
component = main
published = /srv/apt/public
gnupg_home = /srv/apt/keys
account = packages
"""
SET_UP = """
set -eu
chmod 755 /  # of an overlay: its directory is root's alone
chmod 755 /srv/apt
useradd --system --home-dir /srv/apt/keys --shell /usr/sbin/nologin packages
cd /srv/apt
install -d -o packages -g packages db pool public
install -d -o packages -g packages -m 700 keys publish-package.files
install -o packages -g packages -m 600 /dev/null publish-package.lock
own() { runuser -u packages -- env GNUPGHOME=/srv/apt/keys "$@"; }
own gpg --batch --quiet --passphrase '' --quick-generate-key 'Packages of a test' ed25519 sign never
own gpg --batch --armor --export 'Packages of a test' > /srv/apt/archive-key.asc
own aptly repo create -distribution=fleet -component=main fleet
own aptly publish repo -batch -acquire-by-hash -label=fleet -origin=fleet -architectures=amd64 fleet debian
cat > /etc/nginx/nginx.conf <<'NGINX'
events {}
http { server { listen 80; root /srv/apt/public; } }
NGINX
cat > /etc/apt/fleet.list <<'SOURCE'
deb [signed-by=/srv/apt/archive-key.asc] http://localhost/debian fleet main
SOURCE
"""
"""What Puppet does, on a machine whose web server is started where something is fetched."""

FETCH = r"""
set -eu
exec 3>&1 1>&2
ip link set lo up
nginx
trap 'nginx -s stop' EXIT
rm -rf /fetched && mkdir -p /fetched/lists/partial /fetched/cache && cd /fetched
apt() {
  "$@" -o Dir::Etc::sourcelist=/etc/apt/fleet.list -o Dir::Etc::sourceparts=- -o Dir::State::lists=/fetched/lists \
    -o Dir::Cache=/fetched/cache -o APT::Sandbox::User=root -o APT::Update::Error-Mode=any
}
apt apt-get update
awk '/^Package:/ { name = $2 } /^Version:/ { print name "=" $2 }' lists/*_Packages > wanted
while read -r package; do
  rm -f ./*.deb
  apt apt-get download "$package"
  content=$(dpkg-deb --fsys-tarfile ./*.deb | tar --extract --to-stdout ./opt/content)
  printf '%s: %s\n' "$package" "$content" >&3
done < wanted
"""
"""What a machine of the fleet does: fetch the index, and each package; apt compares them with what is signed."""


class AptServer:
    """The server, in a copy of Debian that goes on from one command to the next.

    Attributes:
        files: a directory that is /files there.
        apt: what is /srv/apt there.
    """

    def __init__(self, directory: Path, shell: "subprocess.Popen[str]") -> None:
        self.files, self.apt = directory / "files", directory / "apt"
        self._exchange = directory / "exchange"
        self._shell = shell

    def run(self, script: str) -> process.Result:
        """Run a script of a shell; changes of what is mounted end with it."""
        (self._exchange / "script").write_text(script, encoding="utf-8")
        assert self._shell.stdin
        assert self._shell.stdout
        self._shell.stdin.write("unshare --mount sh /exchange/script > /exchange/out 2> /exchange/err; echo $?\n")
        self._shell.stdin.flush()
        status = int(self._shell.stdout.readline())
        out, err = ((self._exchange / name).read_text(encoding="utf-8") for name in ("out", "err"))
        return process.Result(script, status, out, err)

    def ok(self, script: str) -> str:
        """The same, of one that must not fail; what it prints."""
        result = self.run(script)
        assert result.returncode == 0, (result.stdout, result.stderr)
        return result.stdout

    def publish(self, *files: Path, options: str = "") -> process.Result:
        """Publish files, as they are named."""
        targets = []
        for number, file in enumerate(files):
            target = self.files / "given" / str(number) / file.name
            target.parent.mkdir(exist_ok=True, parents=True)
            shutil.copy(file, target)
            targets.append(shlex.quote(f"/files/given/{number}/{file.name}"))
        return self.run(f"{COMMAND} {options} {' '.join(targets)}")

    def fetched(self) -> dict[str, str]:
        """What machines get: the content of each package's file, by NAME=VERSION."""
        (self.files / "fetch").write_text(FETCH, encoding="utf-8")
        return dict(line.split(": ", 1) for line in self.ok("unshare --net sh /files/fetch").splitlines())


@contextmanager
def started(directory: Path) -> Iterator[AptServer]:
    """A server on which nothing is published yet.

    Args:
        directory: what it keeps.
    """
    for name in ("apt", "files", "exchange", "etc"):
        (directory / name).mkdir(parents=True)
    (directory / "etc/aptly.conf").write_text(_aptly_settings(), encoding="utf-8")
    (directory / "etc/publish-package.ini").write_text(SETTINGS, encoding="utf-8")
    (directory / "etc/publish-package").write_bytes((PROGRAM / "publish-package").read_bytes())
    (directory / "etc/publish-package").chmod(0o755)
    binds = {directory / name: f"/{place}" for name, place in (
        ("apt", "srv/apt"), ("files", "files"), ("exchange", "exchange"), ("etc/aptly.conf", "etc/aptly.conf"),
        ("etc/publish-package.ini", "etc/publish-package.ini"), ("etc/publish-package", COMMAND.lstrip("/")),
    )}  # fmt: skip
    binds[PROGRAM / "program"] = "/usr/local/lib/publish-package"
    binds[PROGRAM.parent / "operators/program"] = "/usr/local/lib/fleet-operators"
    with (
        (directory / "stderr").open("w", encoding="utf-8") as stderr,
        rootfs.started("apt_repository", ["sh"], stderr=stderr, binds=binds) as shell,
    ):
        server = AptServer(directory, shell)
        server.ok(SET_UP)
        yield server


def _aptly_settings() -> str:
    """aptly.conf as Puppet writes it."""
    template = (REPO / "site/profile/templates/apt_repository/aptly.conf.epp").read_text(encoding="utf-8")
    settings = dict(re.findall(r"'(\w+)' +=> +([^$\n]+),\n", template))
    assert "skipContentsPublishing" in settings
    lines = [f'"{name}": {value}'.replace("'", '"') for name, value in settings.items()]
    return "{" + ", ".join(['"rootDir": "/srv/apt"', '"architectures": ["amd64"]', *lines]) + "}"


def package(
    directory: Path,
    version: str = "1.0-1",
    *,
    name: str = "billing",
    file_name: str = "",
    content: str = "",
    **fields: str,
) -> Path:
    """Make a small package.

    Args:
        directory: where; made if it is not there.
        version: with its epoch.
        name: of the package.
        file_name: of its file, if that is not the usual one.
        content: what the file /opt/content in it has after name and version.
        fields: more of its control file.
    """
    tree = directory / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    said = {"Package": name, "Version": version, "Architecture": "amd64", "Maintainer": "Nobody <nobody@example.org>",
            "Description": f"{name} for a test", **fields}  # fmt: skip
    (tree / "DEBIAN/control").write_text("".join(f"{key}: {value}\n" for key, value in said.items()), encoding="utf-8")
    (tree / "opt").mkdir()
    (tree / "opt/content").write_text(f"{name} {version} {content}\n", encoding="utf-8")
    made = directory / (file_name or f"{name}_{version.rpartition(':')[2]}_{said['Architecture']}.deb")
    build = ["dpkg-deb", "--root-owner-group", "--nocheck", "-Znone", "--build"]
    always = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}  # the same bytes each time
    subprocess.run([*build, tree, made], check=True, capture_output=True, env=always)
    shutil.rmtree(tree)
    return made
