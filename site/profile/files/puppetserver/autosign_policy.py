#!/usr/bin/python3
"""Decide whether Puppet's certificate authority signs a request by itself.

Puppet Server runs this with the certname as its argument and the request (PEM) on standard input; exit status 0 means
sign. What is written to standard error ends up in the server's log: why a request was refused, and never a secret.

A request is signed when it carries the fleet's shared secret as its challenge password, and names a role and a tier
(extensions pp_role and pp_environment). The Puppet server's own role is never given away like that: its certificate is
made on the machine itself.
"""

import hmac
import re
import sys
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import AttributeOID, NameOID

SECRET = Path("/etc/puppet/autosign/shared-secret")
# Puppet's registered extensions: https://www.puppet.com/docs/puppet/8/ssl_attributes_extensions.html
PP_ENVIRONMENT = x509.ObjectIdentifier("1.3.6.1.4.1.34380.1.1.12")
PP_ROLE = x509.ObjectIdentifier("1.3.6.1.4.1.34380.1.1.13")
# Both become parts of file names in Hiera, and the role a part of a class's name.
WORD = re.compile(r"[a-z][a-z0-9_]*")
RESERVED_ROLES = frozenset({"puppetserver"})
UTF8_STRING = 0x0C


class Refusal(Exception):
    """A request that is not signed; the message says why."""


def read_secret(path: Path) -> bytes:
    """Return the shared secret.

    Raises:
        Refusal: it can't be read, or is too short to be one.
    """
    try:
        secret = path.read_bytes().strip()
    except OSError as error:
        raise Refusal(f"can't read the shared secret: {error}") from error
    if len(secret) < 32:
        raise Refusal(f"the shared secret in {path} is shorter than 32 characters: delete it and run puppet agent")
    return secret


def extension(request: x509.CertificateSigningRequest, oid: x509.ObjectIdentifier, name: str) -> str:
    """Return the value of one of Puppet's extensions.

    Raises:
        Refusal: the request does not have it, or not as the word that Puppet would make of it.
    """
    try:
        value = request.extensions.get_extension_for_oid(oid).value
    except x509.ExtensionNotFound:
        raise Refusal(f"the request has no {name}") from None
    if not isinstance(value, x509.UnrecognizedExtension):
        raise Refusal(f"{name} is no extension of Puppet's")
    der = value.value
    # DER of a short string: a tag, the length in one byte, the text.
    if len(der) < 2 or der[0] != UTF8_STRING or der[1] != len(der) - 2:
        raise Refusal(f"{name} is no short UTF-8 string")
    text = der[2:].decode("utf-8", errors="replace")
    if not WORD.fullmatch(text):
        raise Refusal(f"{name} {text!r} is not a lower-case word (letters, digits, underscores)")
    return text


def challenge_password(request: x509.CertificateSigningRequest) -> bytes:
    """Return what the request gives as the shared secret.

    Raises:
        Refusal: it gives none.
    """
    try:
        return request.attributes.get_attribute_for_oid(AttributeOID.CHALLENGE_PASSWORD).value
    except x509.AttributeNotFound:
        raise Refusal("the request has no challengePassword") from None


def check(certname: str, pem: bytes, secret: bytes) -> str:
    """Return what is being signed, in a few words.

    Raises:
        Refusal: the request is not to be signed.
    """
    try:
        request = x509.load_pem_x509_csr(pem)
        subject = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        password = challenge_password(request)
        role = extension(request, PP_ROLE, "pp_role")
        tier = extension(request, PP_ENVIRONMENT, "pp_environment")
    except ValueError as error:
        raise Refusal(f"not a certificate request that can be read: {error}") from error
    if not hmac.compare_digest(password, secret):
        raise Refusal("the challengePassword is not the shared secret")
    if [name.value for name in subject] != [certname]:
        raise Refusal("the request is for another name than the one it was sent for")
    if role in RESERVED_ROLES:
        raise Refusal(f"no other machine gets the role {role}")
    return f"role {role}, tier {tier}"


def main(arguments: list[str]) -> int:
    """Run as Puppet Server runs it; return the exit status."""
    if len(arguments) != 1:
        print("usage: policy CERTNAME < REQUEST.pem", file=sys.stderr)
        return 2
    certname = arguments[0]
    try:
        granted = check(certname, sys.stdin.buffer.read(), read_secret(SECRET))
    except Refusal as refusal:
        print(f"autosign: {certname}: refused: {refusal}", file=sys.stderr)
        return 1
    print(f"autosign: {certname}: signed: {granted}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
