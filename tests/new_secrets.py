"""Keys and values that only tests and benchmarks need: a Puppet server has its own."""

import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from fleet_cli.repository import declared, fleet_data, inventory, secrets
from fleet_cli.repository.services import SERVICES
from fleet_cli.repository.trees import Directory


def new_keys(directory: Path, tier: str = "") -> None:
    """Write a new pair of keys as eyaml names them: private_key.pkcs7.pem (0600) and public_key.pkcs7.pem.

    Args:
        directory: where; made if it is not there.
        tier: the tier whose pair it is; that of the fleet, if empty.
    """
    directory.mkdir(parents=True, exist_ok=True)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    of_tier = [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, tier)] if tier else []
    name = x509.Name([*of_tier, x509.NameAttribute(NameOID.COMMON_NAME, "hiera-eyaml")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365 * 50))
        .sign(key, hashes.SHA256())
    )
    private = directory / "private_key.pkcs7.pem"
    private.touch(mode=0o600)
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    (directory / "public_key.pkcs7.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def generate(repo: Path, tier: str, public_key_pem: bytes) -> str:
    """Return the text of hieradata/secrets/TIER.yaml: a new random value for each needed secret, encrypted.

    Raises:
        FleetError: as declared.secrets does.
    """
    data = fleet_data.read(Directory(repo), inventory.listed(repo), mentioning=SERVICES)
    return secrets.complete("", declared.secrets(data, tier), tier, public_key_pem)
