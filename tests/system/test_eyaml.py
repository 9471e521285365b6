"""Secrets that this program encrypts are secrets to hiera-eyaml."""

from pathlib import Path

import pytest
from fleet_cli.repository import secrets
from fleet_cli.roots import rootfs

from .. import new_secrets


@pytest.mark.parametrize(
    ("tier", "value"), [("", "with ünïcode, 'quotes' and: colons\non two lines"), ("production", "x" * 5000)]
)
def test_hiera_eyaml_reads_what_was_encrypted_here(tmp_path: Path, tier: str, value: str) -> None:
    new_secrets.new_keys(tmp_path, tier)
    block = secrets.encrypt((tmp_path / "public_key.pkcs7.pem").read_bytes(), value)
    assert value not in block
    opened = rootfs.run(
        "toolbox",
        ["eyaml", "decrypt", "--stdin", "--pkcs7-private-key", "/keys/private_key.pkcs7.pem",
         "--pkcs7-public-key", "/keys/public_key.pkcs7.pem"],
        binds={tmp_path: "/keys"}, stdin=block,
    )  # fmt: skip
    assert opened.stdout.rstrip("\n") == value
