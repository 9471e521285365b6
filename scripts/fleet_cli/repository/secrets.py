"""Secrets as hiera-eyaml reads them: PKCS#7 envelopes for a public key, which only the Puppet server can open."""

import base64
import secrets as random_secrets
from collections.abc import Mapping
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7

from fleet_cli.repository.declared import ENVIRONMENT, Secrets
from fleet_cli.repository.services import SECRET_ENVIRONMENT, SECRETS

SECRET_BYTES = 32


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


Data = dict[str, dict[str, Any]]
"""What a file of secrets says, by the key of Hiera."""


def file(tier: str) -> str:
    """Where the values of a tier's secrets stand, as the layers of this repository have it."""
    return f"hieradata/secrets/{tier}.yaml"


def complete(text: str, wanted: Secrets, tier: str, public_key_pem: bytes) -> str:
    """Return the text of a tier's secrets with a random value for each that it lacks; others stay as they are."""
    data = yaml.safe_load(text) or {}
    data.setdefault(SECRETS, {})
    for service, sections in wanted.items():
        for section, keys in sections.items():
            known = values_of(data, service, section)
            for key in keys:
                if key not in known:
                    known[key] = encrypt(public_key_pem, random_secrets.token_urlsafe(SECRET_BYTES))
    return _text(data, tier)


def only(text: str, wanted: Secrets, tier: str) -> str:
    """Return the text of a tier's secrets without those that nothing declares."""
    known = yaml.safe_load(text) or {}
    kept: Data = {SECRETS: {}}
    for service, sections in wanted.items():
        for section, keys in sections.items():
            values = values_of(known, service, section)
            values_of(kept, service, section).update({key: values[key] for key in keys})
    return _text(kept, tier)


def values_of(data: Data, service: str, section: str) -> dict[str, str]:
    """Return where in a file of secrets those of a section of a service stand, by key; made if it is not there."""
    found: dict[str, str]
    if section == ENVIRONMENT:
        found = data.setdefault(SECRET_ENVIRONMENT, {}).setdefault(service, {})
    else:
        found = data.setdefault(SECRETS, {}).setdefault(service, {}).setdefault(section, {})
    return found


def _text(data: Mapping[str, Any], tier: str) -> str:
    head = f"# Secrets of {tier}, encrypted for the eyaml key of its Puppet server.\n"
    return head + yaml.safe_dump(data, width=10**6)
