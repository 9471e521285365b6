"""A password in plain text is noticed before it is pushed, and an ordinary setting is not taken for one."""

import pytest
from fleet_cli.repository.documents import Node
from fleet_cli.validation.checks import secrets


@pytest.mark.parametrize(("key", "value"), [
    ("password", "hunter2"), ("db_password", "x"), ("api_key", "x"), ("secret_key", "x"), ("token", "x"),
    ("url", "postgresql://orders:hunter2@db.example.org/orders"),
    ("certificate", "-----BEGIN RSA PRIVATE " + "KEY-----\nMII"),
])  # fmt: skip
def test_what_looks_like_a_secret_is_one(key: str, value: str) -> None:
    assert secrets.looks_secret(key, Node(1, 1, value))


@pytest.mark.parametrize(("key", "value"), [
    ("level", "info"), ("tokens_per_minute", "5"), ("password", ""), ("password", "ENC[PKCS7,abc]"),
    ("password", "%{lookup('a')}"), ("password", 5), ("url", "https://example.org/a@b"), ("key", "x"),
    ("url", "postgresql://orders@db.example.org/orders"),
])  # fmt: skip
def test_what_does_not_is_none(key: str, value: str | int) -> None:
    assert secrets.looks_secret(key, Node(1, 1, value)) == ""


def test_among_secrets_only_encrypted_values_and_references_pass() -> None:
    values = ["ENC[PKCS7,abc]", "%{lookup('other')}", "", None, "hunter2", 5]
    found = [list(secrets.plain_values(Node(3, 7, value))) for value in values]
    assert [[(each.line, each.column, each.code) for each in problems] for problems in found] == [
        [], [], [], [], [(3, 7, "plain-secret")], [(3, 7, "plain-secret")],
    ]  # fmt: skip
