"""What Puppet could not use is given to no node, and the message names it."""

from collections.abc import Callable

import pytest

from .server import Server, git


def _swap(name: str, text: str) -> Callable[[Server], None]:
    return lambda server: server.write(name, text)


def _submodule(server: Server) -> None:
    other = server.directory / "other"
    git(server.directory, "init", "-q", "other")
    git(other, "commit", "-q", "--allow-empty", "-m", "x")
    git(server.control, "submodule", "add", "-q", str(other), "site/other")


def _link(server: Server) -> None:
    (server.control / "hieradata/secret.yaml").symlink_to("/etc/shadow")


def _wrong_name(server: Server) -> None:
    metadata = '{"name": "somebody-else", "version": "1.0.0", "author": "x", "dependencies": []}'
    other = server.directory / "misnamed"
    git(server.directory, "init", "-q", "-b", "main", "misnamed")
    (other / "metadata.json").write_text(metadata)
    git(other, "add", "-A")
    git(other, "commit", "-q", "-m", "x")
    commit = git(other, "rev-parse", "HEAD")
    text = server.control.joinpath("Puppetfile").read_text()
    server.write("Puppetfile", f"{text}mod 'thing', git: '/server/misnamed', ref: '{commit}'\n")


REFUSED: dict[str, tuple[Callable[[Server], None], str]] = {
    "puppetfile that does not parse": (_swap("Puppetfile", "mod 'puppetlabs-concat', \n"), "Puppetfile"),
    "module that no Forge has": (_swap("Puppetfile", "moduledir 'vendor'\nmod 'nobody/nothing', '1.2.3'\n"), "nothing"),
    "type that does not load": (
        _swap("site/profile/lib/puppet/type/fleet_thing.rb", "require 'nowhere/at/all'\n"),
        "nowhere/at/all",
    ),
    "symlink that leaves": (_link, "hieradata/secret.yaml: is a symlink to /etc/shadow"),
    "submodule": (_submodule, "site/other: is a git submodule"),
}

UNREADABLE = {
    "site/profile/manifests/one.pp": ("class profile::one {\n", "site/profile/manifests/one.pp"),
    "site/profile/manifests/nobody.pp": ("class profile::nobody {\n", "site/profile/manifests/nobody.pp"),
    "manifests/site.pp": ("include profile::one)\n", "manifests/site.pp:1"),
    "site/profile/functions/double.pp": ("function profile::double( {\n", "site/profile/functions/double.pp"),
    "site/profile/types/name.pp": ("type Profile::Name = String[\n", "site/profile/types/name.pp"),
    "site/profile/lib/facter/one.rb": ("Facter.add(:one) {\n", "site/profile/lib/facter/one.rb"),
    "hieradata/common.yaml": ("---\na: [1\n", "hieradata/common.yaml"),
    "hieradata/more/x/list.yaml": ("---\n- 1\n", "hieradata/more/x/list.yaml: is no hash"),
    "site/profile/hiera.yaml": ("---\nversion: 5\nhierarchy: [{name: x, pathh: y}]\n", "site/profile/hiera.yaml"),
    "site/old/hiera.yaml": ("---\n:backends: [yaml]\n", "site/old/hiera.yaml: has version nil"),
    "site/both/hiera.yaml": (
        "---\nversion: 5\nhierarchy: [{name: x, path: a, paths: [b]}]\n",
        "site/both/hiera.yaml",
    ),
    "site/twice/hiera.yaml": (
        "---\nversion: 5\nhierarchy: [{name: x, path: a}, {name: x, path: b}]\n",
        "site/twice/hiera.yaml: has more than one level named 'x'",
    ),
    "scripts/config_version": (
        "#!/bin/sh\necho production@0123456789abcdef\n",
        "config_version says 'production@0123456789abcdef'",
    ),
}
"""Files that Puppet could not use, and what is said of each."""


def _require_refused(server: Server, told: list[str]) -> None:
    before, environments = server.answers, server.environments
    server.commit()
    result = server("production")
    assert result.returncode == 1
    assert [text for text in told if text not in result.stdout + result.stderr] == []
    assert "Traceback" not in result.stderr
    assert (server.answers, server.environments) == (before, environments)
    making = server.directory / "code/making"
    assert not making.exists() or not list(making.iterdir())


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_whole_is_given_to_no_node(deployed: Server, case: str) -> None:
    """A node would have part of a commit, or no catalog at all."""
    spoil, told = REFUSED[case]
    spoil(deployed)
    _require_refused(deployed, [told])


def test_what_puppet_can_not_read_is_given_to_no_node_and_all_of_it_is_named(deployed: Server) -> None:
    for name, (text, _) in UNREADABLE.items():
        deployed.write(name, text)
    _wrong_name(deployed)
    misnamed = "vendor/thing/metadata.json: the module's name is 'somebody-else'"
    _require_refused(deployed, [misnamed, *(told for _, told in UNREADABLE.values())])


@pytest.mark.parametrize("wanted", ["nosuch", "0123456789abcdef"])
def test_an_unknown_branch_or_commit_is_named(deployed: Server, wanted: str) -> None:
    result = deployed(wanted)
    assert result.returncode == 1
    assert wanted in result.stderr
    assert "Traceback" not in result.stderr
    again = deployed("production")
    assert again.returncode == 0
    assert "made anew" not in again.stderr, "a typing error has cost all working copies"
