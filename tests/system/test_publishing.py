"""publish-package with a real aptly: whatever is published, refused or interrupted, the next publication works.

What is fetched is what apt of a machine finds, from a web server, by the signed index.
"""

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import apt_server
import pytest
from apt_server import COMMAND, AptServer, package
from fleet_cli.validation import package_index
from fleet_cli.validation.package_index import Repository
from packages import debs

REPO = Path(__file__).resolve().parents[2]
INDEX = "public/debian/dists/fleet"
FIRST = {"billing=1.0-1": "billing 1.0-1 "}

AS_BEFORE = """
own() {{ runuser -u packages -- env GNUPGHOME=/srv/apt/keys "$@"; }}
own aptly repo add -force-replace fleet {file} && own aptly publish update -batch fleet debian
"""
"""How packages were published before: by the names that their files have."""

WITH_ANOTHER_APTLY = r"""
cp /usr/bin/aptly /aptly
cat > /another <<'SCRIPT'
#!/bin/sh
[ "$1 $2" = "{at}" ] && ! [ -e /tmp/interrupted ] || exec /aptly "$@"
touch /tmp/interrupted
{then}
SCRIPT
chmod 755 /another
rm -f /tmp/interrupted
mount --bind /another /usr/bin/aptly
"""
"""An aptly with which something happens once, where a test says."""

ON_A_SMALL_DISK = f"""
set -e
rm -rf /small && mkdir /small
mount -t tmpfs -o size=8m tmpfs /small
cp -a /srv/apt/. /small
mkdir -p /big && mount --bind /srv/apt /big
mount --bind /small /srv/apt
available=$(df --output=avail -k /small | tail -n 1)
dd if=/dev/zero of=/small/filler bs=1k count=$((available - FREE)) status=none
! {COMMAND} /files/billing_2.0-1_amd64.deb
rm /small/filler
{COMMAND} /files/billing_3.0-1_amd64.deb
rm -rf /big/*
cp -a /small/. /big
"""

WITH_COMPRESSED_LISTS = r"""
set -e
mkdir /files/debian
cd /files/debian
printf 'Package: bash\nVersion: 1\nArchitecture: amd64\nFilename: ./x\nSize: 1\nSHA256: %064d\n' 0 > Packages
digest=$(sha256sum < Packages | cut -c 1-64)
printf 'Origin: Debian\nSHA256:\n %s %s Packages\n' "$digest" "$(stat -c %s Packages)" > Release
mount -t tmpfs tmpfs /var/lib/apt/lists
mount -t tmpfs tmpfs /var/cache/apt
mount -t tmpfs tmpfs /etc/apt
echo 'deb [trusted=yes] copy:/files/debian ./' > /etc/apt/sources.list
mkdir /etc/apt/apt.conf.d
echo 'Acquire::GzipIndexes "true"; APT::Sandbox::User "root";' > /etc/apt/apt.conf.d/zip
apt-get update > /dev/null
! ls /var/lib/apt/lists/*_Packages
"""

REPLAYED = """
set -eu
cd /srv/apt/public/debian/dists/fleet
date=$(date --utc --date '20 days ago' '+%a, %d %b %Y %H:%M:%S UTC')
sed "s/^Date: .*/Date: $date/" Release > /tmp/old && cp /tmp/old Release
rm InRelease Release.gpg
own() { runuser -u packages -- gpg --homedir /srv/apt/keys --batch "$@"; }
own --clearsign --output - Release > /tmp/InRelease && cp /tmp/InRelease InRelease
"""
"""What somebody has kept who can answer in the place of the repository: rightly signed, and of before a fix."""
BELIEVED_FOR_DAYS = """
options="signed-by=/srv/apt/archive-key.asc check-date=yes check-valid-until=yes valid-until-max={seconds}"
echo "deb [$options] http://localhost/debian fleet main" > /etc/apt/fleet.list
"""

SERVICES = """\
flask_microservice::services:
  billing: {port: 7010}
  letters: {port: 7011, package: mailer}
"""
ANSWERS = json.dumps({"fleet": {"environment": "c_0000000001"}, "tiers": {}, "nodes": {}})
DEPLOY_SETTINGS = "[deploy]\nenvironments = /files/environments\nstate = /files/state\n"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AptServer, Path]]:
    """A server, and a copy of what it is when billing 1.0-1 is published."""
    directory = tmp_path_factory.mktemp("apt")
    with apt_server.started(directory / "server") as server:
        subprocess.run(["cp", "-a", server.apt, directory / "empty"], check=True)
        published(server, package(directory))
        subprocess.run(["cp", "-a", server.apt, directory / "first"], check=True)
        yield server, directory


@pytest.fixture
def server(running: tuple[AptServer, Path]) -> AptServer:
    """A server on which billing 1.0-1 is published."""
    server, directory = running
    return put_back(server, directory / "first")


@pytest.fixture
def empty(running: tuple[AptServer, Path]) -> AptServer:
    """A server on which nothing is published."""
    server, directory = running
    return put_back(server, directory / "empty")


def put_back(server: AptServer, state: Path) -> AptServer:
    for directory in (server.apt, server.files):
        for path in directory.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    subprocess.run(["cp", "-a", f"{state}/.", server.apt], check=True)
    return server


def refused(server: AptServer, *files: Path) -> str:
    """What is said of files that are not published."""
    result = server.publish(*files)
    assert (result.returncode, result.stdout) == (1, ""), result
    assert "Traceback" not in result.stderr
    return result.stderr


def published(server: AptServer, *files: Path) -> None:
    result = server.publish(*files)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count(": published") == len(files)


def test_every_version_that_a_service_can_declare_is_published_and_fetched(server: AptServer, tmp_path: Path) -> None:
    """After 1.0-1, 1:1.0-1 failed, and with it every later publication: their files have one name."""
    versions = ["1:1.0-1", "2:1.0-1", "1.0~rc1-1", "1.0+b1-1", "1:1.0+b1~x-1~bpo13+1", "2.0-1"]
    made = [package(tmp_path / str(number), version) for number, version in enumerate(versions)]
    published(server, made[0])
    published(server, *made[1:])
    assert server.fetched() == {**FIRST, **{f"billing={version}": f"billing {version} " for version in versions}}


def test_a_package_that_nobody_can_go_back_behind_says_so_in_the_index(server: AptServer, tmp_path: Path) -> None:
    """What an index leaves out, a rollout would not know, and offer a way back that there is not."""
    published(server, package(tmp_path, "2.0-1", **{"One-Way": "yes"}))
    repository = Repository(str(server.apt / "public/debian"), "fleet", "main")
    index = package_index.load(repository, set(), retry_now=True)
    assert {version: deb.is_one_way for version, deb in index["billing"].items()} == {"1.0-1": False, "2.0-1": True}


def test_an_index_of_long_ago_is_given_to_no_machine_and_the_one_that_is_renewed_is(server: AptServer) -> None:
    """A flaw that is mended would be there again, rightly signed."""
    server.ok(REPLAYED)
    server.ok(BELIEVED_FOR_DAYS.format(seconds=14 * 86400))
    with pytest.raises(AssertionError, match="expired"):
        server.fetched()
    before = server.ok(f"{COMMAND} --list")
    server.ok(f"{COMMAND} --renew")
    assert server.fetched() == FIRST
    assert server.ok(f"{COMMAND} --list") == before


def test_a_repository_is_renewed_by_its_own_account_and_by_no_other(server: AptServer) -> None:
    server.ok(f"runuser -u packages -- {COMMAND} --renew")
    assert server.run(f"runuser -u nobody -- {COMMAND} --renew").returncode == 1
    assert server.fetched() == FIRST


def test_a_repository_that_the_clash_of_two_names_has_left_is_mended(server: AptServer, tmp_path: Path) -> None:
    """No package could be published any more, and nobody was told how to go on."""
    package(server.files, "1:1.0-1")
    before = server.run(AS_BEFORE.format(file="/files/billing_1.0-1_amd64.deb"))
    assert "error linking file" in before.stdout + before.stderr
    result = server.publish(package(tmp_path, "2.0-1"))
    assert result.returncode == 0, result.stderr
    assert "billing 1:1.0-1 amd64" in result.stderr, "nobody is told that it is not published"
    published(server, package(tmp_path, "1:1.0-1"))
    assert sorted(server.fetched()) == ["billing=1.0-1", "billing=1:1.0-1", "billing=2.0-1"]


def test_a_version_without_an_epoch_follows_one_that_was_published_by_its_files_name(
    empty: AptServer, tmp_path: Path
) -> None:
    package(empty.files, "1:1.0-1")
    empty.ok(AS_BEFORE.format(file="/files/billing_1.0-1_amd64.deb"))
    published(empty, package(tmp_path))
    assert empty.fetched() == {**FIRST, "billing=1:1.0-1": "billing 1:1.0-1 "}


def cut(file: Path) -> Path:
    file.write_bytes(file.read_bytes()[:-512])
    return file


REFUSED: dict[str, tuple[Callable[[Path], Path], tuple[str, ...]]] = {
    "is for another architecture": (
        lambda here: package(here, Architecture="arm64"),
        ("billing_1.0-1_arm64.deb: billing 1.0-1 arm64 is not for", "amd64"),
    ),
    "has another version than its name": (
        lambda here: package(here, "1.1-1", file_name="billing_1.2-1_amd64.deb"),
        ("billing_1.2-1_amd64.deb: by its control file it is billing 1.1-1 amd64", "billing_1.1-1_amd64.deb"),
    ),
    "has another name than its file": (
        lambda here: package(here, name="billings", file_name="billing_1.0-1_amd64.deb"),
        ("it is billings 1.0-1 amd64",),
    ),
    "has the name of one of Debian's": (
        lambda here: package(here, "99.0-1", name="bash"),
        ("bash_99.0-1_amd64.deb: Debian has a package bash", "another name"),
    ),
    "has a name that one of Debian's provides": (
        lambda here: package(here, "99.0-1", name="awk"),
        ("awk_99.0-1_amd64.deb: Debian's package ", "awk provides awk, and machines", "another name"),
    ),
    "has a version that no service can declare": (
        lambda here: package(here, "1:2:3-1"),
        ("Version: '1:2:3-1'", "Flask_microservice::Version"),
    ),
    "has a version that dpkg writes in another way": (
        lambda here: package(here, "0:2.0-1"),
        ("billing_2.0-1_amd64.deb: write its version as dpkg does", "2.0-1"),
    ),
    "would be put elsewhere than into the repository": (
        lambda here: package(here, "3.0-1", Source="../../../../etc/cron.d"),
        ("Source: '../../../../etc/cron.d'",),
    ),
    "is cut off": (lambda here: cut(package(here, "1.3-1")), ("billing_1.3-1_amd64.deb: not a Debian package",)),
    "is published with other content": (
        lambda here: package(here, content="other"),
        ("is published already, with other content",),
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_wrong_is_refused_with_its_reason_and_the_rest_with_it(
    what: str, server: AptServer, tmp_path: Path
) -> None:
    make, words = REFUSED[what]
    good = package(tmp_path / "good", "2.0-1")
    said = refused(server, good, make(tmp_path))
    assert [word for word in words if word not in said] == [], said
    assert len(said.splitlines()) == 1, said
    assert server.ok(f"{COMMAND} --list") == "billing 1.0-1 amd64\n"
    published(server, good)


def test_a_package_for_all_machines_is_published(server: AptServer, tmp_path: Path) -> None:
    published(server, package(tmp_path, "1.1-1", Architecture="all"))
    assert server.fetched()["billing=1.1-1"]


@pytest.mark.parametrize("file_name", ["billing_1.0-1_amd64.deb", "billing_1%3a1.0-1_amd64.deb"])
def test_a_file_is_taken_by_the_name_it_is_built_with_and_by_that_of_apts_cache(
    file_name: str, server: AptServer, tmp_path: Path
) -> None:
    published(server, package(tmp_path, "1:1.0-1", file_name=file_name))


def test_a_file_that_is_published_already_is_left_alone(server: AptServer, tmp_path: Path) -> None:
    """A job that runs again would fail."""
    release = server.apt / INDEX / "InRelease"
    before = release.read_bytes()
    result = server.publish(package(tmp_path))
    assert (result.returncode, result.stdout) == (0, "billing 1.0-1 amd64: was published already\n")
    assert release.read_bytes() == before


def test_what_is_written_to_a_file_later_is_not_published(server: AptServer) -> None:
    """aptly links files on its own file system into the repository: machines got what no index names."""
    file = package(server.apt / "own", "2.0-1")
    server.ok(f"{COMMAND} /srv/apt/own/{file.name}")
    file.write_bytes(b"built anew, over the old one")
    assert sorted(server.fetched()) == ["billing=1.0-1", "billing=2.0-1"]


def test_a_name_of_debian_is_found_in_an_index_that_apt_keeps_compressed(server: AptServer) -> None:
    package(server.files, "1.0-1", name="bash")
    result = server.run(WITH_COMPRESSED_LISTS + f"{COMMAND} /files/bash_1.0-1_amd64.deb")
    assert result.returncode == 1, result
    assert "Debian has a package bash" in result.stderr


def test_a_name_of_debian_that_is_in_use_is_warned_of(server: AptServer, tmp_path: Path) -> None:
    """Debian gets new packages: a service that has the name of one could not be mended any more."""
    package(server.files, "99.0-1", name="bash")
    hidden = "mount -t tmpfs tmpfs /var/lib/apt/lists; mount -t tmpfs tmpfs /var/cache/apt"
    unknown = server.run(f"{hidden}; {COMMAND} /files/bash_99.0-1_amd64.deb")
    assert unknown.returncode == 0
    assert "warning: apt has no index of Debian here" in unknown.stderr
    result = server.publish(package(tmp_path, "99.1-1", name="bash"))
    assert (result.returncode, result.stdout) == (0, "bash 99.1-1 amd64: published\n")
    assert "warning: Debian has a package bash" in result.stderr


def test_a_package_that_no_service_runs_from_is_warned_of(server: AptServer) -> None:
    """A misspelt name was published, and nobody wondered why nothing changed."""
    deployed = {
        "environments/c_0000000001/hieradata/services/all.yaml": SERVICES,
        "state/answers.json": ANSWERS,
        "settings": DEPLOY_SETTINGS,
    }
    for name, text in deployed.items():
        file = server.files / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    names = [package(server.files, "2.0-1", name=name).name for name in ("billing", "mailer", "biling", "new")]
    here = "touch /etc/deploy-environment.ini; mount --bind /files/settings /etc/deploy-environment.ini"
    result = server.run(f"{here}; cd /files; {COMMAND} --declared=new {' '.join(names)}")
    assert result.stdout.count(": published") == len(names), result
    assert result.stderr.count("warning") == 1, result
    assert "warning: no deployed service runs from the package biling" in result.stderr


@pytest.mark.parametrize(
    ("at", "then", "done"),
    [
        ("repo add", '/aptly "$@"; kill -KILL $PPID', False),
        ("publish update", "kill -KILL $PPID", False),
        ("publish update", '/aptly "$@"; kill -KILL $PPID', True),
    ],
)
def test_after_a_publication_that_was_killed_the_next_ones_work(
    at: str, then: str, server: AptServer, tmp_path: Path, *, done: bool
) -> None:
    """What it had added was published by the next one, or made each later one fail."""
    for version in ("2.0-1", "3.0-1"):
        package(server.files, version)
    script = WITH_ANOTHER_APTLY.format(at=at, then=then)
    script += f"{COMMAND} /files/billing_2.0-1_amd64.deb; {COMMAND} /files/billing_3.0-1_amd64.deb"
    assert "billing 3.0-1 amd64: published" in server.run(script).stdout
    assert sorted(server.fetched()) == [f"billing={version}" for version in ("1.0-1", *["2.0-1"] * done, "3.0-1")]
    if not done:
        published(server, package(tmp_path, "2.0-1", content="built anew"))
        assert server.fetched()["billing=2.0-1"] == "billing 2.0-1 built anew"


def test_a_publication_that_is_ended_takes_back_what_it_added(server: AptServer) -> None:
    """Whoever wrote the next index, for another reason, would have published it."""
    package(server.files, "2.0-1")
    script = WITH_ANOTHER_APTLY.format(at="repo add", then='/aptly "$@"; kill -TERM $PPID; sleep 60')
    result = server.run(f"{script}{COMMAND} /files/billing_2.0-1_amd64.deb")
    assert (result.returncode, result.stdout) == (143, "")
    assert "billing_2.0-1" not in server.ok("runuser -u packages -- aptly repo show -with-packages fleet")


def test_the_next_publication_waits_for_an_aptly_that_has_lost_its_caller(server: AptServer) -> None:
    """It would have published what that one adds at the same time."""
    for version in ("2.0-1", "3.0-1"):
        package(server.files, version)
    script = WITH_ANOTHER_APTLY.format(at="repo add", then='kill -KILL $PPID; sleep 1; exec /aptly "$@"')
    script += f"{COMMAND} /files/billing_2.0-1_amd64.deb; {COMMAND} /files/billing_3.0-1_amd64.deb"
    assert "waiting for it" in server.run(script).stderr
    assert sorted(server.fetched()) == ["billing=1.0-1", "billing=3.0-1"]


def test_of_publications_at_once_all_are_done_and_one_version_has_one_content(server: AptServer) -> None:
    """A machine that had the one would never have got the other."""
    for number, version in enumerate(("2.0-1", "3.0-1", "3.0-1")):
        package(server.files / str(number), version, content=str(number))
    result = server.run("".join(f"{COMMAND} /files/{number}/*.deb & " for number in range(3)) + "wait")
    assert result.stdout.count(": published") == 2, result
    assert result.stderr.count("is published already, with other content") == 1, result
    assert sorted(server.fetched()) == ["billing=1.0-1", "billing=2.0-1", "billing=3.0-1"]


@pytest.mark.parametrize("old", ["InRelease", "main/binary-amd64/Packages*"])
def test_an_index_that_was_replaced_by_half_is_written_anew(old: str, server: AptServer, tmp_path: Path) -> None:
    """aptly replaces its files one by one, in any order. What the signed one lacked was said to be published."""
    index, file = server.apt / INDEX, package(tmp_path, "2.0-1")
    contents = {place: place.read_bytes() for place in index.glob(old)}
    published(server, file)
    for place, content in contents.items():
        place.unlink()
        place.write_bytes(content)
    assert server.publish(file).returncode == 0
    assert (index / "main/binary-amd64/Packages").read_text().count("\nVersion: 2.0-1\n") == 1
    assert sorted(server.fetched()) == ["billing=1.0-1", "billing=2.0-1"]


@pytest.mark.parametrize("damage", ["removed", "empty"])
def test_a_damaged_index_is_made_anew(damage: str, server: AptServer, tmp_path: Path) -> None:
    """After a power failure, it was said that Puppet makes the repository, which Puppet does not do twice."""
    release = server.apt / INDEX / "InRelease"
    release.unlink()
    if damage == "empty":
        release.touch()
    result = server.publish(package(tmp_path, "2.0-1"))
    assert result.returncode == 0, result.stderr
    assert "is damaged" in result.stderr
    assert sorted(server.fetched()) == ["billing=1.0-1", "billing=2.0-1"]


def test_while_nothing_can_be_signed_machines_get_what_they_got(server: AptServer, tmp_path: Path) -> None:
    hidden = (server.apt / "keys").rename(server.apt / "hidden")
    for version in ("2.0-1", "3.0-1", "4.0-1"):
        assert "gpg" in refused(server, package(tmp_path, version))
    assert server.fetched() == FIRST
    shutil.rmtree(server.apt / "keys", ignore_errors=True)
    hidden.rename(server.apt / "keys")
    published(server, package(tmp_path, "4.0-1", content="built anew"))
    assert server.fetched() == {**FIRST, "billing=4.0-1": "billing 4.0-1 built anew"}


def test_half_a_file_that_a_full_disk_has_left_in_aptlys_pool_is_replaced(server: AptServer, tmp_path: Path) -> None:
    """No package with its content could ever be published."""
    file = package(tmp_path, "2.0-1")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    half = server.apt / "pool" / digest[:2] / digest[2:4] / f"{digest[4:32]}_{file.name}"
    half.parent.mkdir(parents=True, exist_ok=True)
    half.write_bytes(file.read_bytes()[:1000])
    server.ok("chown -R packages: /srv/apt/pool")
    published(server, file)
    assert server.fetched()["billing=2.0-1"] == "billing 2.0-1 "


@pytest.mark.parametrize("free", [0, 32, 40])
def test_after_a_publication_on_a_full_disk_the_next_one_works(free: int, server: AptServer) -> None:
    """Args: free: KiB that are left, enough for some of what is written."""
    for version in ("2.0-1", "3.0-1"):
        package(server.files, version)
    result = server.run(f"FREE={free}{ON_A_SMALL_DISK}")
    assert "no space left on device" in result.stderr.lower(), result
    assert result.stdout == "billing 3.0-1 amd64: published\n", result
    assert sorted(server.fetched()) == ["billing=1.0-1", "billing=3.0-1"]


WITH_PROGRAMS_THAT_SAY_WHO_THEY_ARE = r"""
set -e
for program in aptly dpkg-deb gpg; do
  cp "$(command -v $program)" "/$program"
  printf '#!/bin/sh\necho "$(id -un)" >> /tmp/who\nexec "/%s" "$@"\n' "$program" > "/another-$program"
  chmod 755 "/another-$program"
  mount --bind "/another-$program" "/usr/bin/$program"
done
install -m 666 /dev/null /tmp/who
"""


def test_nothing_that_looks_into_a_package_runs_as_root(server: AptServer) -> None:
    """Whoever builds a package could take over the server."""
    package(server.files / "closed", "2.0-1")
    (server.files / "closed").chmod(0o700)
    published = server.run(
        f"{WITH_PROGRAMS_THAT_SAY_WHO_THEY_ARE}{COMMAND} /files/closed/billing_2.0-1_amd64.deb\nsort -u /tmp/who"
    )
    assert published.stdout == "billing 2.0-1 amd64: published\npackages\n", published
    assert server.ok("find /srv/apt -user root -type f") == "/srv/apt/archive-key.asc\n"


def test_who_is_not_root_is_told_so(server: AptServer) -> None:
    package(server.files, "2.0-1")
    result = server.run(f"setpriv --reuid=65534 --clear-groups {COMMAND} /files/billing_2.0-1_amd64.deb")
    assert (result.returncode, result.stderr) == (1, "publish-package: run it as root\n")


def test_what_can_be_published_is_what_the_module_can_declare() -> None:
    text = (REPO / "modules/flask_microservice/types/version.pp").read_text(encoding="utf-8")
    (declared,) = re.findall(r"Pattern\[/\\A(.*)\\z/\]", text)
    assert debs.VERSION.pattern == declared
