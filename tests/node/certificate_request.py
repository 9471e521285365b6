"""Requests for certificates, as an agent makes them, or somebody who wants to be taken for one."""

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AttributeOID, ExtendedKeyUsageOID, NameOID

# Puppet's pp_role and pp_environment.
_ROLE, _TIER = "1.3.6.1.4.1.34380.1.1.13", "1.3.6.1.4.1.34380.1.1.12"
_UTF8_STRING = 0x0C


def request(
    name: str,
    role: str,
    tier: str,
    token: str | None,
    *,
    extra: bool = False,
    key: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    """Return a request in PEM.

    Args:
        name, role, tier: what the machine wants to be.
        token: the challenge password; None: it has none.
        extra: whether it asks for an extension besides.
        key: the machine's; a new one, if not given.
    """
    builder = x509.CertificateSigningRequestBuilder()
    builder = builder.subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
    for oid, word in ((_ROLE, role), (_TIER, tier)):
        der = bytes([_UTF8_STRING, len(word)]) + word.encode()
        value = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), der)
        builder = builder.add_extension(value, critical=False)
    if extra:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
        builder = builder.add_extension(usage, critical=False)
    if token is not None:
        builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, token.encode())
    return builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.PEM)
