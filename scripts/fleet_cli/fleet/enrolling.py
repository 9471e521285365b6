"""Machines become nodes: each gets a token of its own, with which it enrols once."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from fleet_cli.fleet import ssh
from fleet_cli.fleet.description import Fleet
from fleet_cli.machine import paths
from fleet_cli.machine.errors import CommandFailedError, FleetError
from fleet_cli.machine.printable import printable
from fleet_cli.repository.finding import did_you_mean

PROGRAM = "fleet-enroll"
"""The program on the Puppet server that makes a token."""
SCRIPT = paths.control_repo() / "scripts/enroll"
"""What the machine runs."""
_INSTALLED = "/root/enroll"


@dataclass(frozen=True)
class Invitation:
    """What a machine needs to enrol.

    Attributes:
        server: the name in the Puppet server's certificate.
        authority: the SHA-256 digest of its CA's certificates.
        token: the secret, good for this node, role and tier, once.
        until: until when, as ISO 8601 has it, in UTC.
        replaced: whether the node had a certificate, which is revoked now.
    """

    certname: str
    role: str
    tier: str
    server: str
    authority: str
    token: str
    until: str
    replaced: bool

    @property
    def command(self) -> str:
        """What root of the machine types; the token is its standard input."""
        return f"enroll {self.server} {self.role} {self.tier} {self.authority}"

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {**asdict(self), "command": self.command}


def invite(fleet: Fleet, repo: Path, certname: str, role: str, tier: str) -> Invitation:
    """Get a token for a machine; a certificate of that name is revoked.

    Args:
        fleet: whose node it becomes.
        repo: the control repository, which has the role and the tier.
        certname: the machine's full name.

    Raises:
        FleetError: the repository has no such role or tier, or the server refuses.
    """
    _require(role, {file.stem for file in (repo / "site/role/manifests").glob("*.pp")}, "role", "site/role/manifests")
    _require(tier, {file.stem for file in (repo / "hieradata/tiers").glob("*.yaml")}, "tier", "hieradata/tiers")
    result = ssh.run(fleet, fleet.server, PROGRAM, certname, "--role", role, "--tier", tier, check=False)
    if result.returncode:
        said = [line.removeprefix(f"{PROGRAM}: ") for line in result.stderr.splitlines() if line.startswith(PROGRAM)]
        if not said:
            raise CommandFailedError([PROGRAM], result.returncode, result.stderr)
        raise FleetError(f"{fleet.server}: {said[-1]}")
    try:
        return Invitation(**json.loads(result.stdout))
    except (ValueError, TypeError):
        raise FleetError(f"{fleet.server}: {PROGRAM} says something else than this fleet expects") from None


def _require(word: str, known: set[str], kind: str, place: str) -> None:
    """Refuse a role or a tier that a repository, which keeps them where this one does, does not have."""
    if not known or word in known:
        return
    there = f"there are {', '.join(sorted(known))}"
    raise FleetError(f"'{word}' is no {kind} in {place}: {did_you_mean(word, known) or there}")


def instructions(invitation: Invitation) -> str:
    """Return what a person is told."""
    until = invitation.until[11:16]
    lines = [
        f"{invitation.certname} may enrol once, as {invitation.role} in {invitation.tier}, until {until} UTC.",
        *(["It had a certificate, which is revoked."] if invitation.replaced else []),
        "On it, as root, with scripts/enroll of this repository:",
        "",
        f"    {invitation.command}",
        "",
        "It asks for the token:",
        "",
        f"    {invitation.token}",
    ]
    return "\n".join(printable(line) for line in lines)


def cloud_init(invitation: Invitation) -> str:
    """Return user data with which a bare Debian 13 enrols at its first boot."""
    data = {
        "fqdn": invitation.certname,
        "packages": ["puppet-agent"],
        "write_files": [
            {"path": _INSTALLED, "permissions": "0700", "content": _Block(SCRIPT.read_text(encoding="utf-8"))},
            {"path": f"{_INSTALLED}-token", "permissions": "0600", "content": f"{invitation.token}\n"},
        ],
        "runcmd": [
            ["sh", "-c", f"{_INSTALLED} {invitation.command.removeprefix('enroll ')} <{_INSTALLED}-token"],
            ["rm", "-f", _INSTALLED, f"{_INSTALLED}-token"],
        ],
    }
    what = f"{invitation.certname}: {invitation.role} in {invitation.tier}"
    head = f"#cloud-config\n# {what}. Its token is good once, until {invitation.until}.\n"
    return head + yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=1000)


class _Block(str):
    """A text of several lines, as it is."""


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as they are."""


_Dumper.add_representer(_Block, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|"))
