"""What r10k's account has written is copied by root: it is to get that account nothing that it does not have."""

import hashlib
import os
import socket
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from deploys import commits, foreign
from deploys.errors import DeployError

ME = os.getuid()


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A working copy."""
    directory = tmp_path / "production"
    (directory / "manifests").mkdir(parents=True)
    (directory / "manifests/site.pp").write_text("include one\n")
    return directory


def modes(tree: Path) -> dict[str, str]:
    return {
        str(path.relative_to(tree)): stat.filemode(path.lstat().st_mode)
        for path in sorted(tree.rglob("*"))
        if not path.is_symlink()
    }


def test_a_copy_has_no_rights_but_to_be_read_and_run(theirs: Path, tmp_path: Path) -> None:
    """A setuid file would make anybody root; one that somebody may write could be changed after it was checked."""
    script = theirs / "scripts/config_version"
    script.parent.mkdir(mode=0o777)
    script.write_text("#!/bin/sh\n")
    script.chmod(0o6777)
    (theirs / "secret").touch(mode=0o600)
    (theirs / "away").symlink_to("/etc/shadow")
    foreign.copy_tree(theirs, tmp_path / "made", ME)
    assert modes(tmp_path / "made") == {
        "manifests": "dr-xr-xr-x",
        "manifests/site.pp": "-r--r--r--",
        "scripts": "dr-xr-xr-x",
        "scripts/config_version": "-r-xr-xr-x",
        "secret": "-r--r--r--",
    }
    assert (tmp_path / "made/away").readlink() == Path("/etc/shadow"), "a link was followed"
    assert stat.filemode((tmp_path / "made").stat().st_mode) == "dr-xr-xr-x"


def test_no_repository_of_git_is_copied(theirs: Path, tmp_path: Path) -> None:
    """Its configuration is code that git runs for whoever calls it."""
    for place in (theirs, theirs / "vendor/thing"):
        (place / ".git").mkdir(parents=True)
        (place / ".git/config").write_text("[core]\n\tfsmonitor = /tmp/run-me\n")
    foreign.copy_tree(theirs, tmp_path / "made", ME)
    assert list((tmp_path / "made").rglob(".git")) == []


def _pipe(place: Path) -> None:
    os.mkfifo(place)


def _socket(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(place))


@pytest.mark.parametrize("make", [_pipe, _socket])
def test_what_is_no_file_is_refused_and_holds_up_no_deploy(
    make: Callable[[Path], None], theirs: Path, tmp_path: Path
) -> None:
    make(theirs / "manifests/one.pp")
    with pytest.raises(DeployError, match=r"manifests/one\.pp: is neither a file"):
        foreign.copy_tree(theirs, tmp_path / "made", ME)


def test_a_hard_link_to_somebody_elses_file_is_refused(theirs: Path, tmp_path: Path) -> None:
    """A key that only root can read would be in an environment, for all to read."""
    with pytest.raises(DeployError, match=r"site\.pp: is not a file of the account"):
        foreign.copy_tree(theirs, tmp_path / "made", ME + 1)
    with pytest.raises(DeployError, match=r"site\.pp: is not a file of the account"):
        foreign.read_text(theirs / "manifests", "site.pp", ME + 1)


def test_no_link_is_followed_in_the_place_of_a_directory_or_a_file(theirs: Path, tmp_path: Path) -> None:
    (tmp_path / "topic").symlink_to(theirs)
    (theirs / "link.pp").symlink_to("manifests/site.pp")
    with pytest.raises(OSError, match="topic"):
        foreign.copy_tree(tmp_path / "topic", tmp_path / "made", ME)
    with pytest.raises(OSError, match="topic"):
        foreign.read_text(tmp_path / "topic/", "link.pp", ME)
    with pytest.raises(DeployError, match="neither a file"):
        foreign.read_text(theirs, "link.pp", ME)


def test_a_tree_without_an_end_is_refused(theirs: Path, tmp_path: Path) -> None:
    place = theirs
    for _ in range(foreign.DEPTH):
        place = place / "d"
        place.mkdir()
    with pytest.raises(DeployError, match="so deep"):
        foreign.copy_tree(theirs, tmp_path / "made", ME)


def test_a_repository_of_one_commit_is_one_that_git_reads(tmp_path: Path) -> None:
    """A config_version that asks git would fail every catalog."""
    text = (
        b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor A <a@b.c> 0 +0000\ncommitter A <a@b.c> 0 +0000\n\none\n"
    )
    name = hashlib.sha1(b"commit %d\0%s" % (len(text), text), usedforsecurity=False).hexdigest()
    commits.write_repository(tmp_path, name, text)
    said = subprocess.run(["git", "-C", tmp_path, "log", "--format=%H %s"], capture_output=True, text=True, check=True)
    assert said.stdout == f"{name} one\n"
