"""A machine that has a Puppet 8 of its own, and nothing that a sandbox takes: `--puppet host`."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from fleet_cli.machine import host, paths, process, temporary
from fleet_cli.planning import environment, modules
from fleet_cli.roots import forge, rootfs

REPO = paths.control_repo()
USER, UID = "developer", "4321"
HOME = "/home/developer"
GONE = ("apt*", "bwrap", "dpkg*", "mmdebstrap", "newgidmap", "newuidmap", "unshare")
PREPARE = f"""
set -eu
chmod 755 /
useradd --uid {UID} --home-dir {HOME} --no-create-home {USER}
cd /usr/bin; rm -f {" ".join(GONE)}
for name in apt-get dpkg bwrap unshare mmdebstrap; do
  if command -v "$name" >/dev/null; then echo "$name is still on PATH" >&2; exit 1; fi
done
sh -eu -c "$BEFORE"
cd {HOME}/control
exec runuser --user {USER} -- "$@"
"""
PACKAGED = """
mkdir -p /opt/puppetlabs/bin /opt/puppetlabs/puppet/bin
mv /usr/bin/puppet /opt/puppetlabs/puppet/bin/puppet
ln -s /usr/bin/ruby /opt/puppetlabs/puppet/bin/ruby
printf '#!/bin/sh\\nexec /opt/puppetlabs/puppet/bin/$(basename "$0") "$@"\\n' >/opt/puppetlabs/puppet/bin/wrapper.sh
chmod 755 /opt/puppetlabs/puppet/bin/wrapper.sh
ln -s ../puppet/bin/wrapper.sh /opt/puppetlabs/bin/puppet
"""
CONFIGURED = """
mkdir -p /etc/puppetlabs/r10k
echo 'forge: {{baseurl: "{url}"}}' >/etc/puppetlabs/r10k/r10k.yaml
"""
Edits = Mapping[str, tuple[str, str]]
MISTAKES: Edits = {
    "hieradata/tiers/production.yaml": ("flask_microservice::drain_seconds", "flask_microservice::drain_secs"),
    "site/role/manifests/app.pp": ("class role::app", "class role::ap"),
    "site/role/manifests/load_balancer.pp": ("  include profile::base", "\tinclude profile::base"),
}
"""A text of a file, and what is written instead."""
BROKEN: Edits = {"site/profile/manifests/base.pp": ("class profile::base", "class base class")}
CHANGES: Edits = {
    "hieradata/services/orders.yaml": ("level: info", "level: debug"),
    "hieradata/tiers/staging.yaml": ("orders: '1.0.0-1'", "orders: '1.10.0-1'"),
    # What only apt and systemd can do: neither is on the machine that plans.
    "site/profile/manifests/base.pp": (
        "stdlib::ensure_packages($packages)",
        "stdlib::ensure_packages($packages)\n"
        "  package { 'telnet': ensure => purged }\n  service { 'cups': enable => mask }",
    ),
}


@dataclass(frozen=True)
class Developer:
    """Debian 13 as a developer's machine, without what it has of Debian's tools, and a clone in the home.

    Attributes:
        home: the developer's, on this machine.
        reference: another clone, of root's, for what the sandbox says.
        modules: the Puppetfile's modules.
    """

    home: Path
    reference: Path
    modules: Path

    def run(self, *command: str, before: str = "", path: str = "") -> process.Result:
        """Run a command in the clone, after root has prepared something else."""
        variables = {"HOME": HOME, "LANG": "C.UTF-8", "PATH": f"{path}/usr/local/bin:/usr/bin:/bin"}
        own = [f"{name}={value}" for name, value in {**host.pip_environment(), **variables}.items()]
        argv = ["sh", "-c", PREPARE, "prepare", "env", "-i", *own, *command]
        return rootfs.run(
            "own_puppet", argv, binds={self.home.parent: "/home", self.modules: "/srv/modules"},
            env={"BEFORE": before}, check=False,
        )  # fmt: skip

    def fleet(self, *arguments: str, before: str = "", path: str = "") -> process.Result:
        """Run fleet in the clone with the Puppet of that machine."""
        command, *options = arguments
        return self.run("scripts/fleet", command, "--puppet", "host", *options, before=before, path=path)

    def sandboxed(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What fleet says in the other clone with the Puppet of the sandbox."""
        command = [str(REPO / "scripts/fleet"), "-C", str(self.reference), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def write(self, edits: Edits) -> None:
        """Edit both clones in the same way, from what is committed in them."""
        for clone in (self.home / "control", self.reference):
            for name, (old, new) in edits.items():
                text = (REPO / name).read_text(encoding="utf-8")
                assert old in text, name
                (clone / name).write_text(text.replace(old, new, 1), encoding="utf-8")

    def restore(self, names: Edits) -> None:
        for clone in (self.home / "control", self.reference):
            for name in names:
                shutil.copy(REPO / name, clone / name)


@pytest.fixture(scope="module")
def developer() -> Iterator[Developer]:
    with temporary.directory() as scratch:
        scratch.chmod(0o755)
        reference, home = scratch / "reference", scratch / "homes" / USER
        subprocess.run(["git", "clone", "--quiet", "--no-local", REPO, reference], check=True)
        git = ["git", "-C", str(reference), "-c", "user.name=A", "-c", "user.email=a@fleet.test"]
        listing = ["git", "-C", str(REPO), "ls-files", "-co", "--exclude-standard"]
        for name in subprocess.run(listing, capture_output=True, text=True, check=True).stdout.splitlines():
            if (REPO / name).is_file():  # what is not committed yet is tried as well
                (reference / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(REPO / name, reference / name)
        subprocess.run([*git, "add", "--all"], check=True)
        subprocess.run([*git, "commit", "--quiet", "--allow-empty", "--message=A state"], check=True)
        shutil.copytree(reference, home / "control", symlinks=True)
        with modules.fetched((REPO / "Puppetfile").read_bytes(), environment.MIRROR) as fetched:
            shutil.copytree(fetched.directory / "vendor", scratch / "modules")
        subprocess.run(["chown", "--recursive", f"{UID}:{UID}", home], check=True)
        yield Developer(home, reference, scratch / "modules")


@pytest.fixture
def edited(developer: Developer) -> Iterator[Callable[[Edits], Developer]]:
    """Edit the files of both clones; afterwards they are as before."""
    done: list[Edits] = []

    def edit(edits: Edits) -> Developer:
        done.append(edits)
        developer.write(edits)
        return developer

    yield edit
    for edits in done:
        developer.restore(edits)


MODULES = ("--modules", "/srv/modules")
WITHOUT_PACKAGES = ("--packages", "/nonexistent")


@pytest.mark.parametrize("mistakes", [MISTAKES, BROKEN], ids=["mistakes", "broken"])
def test_validate_finds_there_what_it_finds_in_a_sandbox(edited: Callable[[Edits], Developer], mistakes: Edits) -> None:
    developer = edited(mistakes)
    found = developer.fleet("validate", "--json", *MODULES, *WITHOUT_PACKAGES)
    assert found.returncode == 1, found.stderr
    assert found.stderr.count("runs as you on this machine, not contained") == 1
    wanted = developer.sandboxed("validate", "--json", *WITHOUT_PACKAGES)
    assert json.loads(found.stdout) == json.loads(wanted.stdout)
    assert {finding["file"] for finding in json.loads(found.stdout)} >= mistakes.keys()


def test_plan_says_there_what_it_says_in_a_sandbox(edited: Callable[[Edits], Developer]) -> None:
    developer = edited(CHANGES)
    planned = developer.fleet("plan", "HEAD", "--puppetdb", "none", "--json", *MODULES)
    assert planned.returncode == 2, planned.stderr
    directory = str(developer.modules)
    wanted = developer.sandboxed("plan", "HEAD", "--puppetdb", "none", "--json", "--all", "--modules", directory)
    plan = json.loads(planned.stdout)
    assert plan == json.loads(wanted.stdout.replace(directory, "/srv/modules")), wanted.stderr
    assert "app1.fleet.test" in plan["changed_nodes"]
    assert "failure" not in {item["kind"] for group in plan["groups"] for item in group["items"]}
    assert any(note.startswith("modules: those in /srv/modules, in both states") for note in plan["notes"])


def test_modules_come_by_r10k_of_that_machine_and_puppet_from_its_makers_package(
    edited: Callable[[Edits], Developer],
) -> None:
    """Puppet's own package is not on PATH; Debian's Puppet is put where that one would be."""
    developer = edited(MISTAKES)
    with forge.serving() as url:
        found = developer.fleet("validate", "--json", *WITHOUT_PACKAGES, before=PACKAGED + CONFIGURED.format(url=url))
        assert found.returncode == 1, found.stderr
        wanted = developer.sandboxed("validate", "--json", *WITHOUT_PACKAGES)
        developer.restore(MISTAKES)
        planned = developer.fleet("plan", "HEAD", "--puppetdb", "none", "--forge", url, before=PACKAGED)
    assert json.loads(found.stdout) == json.loads(wanted.stdout)
    assert "modules of the Puppetfile, by /usr/bin/r10k: done" in found.stderr
    assert (planned.returncode, planned.stdout.splitlines()[0].partition(": ")[2]) == (
        0, "nothing changes on 6 nodes",
    ), planned.stderr  # fmt: skip


def test_nothing_of_puppets_is_left_in_the_home(developer: Developer) -> None:
    assert developer.fleet("validate", *MODULES, *WITHOUT_PACKAGES).returncode == 0
    left = developer.run("find", HOME, "-maxdepth", "1", "-name", ".*", "-printf", "%f\n").stdout.split()
    assert not [name for name in left if "puppet" in name or "facter" in name]


def test_another_release_of_puppet_is_refused(developer: Developer) -> None:
    fake = "mkdir /opt/old; printf '#!/bin/sh\\necho 7.1.0\\n' >/opt/old/puppet; chmod 755 /opt/old/puppet"
    for command, status in (("validate", 2), ("plan", 1)):
        said = developer.fleet(command, before=fake, path="/opt/old:")
        assert (said.returncode, said.stdout) == (status, "")
        assert said.stderr.startswith("fleet: /opt/old/puppet is of version 7.1.0: fleet needs Puppet 8 or OpenVox 8")
        assert len(said.stderr.splitlines()) == 1


def test_without_a_new_python_it_says_so_and_asks_for_no_debian(developer: Developer) -> None:
    first_call = "mkdir /tmp/new; cp -R scripts requirements.txt /tmp/new; exec /tmp/new/scripts/fleet --help"
    said = developer.run("sh", "-c", first_call, before="rm /usr/bin/python3*")
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr.startswith("fleet: no Python >= 3.11 with ensurepip: install one")


def test_without_r10k_and_modules_it_says_what_to_install(developer: Developer) -> None:
    command = ("env", "XDG_STATE_HOME=/tmp/state", "scripts/fleet", "plan", "--puppet", "host", "HEAD")
    said = developer.run(*command, before="rm /usr/bin/r10k")
    assert said.returncode == 1
    assert "r10k is not on PATH" in said.stderr.splitlines()[-1]
    assert "--modules DIR" in said.stderr.splitlines()[-1]


def test_without_puppet_lint_it_says_that_style_is_not_checked(edited: Callable[[Edits], Developer]) -> None:
    developer = edited(MISTAKES)
    without = "find /usr -path '*ruby*' -name 'puppet-lint*' -prune -exec rm -r {} +"
    said = developer.fleet("validate", *MODULES, *WITHOUT_PACKAGES, before=without)
    assert said.returncode == 1, said.stderr
    assert "puppet-lint is not installed: the style of manifests is not checked" in said.stderr
    assert "unknown-key" in said.stdout
    assert "puppet-lint:" not in said.stdout
