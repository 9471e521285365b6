"""fleet-enroll NODE --role ROLE --tier TIER: a machine gets a token with which it enrols once, as that node."""

import hashlib
import json
from collections.abc import Sequence

from operators import arguments as checked
from operators import enrolment_service, journal, machine, places, programs
from operators.errors import Failure, UsageError

RESERVED_ROLE = "puppetserver"
"""That of the Puppet server, whose certificate is made on itself."""


def main(arguments: Sequence[str]) -> int:
    """Print, as JSON, what the machine needs; the certificate of a node that has one is revoked."""
    given = checked.parse(arguments, words=[checked.CERTNAME], options={"--role": checked.WORD, "--tier": checked.TIER})
    if not given.words or not given.named("--role") or not given.named("--tier"):
        raise UsageError("say a node's certname, --role and --tier")
    (certname,), (role,), (tier,) = given.words, given.named("--role"), given.named("--tier")
    server = machine.certname()
    if certname == server:
        raise UsageError(f"{certname} is the Puppet server itself")
    if role == RESERVED_ROLE:
        raise UsageError(f"no other machine gets the role {role}")
    with journal.recorded("enroll", f"{certname} as {role} in {tier}"):
        authority = _authority()
        replaced = (places.SIGNED / f"{certname}.pem").exists()
        if replaced:
            _revoke(certname)
        invitation = enrolment_service.ask({"invite": {"certname": certname, "role": role, "tier": tier}})
        print(json.dumps({
            "certname": certname, "role": role, "tier": tier, "server": server, "authority": authority,
            "token": invitation["token"], "until": invitation["until"], "replaced": replaced,
        }))  # fmt: skip
    return 0


def _authority() -> str:
    """Return the SHA-256 digest of the CA's certificates, as agents get them."""
    try:
        return hashlib.sha256(places.AUTHORITY.read_bytes()).hexdigest()
    except FileNotFoundError:
        raise Failure(f"{places.AUTHORITY} is not there: this machine is no Puppet server with a CA") from None


def _revoke(certname: str) -> None:
    done = programs.follow([places.PUPPETSERVER, "ca", "clean", "--certname", certname], capture=True)
    if done.returncode:
        raise Failure(
            f"the certificate that {certname} has could not be revoked: {programs.last_line(done.stderr + done.stdout)}"
        )
