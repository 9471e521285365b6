#!/usr/bin/python3 -I
"""Decide whether Puppet's certificate authority signs a request by itself.

Puppet Server runs this with the certname as its argument and the request (PEM) on standard input; exit status 0 means
sign. What is written to standard error ends up in the server's log: why a request was refused, and never a secret.

A request is signed when its challenge password is the token that `fleet enroll` gave for this certname, role and tier
(extensions pp_role and pp_environment), and when it asks for nothing else. fleet-enrolment.service knows the tokens. A
request that is refused does not stay: Puppet Server, which has saved it, would show it to everybody who asks.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, "/usr/local/lib/fleet-operators")

from operators import enrolment_service
from operators.errors import Failure

if TYPE_CHECKING:
    from cryptography import x509

REQUESTS = Path("/etc/puppet/puppetserver/ca/requests")
# Puppet's registered extensions: https://www.puppet.com/docs/puppet/8/ssl_attributes_extensions.html
PP_ENVIRONMENT = "1.3.6.1.4.1.34380.1.1.12"
PP_ROLE = "1.3.6.1.4.1.34380.1.1.13"
# Both become parts of file names in Hiera, and the role a part of a class's name.
WORD = re.compile(r"[a-z][a-z0-9_]*")
CERTNAME = re.compile(r"[a-z0-9._-]+")
UTF8_STRING = 0x0C
LONGEST = 65536
"""Bytes of a request."""


class Refusal(Exception):
    """A request that is not signed; the message says why."""


class Requested:
    """What a request asks for, and the token that it brings.

    Raises:
        Refusal: it asks for anything that no node is given.
    """

    def __init__(self, certname: str, pem: bytes) -> None:
        # Reading this library takes longer than all else: what nobody expects is refused without.
        from cryptography import x509  # noqa: PLC0415
        from cryptography.x509.oid import AttributeOID, ExtensionOID, NameOID  # noqa: PLC0415

        try:
            request = x509.load_pem_x509_csr(pem)
            self.role = _word(request, PP_ROLE, "pp_role")
            self.tier = _word(request, PP_ENVIRONMENT, "pp_environment")
            extensions = {extension.oid.dotted_string for extension in request.extensions}
            names = [name.value for name in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
            self.token = request.attributes.get_attribute_for_oid(AttributeOID.CHALLENGE_PASSWORD).value.decode("ascii")
        except x509.AttributeNotFound:
            raise Refusal("the request brings no token (challengePassword)") from None
        except ValueError as error:
            raise Refusal(f"not a certificate request that can be read: {error}") from error
        if names != [certname]:
            raise Refusal("the request is for another name than the one it was sent for")
        # Puppet adds the node's own name among the alternative ones.
        if beyond := extensions - {PP_ROLE, PP_ENVIRONMENT, ExtensionOID.SUBJECT_ALTERNATIVE_NAME.dotted_string}:
            raise Refusal(f"the request asks for the extensions {', '.join(sorted(beyond))}")
        if not request.is_signature_valid:
            raise Refusal("the request is not signed with its own key")


def _word(request: x509.CertificateSigningRequest, oid: str, name: str) -> str:
    found = [extension.value for extension in request.extensions if extension.oid.dotted_string == oid]
    if not found:
        raise Refusal(f"the request has no {name}")
    der: bytes = getattr(found[0], "value", b"")
    # DER of a short string: a tag, the length in one byte, the text.
    if len(der) < 2 or der[0] != UTF8_STRING or der[1] != len(der) - 2:
        raise Refusal(f"{name} is no short UTF-8 string")
    text = der[2:].decode("utf-8", errors="replace")
    if not WORD.fullmatch(text):
        raise Refusal(f"{name} {text!r} is not a lower-case word (letters, digits, underscores)")
    return text


def check(certname: str, pem: bytes) -> str:
    """Return what is being signed, in a few words.

    Raises:
        Refusal: the request is not to be signed.
        Failure: the service that knows does not answer.
    """
    if not CERTNAME.fullmatch(certname):
        raise Refusal("that is no certname")
    told = False
    try:
        if not enrolment_service.ask({"is_invited": certname})["invited"]:
            raise Refusal("nobody is expected by that name: `fleet enroll` gives a token for an hour")
        requested = Requested(certname, pem)
        told = True
        answer = enrolment_service.ask({"redeem": {
            "certname": certname, "role": requested.role, "tier": requested.tier, "token": requested.token,
        }})  # fmt: skip
        if not answer["signed"]:
            raise Refusal(answer["why"])
    except Refusal as refusal:
        if not told:
            enrolment_service.ask({"refuse": {"certname": certname, "why": str(refusal)}})
        raise
    return f"role {requested.role}, tier {requested.tier}"


def main(arguments: list[str]) -> int:
    """Run as Puppet Server runs it; return the exit status."""
    if len(arguments) != 1:
        print("usage: policy CERTNAME < REQUEST.pem", file=sys.stderr)
        return 2
    certname = arguments[0]
    try:
        granted = check(certname, sys.stdin.buffer.read(LONGEST))
    except (Refusal, Failure) as refusal:
        if CERTNAME.fullmatch(certname):
            (REQUESTS / f"{certname}.pem").unlink(missing_ok=True)
        print(f"autosign: {certname}: refused: {refusal}", file=sys.stderr)
        return 1
    print(f"autosign: {certname}: signed: {granted}")
    return 0


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main(sys.argv[1:]))
