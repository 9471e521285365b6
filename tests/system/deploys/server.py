"""A Puppet server's deploys without the server: the real program, r10k, git and Puppet, in the toolbox."""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet_cli.machine import paths, process
from fleet_cli.roots import rootfs

REPO = paths.control_repo()
FILES = REPO / "site/profile/files/r10k"
OPERATORS = REPO / "site/profile/files/operators/program"
LAYOUT = """\
[deploy]
environments = /server/code/environments
making = /server/code/making
checkouts = /server/state/checkouts
r10k_cache = /server/cache
r10k = {r10k}
r10k_config = /server/r10k.yaml
state = /server/state
signed = /server/signed
confdir = /etc/puppet
account = r10k
"""
ACCOUNT = 64_101
"""The number of the account that r10k runs as."""
R10K_YAML = """\
---
cachedir: /server/cache
git: {{provider: shellgit}}
sources:
  control: {{remote: /server/control.git, basedir: /server/state/checkouts}}
postrun: ['/usr/local/sbin/deploy-environment', '--postrun', '$modifiedenvs']
forge: {{baseurl: '{forge}'}}
"""
CONTROL = {
    "environment.conf": "modulepath = site:vendor\n"
    "config_version = scripts/config_version $environmentpath $environment\n",
    "scripts/config_version": (REPO / "scripts/config_version").read_text(encoding="utf-8"),
    "hiera.yaml": "---\nversion: 5\ndefaults: {datadir: hieradata, data_hash: yaml_data}\n"
    "hierarchy:\n  - {name: all, path: common.yaml}\n  - {name: more, glob: 'more/%{facts.kind}/*.yaml'}\n",
    "hieradata/nobody_reads.yaml": "---\n- this\n",
    "hieradata/common.yaml": "---\nprofile::one::port: 80\n",
    "manifests/site.pp": "include profile::one\n",
    "site/profile/manifests/one.pp": 'class profile::one (Integer $port) {\n  notify { "port ${port}": }\n}\n',
    "site/profile/functions/double.pp": "function profile::double(Integer $x) >> Integer {\n  $x * 2\n}\n",
    "site/profile/types/name.pp": "type Profile::Name = String[1]\n",
    "site/profile/lib/puppet/type/fleet_thing.rb": "Puppet::Type.newtype(:fleet_thing) do\n  newparam(:name)\nend\n",
    "site/profile/lib/facter/one.rb": "Facter.add(:one) { setcode { 1 } }\n",
    "Puppetfile": "moduledir 'vendor'\nmod 'puppetlabs-concat', '7.3.1'\n",
    ".gitignore": "/vendor/\n",
}


@dataclass
class Server:
    """The places of a Puppet server in one directory, and a control repository to deploy from.

    Attributes:
        files: what is in the control repository; without it, the few files of CONTROL.
    """

    directory: Path
    forge: str

    files: Path | None = None

    def __post_init__(self) -> None:
        for name in ("code/environments", "state", "cache", "signed", "control.git", "home"):
            (self.directory / name).mkdir(parents=True)
        self.configure()
        git(self.directory, "init", "-q", "--bare", "-b", "production", "control.git")
        self.control = self.directory / "control"
        git(self.directory, "init", "-q", "-b", "production", "control")
        if self.files:
            shutil.copytree(self.files, self.control, dirs_exist_ok=True, ignore=shutil.ignore_patterns("vendor"))
        for name, text in ({} if self.files else CONTROL).items():
            self.write(name, text)
        (self.control / "scripts/config_version").chmod(0o755)
        self.commit()

    def configure(self, r10k: str = "/usr/bin/r10k", forge: str | None = None, signers: str = "") -> None:
        """Write the server's configuration, with this r10k and this Forge, and these who have to sign."""
        signed = "signers = /server/allowed_signers\n" if signers else ""
        self.put("allowed_signers", signers)
        self.put("deploy-environment.ini", LAYOUT.format(r10k=r10k) + signed)
        self.put("r10k.yaml", R10K_YAML.format(forge=forge or self.forge))

    def put(self, name: str, text: str, mode: int = 0o644) -> None:
        """Write a file of the server."""
        (self.directory / name).write_text(text, encoding="utf-8")
        (self.directory / name).chmod(mode)

    def write(self, name: str, text: str) -> None:
        """Write a file of the control repository."""
        (self.control / name).parent.mkdir(parents=True, exist_ok=True)
        (self.control / name).write_text(text, encoding="utf-8")

    def commit(self, branch: str = "production", key: Path | None = None) -> str:
        """Commit what is there and push it to a branch of the remote; return the name of its environment.

        Args:
            key: the SSH key to sign it with.
        """
        git(self.control, "add", "-A")
        sign = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={key}") if key else ()
        git(self.control, *sign, "commit", "-q", "--allow-empty", "-m", "change", *(["-S"] if key else []))
        git(self.control, "push", "-q", "--force", str(self.directory / "control.git"), f"HEAD:refs/heads/{branch}")
        return f"c_{git(self.control, 'rev-parse', 'HEAD')[:10]}"

    def change(self, port: int, branch: str = "production") -> str:
        """Commit another value in Hiera; return the name of the commit's environment."""
        self.write("hieradata/common.yaml", f"---\nprofile::one::port: {port}\n")
        return self.commit(branch)

    def __call__(self, *arguments: str) -> process.Result:
        """Run deploy-environment; whatever its status is."""
        return self.run(["/usr/local/sbin/deploy-environment", *arguments])

    def ok(self, *arguments: str) -> str:
        """Run deploy-environment, which must succeed; return what it printed."""
        result = self(*arguments)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def run(self, argv: Sequence[str], before: str = ":") -> process.Result:
        """Run a command on the server, after some shell code if wanted."""
        binds = {
            self.directory: "/server",
            FILES / "program": "/usr/local/lib/deploy-environment",
            OPERATORS: "/usr/local/lib/fleet-operators",
            FILES / "deploy-environment": "/usr/local/sbin/deploy-environment.py",
            FILES / "r10k": "/usr/local/bin/r10k.py",
        }
        # Git leaves the mode of files to the deploy: Puppet sets it.
        script = (
            "chmod 755 / /server && ln -sf /server/deploy-environment.ini /etc/deploy-environment.ini"
            f" && echo r10k:x:{ACCOUNT}:{ACCOUNT}::/server/home:/usr/sbin/nologin >>/etc/passwd"
            f" && echo r10k:x:{ACCOUNT}: >>/etc/group && chown r10k: /server/home"
            " && for name in sbin/deploy-environment bin/r10k; do"
            ' printf "#!/bin/sh\\nexec python3 -B /usr/local/$name.py \\"\\$@\\"\\n" >/usr/local/$name;'
            " chmod 755 /usr/local/$name; done && git config --system --add safe.directory '*'"
            f' && {before} && exec "$@"'
        )
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        return rootfs.run("toolbox", ["sh", "-c", script, "server", *argv], binds=binds, env=environment, check=False)

    @property
    def environments(self) -> set[str]:
        """The sealed environments that are there."""
        return {path.name for path in (self.directory / "code/environments").glob("c_*")}

    @property
    def answers(self) -> dict[str, Any]:
        """What is given to whom."""
        found: dict[str, Any] = json.loads((self.directory / "state/answers.json").read_text(encoding="utf-8"))
        return found

    @property
    def given(self) -> str:
        """The environment that the fleet is given."""
        return str(self.answers["fleet"]["environment"])

    def sealed(self, name: str) -> Path:
        """The directory of an environment."""
        return self.directory / "code/environments" / name

    def copied_to(self, directory: Path) -> "Server":
        """Return a server of its own that is like this one."""
        process.run(["cp", "-a", self.directory, directory])
        return self.at(directory)

    def at(self, directory: Path) -> "Server":
        """Return the server whose places are in another directory, where they are already."""
        copy = object.__new__(Server)
        copy.files = None
        copy.directory, copy.forge, copy.control = directory, self.forge, directory / "control"
        return copy


def git(directory: Path, *arguments: str) -> str:
    """Run git; return what it printed."""
    identity = ("-c", "user.name=test", "-c", "user.email=test@fleet.test", "-c", "protocol.file.allow=always")
    return process.run(["git", "-C", directory, *identity, *arguments], env={**os.environ}).stdout.strip()
