"""Foreign code in a sandbox reaches nothing of this machine: its files, its processes, its network, its privileges.

A service's source, a branch's Ruby and a Puppetfile are somebody else's code; it ran as root here.
"""

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from fleet_cli.sandbox import running

PROBE = Path(__file__).with_name("probe.py")
REFUSED = ("EPERM", "EACCES", "ENOSYS", "ENOENT", "ESRCH", "EROFS", "ENETUNREACH", "ECONNREFUSED", "ENOTTY", "EINVAL")
"""What the kernel says to one who may not, or for whom there is no such thing."""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a program in a sandbox could do and see, with things beside it outside that it would like to have."""
    directory = tmp_path_factory.mktemp("outside")
    secret = directory / "secret"
    secret.write_text("the secret", encoding="utf-8")
    secret.chmod(0o644)
    os.environ["A_TOKEN"] = secret.read_text(encoding="utf-8")
    abstract = f"fleet-test-{os.getpid()}"
    with socket.socket() as listening, socket.socket(socket.AF_UNIX) as named:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        named.bind("\0" + abstract)
        named.listen()
        port = str(listening.getsockname()[1])
        argv = ["python3", "/given/probe.py", str(os.getpid()), str(secret), port, abstract]
        with (directory / "inherited").open("w") as inherited:
            os.set_inheritable(inherited.fileno(), True)
            result = running.run("", argv, reads={PROBE: "/given/probe.py"})
    del os.environ["A_TOKEN"]
    assert "the secret" not in result.stdout
    return dict(json.loads(result.stdout))


def test_each_way_out_is_refused(seen: dict[str, Any]) -> None:
    assert len(seen["attempts"]) > 25
    assert not {name: said for name, said in seen["attempts"].items() if said not in REFUSED}


def test_the_listeners_outside_are_there_for_who_is_not_in_a_sandbox() -> None:
    """Else nothing would follow from the refusals above."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        with socket.create_connection(listening.getsockname(), 2):
            pass


def test_it_is_an_ordinary_user_without_capabilities_under_a_filter(seen: dict[str, Any]) -> None:
    assert seen["ids"] == [1000, 1000, []]
    assert {int(value, 16) for value in seen["capabilities"]} == {0}
    assert (seen["no new privileges"], seen["filter"]) == ("1", "2")


def test_it_sees_its_own_processes_environment_descriptors_and_network_only(seen: dict[str, Any]) -> None:
    assert len(seen["processes"]) <= 3
    assert seen["environment"] == ["DEBIAN_FRONTEND", "HOME", "LANG", "PATH", "PWD"]
    assert len(seen["descriptors"]) <= 1  # the one that lists them
    assert seen["interfaces"] == ["lo"]


def test_outside_it_is_nobody_of_this_machine() -> None:
    """Whoever gets out of it all the same must find that the id which they have owns nothing."""
    said = running.run("", ["sh", "-c", "cat /proc/self/uid_map /proc/self/gid_map"]).stdout.split()
    assert said[::3] == ["0", "0"]
    assert set(said[1::3]) == {str(1_879_048_192)}


def test_root_inside_has_what_dpkg_needs_and_no_more() -> None:
    script = "mount -t tmpfs none /mnt; mknod /tmp/disk b 254 0; chown 33 /etc/hostname && stat -c %u /etc/hostname"
    result = running.run("", ["sh", "-c", f"touch /etc/hostname; {script}"], root=True, check=False)
    assert result.stdout.split() == ["33"]
    assert result.stderr.count("denied") + result.stderr.count("not permitted") == 2, result.stderr


def test_what_only_root_may_read_is_handed_in_and_its_mode_stays(tmp_path: Path) -> None:
    """A clone in root's home, made under a umask of 077, can be checked as any other."""
    clone = tmp_path / "clone"
    (clone / "site").mkdir(parents=True)
    (clone / "site/init.pp").write_text("class a {}", encoding="utf-8")
    for path in (clone / "site/init.pp", clone / "site", clone, tmp_path):
        path.chmod(0o700 if path.is_dir() else 0o600)
    said = running.run("", ["cat", "/control/site/init.pp"], reads={clone: "/control"}).stdout
    assert said == "class a {}"
    assert [oct(path.stat().st_mode & 0o777) for path in (clone, clone / "site/init.pp")] == ["0o700", "0o600"]
