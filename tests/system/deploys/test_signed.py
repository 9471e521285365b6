"""Where commits have to be signed, nodes get what was signed: whoever can push, or has r10k's account, adds nothing."""

import datetime
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from deploys import digests
from fleet_cli.planning import environment, locking

from .server import Server, git
from .test_locked import refused

TODAY = datetime.datetime.now(tz=datetime.UTC).date()


@dataclass(frozen=True)
class Keys:
    """Keys of people, made when they are asked for."""

    directory: Path

    def of(self, name: str) -> Path:
        key = self.directory / name
        if not key.exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        return key

    def line(self, name: str, days: str = "") -> str:
        """A line about somebody as Puppet writes it."""
        public = self.of(name).with_suffix(".pub").read_text().split()[:2]
        return f'{name} namespaces="git"{days} {" ".join(public)}\n'


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def first_signed(first_deploy: Server, keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Server:
    server = first_deploy.copied_to(tmp_path_factory.mktemp("signed") / "server")
    locking.lock(server.control, environment.MIRROR)
    server.configure(signers=keys.line("anna"))
    new = server.commit(key=keys.of("anna"))
    server.ok("production")
    assert server.given == new
    return server


@pytest.fixture
def signed(first_signed: Server, tmp_path: Path) -> Server:
    """A server that deploys what Anna has signed, and has deployed that."""
    return first_signed.copied_to(tmp_path / "server")


def test_a_commit_that_nobody_has_signed_is_not_deployed(signed: Server, keys: Keys) -> None:
    before = signed.given
    signed.change(81)
    line = refused(signed)
    assert "is not signed, and profile::r10k::signers wants a signature of anna; nothing has changed" in line
    by_r10k = signed.run(["r10k", "deploy", "environment", "production"])
    assert (by_r10k.returncode, signed.given) == (1, before)
    assert "is not signed" in by_r10k.stderr
    new = signed.commit(key=keys.of("anna"))
    signed.ok("production")
    assert signed.given == new


def test_a_key_that_is_not_listed_counts_for_nothing_and_is_named(signed: Server, keys: Keys) -> None:
    signed.commit(key=keys.of("mallory"))
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", keys.of("mallory")], capture_output=True, text=True, check=True
    ).stdout.split()
    assert f"is signed by a key that profile::r10k::signers does not have ({shown[1]})" in refused(signed)


def test_a_key_whose_time_is_over_counts_for_nothing_whatever_date_the_commit_bears(signed: Server, keys: Keys) -> None:
    signed.configure(signers=keys.line("anna", f',valid-before="{TODAY:%Y%m%d}Z"'))
    signed.change(82)
    old = {"GIT_COMMITTER_DATE": "2020-01-01T00:00:00Z", "GIT_AUTHOR_DATE": "2020-01-01T00:00:00Z"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in old.items():
            patch.setenv(name, value)
        signed.commit(key=keys.of("anna"))
    assert f"is signed by anna, whose key held before {TODAY} only" in refused(signed)
    tomorrow = TODAY + datetime.timedelta(days=1)
    signed.configure(signers=keys.line("anna", f',valid-after="{tomorrow:%Y%m%d}Z"'))
    assert f"is signed by anna, whose key holds from {tomorrow} on" in refused(signed)
    signed.configure(signers=keys.line("anna", f',valid-after="{TODAY:%Y%m%d}Z",valid-before="{tomorrow:%Y%m%d}Z"'))
    signed.ok("production")


def _with_signature_of(server: Server, other: str, text: str) -> str:
    """Commit a text, with the signature of another commit; return the commit."""
    server.write("hieradata/common.yaml", text)
    git(server.control, "add", "-A")
    tree = git(server.control, "write-tree")
    signed = git(server.control, "cat-file", "commit", other)
    file = server.directory / "forged"
    file.write_text(f"tree {tree}\n" + signed.partition("\n")[2] + "\n")
    commit = git(server.control, "hash-object", "-t", "commit", "-w", "--literally", str(file))
    git(
        server.control,
        "push",
        "-q",
        "--force",
        str(server.directory / "control.git"),
        f"{commit}:refs/heads/production",
    )
    return commit


def test_a_signature_of_another_commit_counts_for_nothing(signed: Server) -> None:
    _with_signature_of(signed, "HEAD", "---\nprofile::one::port: 666\n")
    assert "has a signature that does not fit it" in refused(signed)


def test_a_signature_by_something_else_than_ssh_is_named(signed: Server) -> None:
    head = git(signed.control, "cat-file", "commit", "HEAD").partition("gpgsig ")[0]
    file = signed.directory / "forged"
    file.write_text(f"{head}gpgsig -----BEGIN PGP SIGNATURE-----\n x\n -----END PGP SIGNATURE-----\n\nchange\n")
    commit = git(signed.control, "hash-object", "-t", "commit", "-w", str(file))
    git(signed.control, "push", "-q", "--force", str(signed.directory / "control.git"), f"{commit}:production")
    assert "is not signed by an SSH key" in refused(signed)


TAMPERED: dict[str, tuple[str, str]] = {
    "a file that git would not tell of": (
        "git -C $copy update-index --assume-unchanged manifests/site.pp; echo 'include evil' >>$copy/manifests/site.pp",
        "(manifests/site.pp)",
    ),
    "a mode": (
        "git -C $copy update-index --assume-unchanged hieradata/common.yaml; chmod +x $copy/hieradata/common.yaml",
        "(hieradata/common.yaml)",
    ),
    "a fact": ("echo 1 >$copy/site/profile/lib/facter/two.rb", "site/profile: is neither in the commit nor in"),
    "a file whose name is no text": (
        "touch $copy/site/profile/lib/facter/$(printf 'a\\377').rb",
        "site/profile: is neither",
    ),
    "a module": ("mkdir -p $copy/vendor/evil/lib; echo 1 >$copy/vendor/evil/lib/a.rb", "vendor/evil: is neither in"),
    "a fact in a module": ("echo 1 >$copy/vendor/concat/lib/facter.rb", "module puppetlabs-concat is not the one"),
    "the file of digests": (
        "git -C $copy update-index --assume-unchanged Puppetfile.digests.json; rm $copy/Puppetfile.digests.json",
        "Puppetfile.digests.json",
    ),
    "metadata of resource types": (
        "mkdir $copy/.resource_types; echo 1 >$copy/.resource_types/a.pp",
        ".resource_types is made by a deploy",
    ),
}
"""What r10k's account does to its working copy, and what is said of it."""


@pytest.mark.parametrize("case", TAMPERED)
def test_who_has_the_account_of_r10k_changes_nothing_of_a_signed_commit(signed: Server, keys: Keys, case: str) -> None:
    done, told = TAMPERED[case]
    script = f'#!/bin/sh\n/usr/bin/r10k "$@" || exit\ncopy=/server/state/checkouts/production\n{done}\n'
    signed.put("r10k-tampering", script, 0o755)
    signed.configure(r10k="/server/r10k-tampering", signers=keys.line("anna"))
    signed.change(83)
    signed.commit(key=keys.of("anna"))
    assert told in refused(signed)


HOSTILE = """
fork do
  Process.setsid
  [$stdin, $stdout, $stderr].each { |stream| stream.reopen('/dev/null') }
  loop do
    Dir.glob('/proc/[0-9]*/cmdline') do |path|
      Process.kill('KILL', path[/[0-9]+/].to_i) if File.read(path).include?('reader.rb')
    rescue SystemCallError
      next
    end
    sleep 0.01
  end
end
"""
"""The top of a Puppetfile of a branch: it has a hand in what judges other commits."""


def test_code_of_an_unsigned_branch_has_no_hand_in_the_deploy_of_a_signed_commit(signed: Server, keys: Keys) -> None:
    signed.change(84)
    new = signed.commit(key=keys.of("anna"))
    signed.write("Puppetfile", HOSTILE + (signed.control / "Puppetfile").read_text())
    signed.commit(branch="a_topic")
    result = signed.run(["r10k", "deploy", "environment"])
    assert result.returncode == 1
    assert "a_topic: commit" in result.stderr
    assert "is not signed" in result.stderr
    assert signed.given == new


def test_modules_of_a_signed_commit_have_to_be_locked(signed: Server, keys: Keys) -> None:
    (signed.control / digests.NAME).unlink()
    signed.commit(key=keys.of("anna"))
    assert "vendor/concat: is neither in the commit nor in a Puppetfile.digests.json, which `fleet lock` makes" in (
        refused(signed)
    )


def _of_before(server: Server) -> tuple[str, str]:
    return server.answers["fleet"]["before"][0], "is not signed"


def _of_another_key(server: Server) -> tuple[str, str]:
    return server.given, "a key that profile::r10k::signers does not have"


@pytest.mark.parametrize("which", [_of_before, _of_another_key])
def test_what_is_kept_is_given_to_nobody_that_today_s_signers_have_not_signed(
    signed: Server, keys: Keys, which: Callable[[Server], tuple[str, str]]
) -> None:
    kept, told = which(signed)
    signed.configure(signers=keys.line("bert"))
    signed.change(85)
    new = signed.commit(key=keys.of("bert"))
    signed.ok("production")
    assert signed.given == new
    assert told in refused(signed, kept)
    signed.ok("--back")  # what the fleet was given is never out of reach


def test_a_commit_that_was_sealed_when_nobody_had_to_sign_was_not_checked_whole(signed: Server, keys: Keys) -> None:
    signed.configure()
    signed.change(86)
    signed.commit(key=keys.of("anna"))
    signed.ok("production")
    signed.configure(signers=keys.line("anna"))
    assert "was deployed when nobody had to sign" in refused(signed)
    new = signed.commit(key=keys.of("anna"))
    signed.ok("production")
    assert signed.given == new


def test_a_file_of_signers_that_is_lost_lets_nobody_in(signed: Server, keys: Keys) -> None:
    signed.change(87)
    signed.commit(key=keys.of("anna"))
    for text in ("", "# nobody\n", "anna\n"):
        signed.put("allowed_signers", text)
        assert "allowed_signers" in refused(signed)
    (signed.directory / "allowed_signers").unlink()
    assert "allowed_signers can't be read" in refused(signed)
