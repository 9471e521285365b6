"""Secrets as hiera-eyaml reads them: PKCS#7 envelopes for a public key, which only the Puppet server can open."""

import base64
import datetime
import secrets as random_secrets
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID

from fleet_cli.machine.errors import FleetError

SECRET_BYTES = 32


def new_keys(directory: Path) -> None:
    """Write a new pair of keys as eyaml names them: private_key.pkcs7.pem (0600) and public_key.pkcs7.pem."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hiera-eyaml")])
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


def encrypt(public_key_pem: bytes, value: str) -> str:
    """Return `ENC[PKCS7,…]` for a value.

    Args:
        public_key_pem: the certificate that `eyaml createkeys` calls the public key.
        value: the plain text.
    """
    envelope = (
        pkcs7.PKCS7EnvelopeBuilder()
        .set_data(value.encode())
        .add_recipient(x509.load_pem_x509_certificate(public_key_pem))
        .encrypt(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])
    )
    return f"ENC[PKCS7,{base64.b64encode(envelope).decode()}]"


Declared = dict[str, dict[str, list[str]]]
"""`{service: {section: [keys]}}`; secret environment variables are in the section ENVIRONMENT."""

ENVIRONMENT = ""
"""No section of a config has this name."""
Data = dict[str, dict[str, Any]]
"""What a file of secrets says, by the key of Hiera."""

_SERVICES = "flask_microservice::services"
_SECRETS = "flask_microservice::secrets"
_ENVIRONMENT = "flask_microservice::secret_environment"


def declared(files: Mapping[str, str]) -> Declared:
    """Return the secrets that services need: those of config and environment that they declare, and database passwords.

    Args:
        files: the text of each file of Hiera that declares services, or more about them, by its name.

    Raises:
        FleetError: a file is not what it should be.
    """
    result: Declared = {}
    for name, text in sorted(files.items()):
        try:
            services: dict[str, Any] = (yaml.safe_load(text) or {}).get(_SERVICES) or {}
            for service, entry in services.items():
                for section, keys in (entry.get("secrets") or {}).items():
                    result.setdefault(service, {}).setdefault(section, []).extend(keys)
                if variables := entry.get("secret_environment"):
                    result.setdefault(service, {}).setdefault(ENVIRONMENT, []).extend(variables)
                if entry.get("database"):
                    result.setdefault(service, {}).setdefault("database", []).append("password")
        except yaml.YAMLError as error:
            raise FleetError(f"{name}: not valid YAML: {error}") from None
        except (AttributeError, TypeError):
            raise FleetError(
                f"{name}: {_SERVICES} must be a hash of services, each one's secrets a hash of section to keys,"
                " and its secret_environment a list"
            ) from None
    return result


def may_declare(path: str, tier: str) -> bool:
    """Whether a file of the repository is of a layer of Hiera that declares a tier's services."""
    return fnmatch(path, "hieradata/services/*.yaml") or path == f"hieradata/tiers/{tier}.yaml"


def _files(repo: Path, tier: str) -> dict[str, str]:
    """Read the files of a checkout that declare a tier's services."""
    found = {str(path.relative_to(repo)): path for path in (repo / "hieradata").rglob("*.yaml")}
    return {name: path.read_text(encoding="utf-8") for name, path in found.items() if may_declare(name, tier)}


def declared_in(repo: Path, tier: str) -> Declared:
    """Return the secrets that the services of a tier need, in a checkout; raises as declared does."""
    return declared(_files(repo, tier))


def generate(repo: Path, tier: str, public_key_pem: bytes) -> str:
    """Return the text of hieradata/secrets/TIER.yaml: a new random value for each needed secret, encrypted."""
    return complete("", declared_in(repo, tier), tier, public_key_pem)


def complete(text: str, wanted: Declared, tier: str, public_key_pem: bytes) -> str:
    """Return the text of a tier's secrets with a random value for each that it lacks; others stay as they are."""
    data = yaml.safe_load(text) or {}
    data.setdefault(_SECRETS, {})
    for service, sections in wanted.items():
        for section, keys in sections.items():
            known = values_of(data, service, section)
            for key in keys:
                if key not in known:
                    known[key] = encrypt(public_key_pem, random_secrets.token_urlsafe(SECRET_BYTES))
    return _text(data, tier)


def only(text: str, wanted: Declared, tier: str) -> str:
    """Return the text of a tier's secrets without those that nothing declares."""
    known = yaml.safe_load(text) or {}
    kept: Data = {_SECRETS: {}}
    for service, sections in wanted.items():
        for section, keys in sections.items():
            values = values_of(known, service, section)
            values_of(kept, service, section).update({key: values[key] for key in keys})
    return _text(kept, tier)


def values_of(data: Data, service: str, section: str) -> dict[str, str]:
    """Return where in a file of secrets those of a section of a service stand, by key; made if it is not there."""
    found: dict[str, str]
    if section == ENVIRONMENT:
        found = data.setdefault(_ENVIRONMENT, {}).setdefault(service, {})
    else:
        found = data.setdefault(_SECRETS, {}).setdefault(service, {}).setdefault(section, {})
    return found


def _text(data: Mapping[str, Any], tier: str) -> str:
    head = f"# Secrets of {tier}, encrypted for the eyaml key of its Puppet server.\n"
    return head + yaml.safe_dump(data, width=10**6)
