"""On a real Debian with its sshd and sudo: people get in by Hiera's keys, and are root in their programs, alone."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fleet_cli.machine import process
from fleet_cli.roots import rootfs

SET_UP = """
set -eu
chmod 755 /  # of an overlay: its directory is root's alone
mkdir -p /run/sshd
ssh-keygen -A >/dev/null
for name in anna bert carl vagrant root; do
  ssh-keygen -q -t ed25519 -N '' -C $name -f /keys/$name
done
install -d -m 700 /root/.ssh
install -m 600 /keys/root.pub /root/.ssh/authorized_keys
install -d -m 700 -o vagrant -g vagrant /home/vagrant/.ssh
install -m 600 -o vagrant -g vagrant /keys/vagrant.pub /home/vagrant/.ssh/authorized_keys
"""
APPLY = """
cat > /people.pp <<'END'
class {{ 'profile::operators': people => parsejson('{people}') }}
include profile::operators::server
END
puppet apply --modulepath /repo/site:/repo/modules:/repo/vendor --hiera_config /dev/null --detailed-exitcodes \
  --certname box.example.test --color=false /people.pp 2>&1
"""
LOGIN = """
ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
  -o 'ProxyCommand=/usr/sbin/sshd -i' -o IdentitiesOnly=yes -i /keys/{key} {name}@box {command}
"""

WHOSE = [
    ("/usr/local/sbin/fleet-report", "anna bert carl"),
    ("fleet-report", "anna bert carl"),
    ("fleet-inspect", "anna bert carl"),
    ("fleet-traffic", "anna bert carl"),
    ("fleet-log", "anna bert carl"),
    ("fleet-query", "anna bert carl"),
    ("fleet-answers", "anna bert carl"),
    ("fleet-publish --list", "anna bert carl"),
    ("fleet-run", "anna"),
    ("fleet-run --noop", "anna"),
    ("fleet-rollback orders", "anna"),
    ("fleet-deploy production", "bert"),
    ("fleet-enroll app9.example.org --role app --tier production", "bert"),
    ("fleet-note --rollout 7 --tier production --node app1.example.org", "anna"),
    ("fleet-publish", "carl"),
    ("fleet-report -x", ""),
    ("fleet-report \"\"", ""),
    ("fleet-run --server=evil.example.org", ""),
    ("fleet-run --noop --server=evil.example.org", ""),
    ("fleet-run \"--noop --server=evil\"", ""),
    ("fleet-publish --list x", ""),
    ("fleet-inspect /etc/shadow", ""),
    ("fleet-traffic orders", ""),
    ("fleet-log --since=1", ""),
    ("puppet-run", ""),
    ("/usr/bin/puppet agent --test", ""),
    ("/usr/local/sbin/deploy-environment --back", ""),
    ("/usr/bin/python3", ""),
    ("/bin/sh", ""),
    ("-u vagrant /usr/local/sbin/fleet-report", ""),
]  # fmt: skip
"""Commands, and who may run them by sudo."""


@dataclass
class Box:
    """A machine that goes on from one command to the next."""

    shell: "subprocess.Popen[str]"
    exchange: Path

    def run(self, script: str) -> process.Result:
        """Run a script of a shell as root."""
        (self.exchange / "script").write_text(script, encoding="utf-8")
        assert self.shell.stdin
        assert self.shell.stdout
        self.shell.stdin.write("sh /exchange/script > /exchange/out 2> /exchange/err < /dev/null; echo $?\n")
        self.shell.stdin.flush()
        status = int(self.shell.stdout.readline())
        out, err = ((self.exchange / name).read_text(encoding="utf-8") for name in ("out", "err"))
        return process.Result(script, status, out, err)

    def apply(self, people: dict[str, Any]) -> process.Result:
        """Have Puppet make the machine what Hiera says."""
        return self.run(APPLY.format(people=json.dumps(people)))

    def login(self, name: str, command: str = "true", key: str = "") -> process.Result:
        """Log in over ssh, and run a command."""
        return self.run(LOGIN.format(name=name, key=key or name, command=f"'{command}'"))

    def allowed(self, name: str, command: str) -> bool:
        """Whether sudo would run a command for a person."""
        return self.login(name, f"sudo -n -l {command} >/dev/null").returncode == 0


@pytest.fixture(scope="module")
def box(deployed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A machine on which nobody works yet."""
    directory = tmp_path_factory.mktemp("box")
    for name in ("exchange", "keys"):
        (directory / name).mkdir()
    binds = {deployed: "/repo", directory / "exchange": "/exchange", directory / "keys": "/keys"}
    with (
        (directory / "stderr").open("w", encoding="utf-8") as stderr,
        rootfs.started("", ["sh"], stderr=stderr, binds=binds) as shell,
    ):
        made = Box(shell, directory / "exchange")
        assert made.run(SET_UP).returncode == 0
        yield made


@pytest.fixture(scope="module")
def people(box: Box) -> dict[str, Any]:
    """anna may look and run, bert may deploy, carl may publish; the machine is as Hiera says."""
    keys = {name: box.run(f"cat /keys/{name}.pub").stdout.strip() for name in ("anna", "bert", "carl")}
    rights = {"anna": ["run"], "bert": ["deploy"], "carl": ["publish"]}
    said = {name: {"keys": [keys[name]], "rights": rights[name]} for name in rights}
    applied = box.apply(said)
    assert applied.returncode == 2, applied.stdout
    return said


def test_a_machine_that_is_as_hiera_says_is_left_alone(box: Box, people: dict[str, Any]) -> None:
    applied = box.apply(people)
    assert applied.returncode == 0, applied.stdout


@pytest.mark.usefixtures("people")
def test_people_get_in_by_hieras_keys_and_by_no_others(box: Box) -> None:
    assert box.login("anna", "id -un").stdout == "anna\n"
    assert box.login("anna", key="bert").returncode == 255
    own = "mkdir -p .ssh && cat /keys/bert.pub >.ssh/authorized_keys && chmod -R go= .ssh"
    assert box.login("anna", own).returncode == 0
    assert box.login("anna", key="bert").returncode == 255, "who once had a shell could let anybody in, for good"


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("name", ["root", "vagrant"])
def test_root_and_the_machines_own_accounts_are_not_locked_out(name: str, box: Box) -> None:
    assert box.login(name, "id -un").stdout == f"{name}\n"
    settings = box.run(f"sshd -T -C user={name},host=x,addr=192.0.2.1").stdout
    assert "authorizedkeysfile .ssh/authorized_keys" in settings
    assert "authenticationmethods any" in settings


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("name", ["root", "vagrant", "anna"])
def test_no_password_lets_anybody_in(name: str, box: Box) -> None:
    """Whatever comes with the system says otherwise: cloud images do."""
    box.run("echo 'PasswordAuthentication yes' >/etc/ssh/sshd_config.d/50-cloud-init.conf")
    settings = box.run(f"sshd -T -C user={name},host=x,addr=192.0.2.1").stdout.splitlines()
    assert {"passwordauthentication no", "kbdinteractiveauthentication no", "permitrootlogin without-password"} <= set(
        settings
    )
    command = LOGIN.format(key="carl", name=name, command="true").replace("BatchMode=yes", "NumberOfPasswordPrompts=1")
    assert "Permission denied (publickey)." in box.run(command).stderr


@pytest.fixture(scope="module")
def allowed(box: Box, people: dict[str, Any]) -> dict[str, str]:
    """Whom sudo allows a command, by command."""
    asked = [
        f"runuser -u {name} -- sudo -n -l {command} >/dev/null 2>&1 && printf '{name} '"
        for command, _ in WHOSE
        for name in people
    ]
    lines = [" ; ".join(asked[start : start + len(people)]) + " ; echo" for start in range(0, len(asked), len(people))]
    said = box.run("\n".join(lines)).stdout.splitlines()
    return {command: names.strip() for (command, _), names in zip(WHOSE, said, strict=True)}


@pytest.mark.parametrize(("command", "whose"), WHOSE)
def test_nobody_becomes_root_for_more_than_their_rights(command: str, whose: str, allowed: dict[str, str]) -> None:
    assert allowed[command] == whose


@pytest.mark.usefixtures("people")
def test_what_a_person_runs_knows_who_and_from_where_and_nothing_else_of_them(box: Box) -> None:
    box.run("cp /usr/local/sbin/fleet-report /kept; printf '#!/bin/sh\\nenv\\n' >/usr/local/sbin/fleet-report")
    command = 'SSH_CONNECTION="192.0.2.7 1 192.0.2.1 22" PYTHONPATH=/tmp LD_PRELOAD=x EVIL=1 sudo -n fleet-report'
    said = box.login("anna", command).stdout.splitlines()
    box.run("cp /kept /usr/local/sbin/fleet-report")
    assert {"SUDO_USER=anna", "SSH_CONNECTION=192.0.2.7 1 192.0.2.1 22"} <= set(said)
    assert not [line for line in said if line.startswith(("PYTHONPATH", "LD_", "EVIL"))]


@pytest.mark.usefixtures("people")
def test_a_thousand_nodes_are_named_in_one_call(box: Box) -> None:
    """A wave of a rollout names all of its nodes; ssh, the shell and sudo each have a limit."""
    nodes = " ".join(f"--node app{number}.production.example.org" for number in range(1000))
    done = box.login("anna", f"sudo -n fleet-note --rollout 7 --tier production {nodes}")
    assert done.returncode == 0, done.stderr[-500:]


@pytest.mark.usefixtures("people")
def test_a_report_is_there_by_one_command(box: Box) -> None:
    done = box.login("anna", "sudo -n fleet-report")
    found = json.loads(done.stdout)
    assert (found["certname"], found["services"]) == ("box.example.test", None)
    assert found["agent"]["disabled"] is None
    assert box.login("anna", "fleet-report").returncode != 0


def test_who_is_gone_from_hiera_can_do_nothing_and_who_is_absent_is_gone(box: Box, people: dict[str, Any]) -> None:
    """The last test: the machine is another one after it."""
    # A session that is open, with the groups that it was opened with.
    groups = box.run("id -G anna").stdout.strip().replace(" ", ",")
    gid = box.run("id -g anna").stdout.strip()
    session = f"setpriv --reuid anna --regid {gid} --groups {groups} sudo -n -l /usr/local/sbin/fleet-run"
    assert box.run(session).returncode == 0
    box.run("setpriv --reuid bert --regid fleet-operators --clear-groups sleep 1000 >/dev/null 2>&1 &")
    box.run("gpasswd --add vagrant fleet-deploy")
    dora = {**people["carl"], "keys": [box.run("cat /keys/vagrant.pub").stdout.strip()]}
    applied = box.apply({"bert": {"ensure": "absent"}, "carl": {**people["carl"], "rights": ["read"]}, "dora": dora})
    assert applied.returncode == 2, applied.stdout
    assert box.run("id -Gn vagrant").stdout == "vagrant\n"
    assert box.login("anna").returncode == 255
    assert box.login("anna", key="bert").returncode == 255, "the key in her home lets somebody in"
    assert box.run(session).returncode == 1, "an open session keeps the rights"
    assert box.run("id bert || ls /home/bert").returncode != 0
    assert box.run("pgrep -x sleep").returncode == 1
    assert box.login("carl", "id -Gn").stdout == "fleet-operators fleet-read\n"
    assert not box.allowed("carl", "fleet-publish")
    assert box.run("ls /etc/ssh/operators").stdout == "carl\ndora\n"
    applied = box.apply({})
    assert applied.returncode == 2, applied.stdout
    assert box.login("carl").returncode == 255
    assert box.apply({}).returncode == 0
    assert box.login("vagrant", "id -un").stdout == "vagrant\n"
