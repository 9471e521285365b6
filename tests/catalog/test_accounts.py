"""The Puppet server's accounts: aptly and r10k own what they work on, and nothing beside it."""

import re
from pathlib import PurePosixPath

import pytest

from .catalogs import Catalog, Node
from .conftest import Compile

SERVER = Node("puppet.fleet.test", "puppetserver", "production")
OWNED = {
    "packages": {
        "/srv/apt/db",
        "/srv/apt/pool",
        "/srv/apt/public",
        "/srv/apt/publish-package.files",
        "/srv/apt/publish-package.lock",
        "/var/lib/apt-signing",
    },
    "r10k": {"/var/cache/r10k", "/var/lib/puppet-deploys/checkouts", "/var/lib/r10k"},
}


@pytest.fixture(scope="module")
def server(compile: Compile) -> Catalog:
    (catalog,) = compile([SERVER])
    return catalog


def owned(catalog: Catalog, account: str) -> set[str]:
    files = {resource.reference: resource.parameters.get("owner") for resource in catalog}
    return {reference.removeprefix("File[").removesuffix("]") for reference, owner in files.items() if owner == account}


@pytest.mark.parametrize("account", OWNED)
def test_an_account_owns_its_own_files_and_can_not_log_in(server: Catalog, account: str) -> None:
    assert owned(server, account) == OWNED[account]
    assert server[f"User[{account}]"]["shell"] == "/usr/sbin/nologin"
    assert server[f"User[{account}]"]["system"] is True


def test_puppet_server_writes_down_what_it_tells_nodes(server: Catalog) -> None:
    """A run during a deploy would have a catalog of one commit, and files of another."""
    assert server["File[/var/lib/puppet-deploys/given]"]["owner"] == "puppet"


def test_nobody_else_enters_the_directory_of_the_signing_key(server: Catalog) -> None:
    assert server["File[/var/lib/apt-signing]"]["mode"] == "0700"
    for title in ("generate the signing key", "make the repository fleet", "publish the repository fleet"):
        assert server[f"Exec[{title}]"]["user"] == "packages"


def test_nodes_read_the_public_key_and_nothing_else_by_the_mount_of_the_repository(server: Catalog) -> None:
    directory = server["File[/srv/apt/key]"]
    assert (directory["recurse"], directory["purge"], directory["force"]) == (True, True, True)
    inside = [one.reference for one in server if one.reference.startswith("File[/srv/apt/key/")]
    assert inside == ["File[/srv/apt/key/archive-key.asc]"]
    assert server.titles("Class") >= {"Profile::Apt_repository::Signing_key"}


def test_puppet_server_serves_no_directory_in_which_an_account_can_put_a_link(server: Catalog) -> None:
    """It would follow one to the keys of all secrets, which it can read, and give them to any node."""
    served = re.findall(r"path (\S+)", server["File[/etc/puppet/fileserver.conf]"]["content"])
    assert served
    theirs = {PurePosixPath(path) for account in OWNED for path in owned(server, account)}
    for path in map(PurePosixPath, served):
        assert [its for its in theirs if its.is_relative_to(path) or path.is_relative_to(its)] == []


@pytest.mark.parametrize(
    ("remote", "named"),
    [
        ("/srv/git/control.git", "/srv/git/control.git"),
        ("file:///srv/git/control.git", "/srv/git/control.git"),
        ("https://git.example.com/control.git", None),
        ("git@git.example.com:control.git", None),
    ],
)
def test_git_takes_a_repository_of_roots_on_the_server(compile: Compile, remote: str, named: str | None) -> None:
    """No deploy would work: git refuses the repository of another account."""
    hiera = {
        f"nodes/{SERVER.certname}.yaml": f"---\nprofile::r10k::remote: {remote}\nprofile::puppetserver::heap: 768m\n"
    }
    (catalog,) = compile([Node(SERVER.certname, SERVER.role, SERVER.tier, hiera=hiera)])
    file = catalog["File[/var/lib/r10k/.config/git/config]"]
    assert file["ensure"] == ("file" if named else "absent")
    assert not named or f"directory = {named}\n" in file["content"]
