"""fleet.yaml: which fleet the commands work on, and how it is reached.

    server: puppet.example.org                        # where r10k, aptly and PuppetDB are, as ssh is told
    remote: git@git.example.org:fleet/control.git     # what r10k there deploys from
    branch: production                                # the branch that the fleet follows
    puppetdb:                                         # without it, PuppetDB is asked over ssh, on the server
      url: https://puppetdb.example.org:8081
      certificate: anna.pem                           # paths are those beside this file
      key: anna.key
      authority: ca.pem
    ssh_config: ssh-config                            # without it, ssh reads one's own ~/.ssh/config

Everything but `server` and `remote` may be left out.
"""

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fleet_cli.machine.errors import FleetError

FILE = "fleet.yaml"
BRANCH = "production"
GIT = "git"
_KEYS = ("server", "remote", "branch", "puppetdb", "ssh_config", "commits")
_PUPPETDB_KEYS = ("url", "certificate", "key", "authority")
_DESTINATION = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9._-]*@)?[A-Za-z0-9][A-Za-z0-9._:-]*")
_BRANCH = re.compile(r"[a-z0-9_]+")


@dataclass(frozen=True)
class PuppetDB:
    """A PuppetDB that this machine asks itself.

    Attributes:
        url: https, without a path.
        certificate, key: the files of a certificate that it trusts, and of its key.
        ca_file: the file with the certificate of the CA that signed PuppetDB's own; `authority` in fleet.yaml.
    """

    url: str
    certificate: Path
    key: Path
    ca_file: Path


@dataclass(frozen=True)
class Fleet:
    """A Puppet server with its nodes.

    Attributes:
        file: where it is described.
        server: the Puppet server, as ssh is told.
        remote: the git repository that r10k there deploys from.
        branch: the branch that the fleet follows.
        puppetdb: how to ask PuppetDB from here; None where the server is asked over ssh.
        ssh_config: the file that ssh reads in the place of one's own.
        commits: how a commit comes to the remote: `git` if people push it, else the word of a kind of fleet that has
            its own way (see remotes.register).
    """

    file: Path
    server: str
    remote: str
    branch: str = BRANCH
    puppetdb: PuppetDB | None = None
    ssh_config: Path | None = None
    commits: str = GIT


def load(file: Path) -> Fleet:
    """Read a description.

    Raises:
        FleetError: it is not there, or something in it is wrong; the message begins with `FILE:LINE:`.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FleetError(f"{file}: there is no such file") from None
    except UnicodeDecodeError:
        raise FleetError(f"{file}:1: not UTF-8: save the file as UTF-8") from None
    try:
        document = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise FleetError(f"{file}:{mark.line + 1 if mark else 1}: not valid YAML: {error.problem}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise FleetError(f"{file}:1: not valid YAML: {error}") from None
    said = _mapping(file, document, _KEYS, f"the keys {', '.join(_KEYS[:-1])}")
    line = document.start_mark.line + 1 if document else 1
    for key in ("server", "remote"):
        if key not in said:
            raise FleetError(f"{file}:{line}: {key} is missing: {_MEANT[key]}")
    words = {key: _word(file, key, node) for key, node in said.items() if key != "puppetdb"}
    for key, pattern in (("server", _DESTINATION), ("branch", _BRANCH), ("remote", re.compile(r"[^-\s].*"))):
        if key in words and not pattern.fullmatch(words[key]):
            raise _wrong(file, said[key], f"{key}: {words[key]!r} is none: {_MEANT[key]}")
    return Fleet(
        file,
        words["server"],
        words["remote"],
        words.get("branch", BRANCH),
        _puppetdb(file, said["puppetdb"]) if "puppetdb" in said else None,
        _beside(file, words["ssh_config"]) if "ssh_config" in words else None,
        words.get("commits", GIT),
    )


_MEANT = {
    "server": "the Puppet server, as ssh is told: puppet.example.org, or anna@puppet.example.org",
    "remote": "the git repository that r10k there deploys from, as git is told",
    "branch": "the branch that the fleet follows: lower-case letters, digits and underscores",
}


def _puppetdb(file: Path, node: yaml.Node) -> PuppetDB:
    said = _mapping(file, node, _PUPPETDB_KEYS, f"puppetdb: the keys {', '.join(_PUPPETDB_KEYS)}")
    if missing := [key for key in _PUPPETDB_KEYS if key not in said]:
        raise _wrong(file, node, f"puppetdb: {', '.join(missing)} missing: it has all of {', '.join(_PUPPETDB_KEYS)}")
    words = {key: _word(file, f"puppetdb: {key}", value) for key, value in said.items()}
    if not re.fullmatch(r"https://[^/\s]+/?", words["url"]):
        raise _wrong(file, said["url"], f"puppetdb: url: {words['url']!r} is no URL such as https://HOST:8081")
    return PuppetDB(words["url"].rstrip("/"), *(_beside(file, words[key]) for key in _PUPPETDB_KEYS[1:]))


def _mapping(file: Path, node: yaml.Node | None, keys: tuple[str, ...], expected: str) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        line = node.start_mark.line + 1 if node else 1
        raise FleetError(f"{file}:{line}: expected {expected}")
    found: dict[str, yaml.Node] = {}
    for key, value in node.value:
        name = str(key.value)
        if name not in keys:
            alike = difflib.get_close_matches(name, keys, 1)
            raise _wrong(file, key, f"unknown key {name!r}" + (f": is {alike[0]!r} meant?" if alike else ""))
        if name in found:
            raise _wrong(file, key, f"{name} is here twice, first in line {found[name].start_mark.line + 1}")
        found[name] = value
    return found


def _word(file: Path, key: str, node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode) or not node.value or node.tag.endswith(":null"):
        raise _wrong(file, node, f"{key}: expected a word")
    return str(node.value)


def _beside(file: Path, path: str) -> Path:
    return file.parent / Path(path).expanduser()


def _wrong(file: Path, node: Any, message: str) -> FleetError:
    return FleetError(f"{file}:{node.start_mark.line + 1}: {message}")
