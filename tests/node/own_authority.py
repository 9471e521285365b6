"""A certificate authority of a test's own, like Puppet's: certificates by host name, and a list of those revoked."""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_BEGIN = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
_END = datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC)


class Authority:
    """Signs certificates; everything is PEM text."""

    def __init__(self, name: str) -> None:
        self._name = _subject(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(self._name, self._key).issuer_name(self._name)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        builder = builder.add_extension(usage, critical=True)
        self.certificate = _text(builder.sign(self._key, hashes.SHA256()))

    def issue(self, host: str) -> tuple[str, str]:
        """A certificate for a host, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_subject(host), key).issuer_name(self._name)
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return _text(builder.sign(self._key, hashes.SHA256())), private

    def revoked(self) -> str:
        """The list of what is revoked: nothing."""
        builder = x509.CertificateRevocationListBuilder().issuer_name(self._name)
        return _text(builder.last_update(_BEGIN).next_update(_END).sign(self._key, hashes.SHA256()))


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).public_key(key.public_key())
    return builder.serial_number(x509.random_serial_number()).not_valid_before(_BEGIN).not_valid_after(_END)


def _text(signed: x509.Certificate | x509.CertificateRevocationList) -> str:
    return signed.public_bytes(Encoding.PEM).decode()
