"""Secrets leave this program encrypted only, and only for the key they are meant for."""

from pathlib import Path

import pytest
import yaml
from fleet_cli.machine.errors import FleetError
from fleet_cli.planning import secrets_unknown
from fleet_cli.repository import secrets

SERVICE = "flask_microservice::services: {orders: {port: 7001, secrets: {app: [secret_key], db: [password]}}}\n"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    secrets.new_keys(tmp_path)
    return tmp_path


def public(keys: Path) -> bytes:
    return (keys / "public_key.pkcs7.pem").read_bytes()


def test_the_private_key_is_readable_by_its_owner_only(keys: Path) -> None:
    assert oct((keys / "private_key.pkcs7.pem").stat().st_mode)[-3:] == "600"


def test_every_declared_secret_gets_a_value_and_keeps_it(keys: Path) -> None:
    wanted = secrets.declared({"orders.yaml": SERVICE})
    first = secrets.complete("", wanted, "staging", public(keys))
    values = yaml.safe_load(first)["flask_microservice::secrets"]["orders"]
    assert set(values) == {"app", "db"}
    assert all(value.startswith("ENC[PKCS7,") for section in values.values() for value in section.values())
    assert values["app"]["secret_key"] != values["db"]["password"]
    # a deploy must not change secrets that nodes have already
    assert secrets.complete(first, wanted, "staging", public(keys)) == first
    more = secrets.declared({"a": SERVICE, "b": "flask_microservice::services: {x: {secrets: {app: [k]}}}"})
    second = yaml.safe_load(secrets.complete(first, more, "staging", public(keys)))["flask_microservice::secrets"]
    assert second["orders"] == values
    assert "k" in second["x"]["app"]


def test_secret_environment_variables_get_values_too_and_go_with_their_declaration(keys: Path) -> None:
    text = "flask_microservice::services: {orders: {port: 7001, secrets: {app: [k]}, secret_environment: [TOKEN]}}\n"
    first = secrets.complete("", secrets.declared({"orders.yaml": text}), "staging", public(keys))
    values = yaml.safe_load(first)
    assert set(values["flask_microservice::secrets"]["orders"]) == {"app"}
    assert values["flask_microservice::secret_environment"]["orders"]["TOKEN"].startswith("ENC[PKCS7,")
    assert secrets.complete(first, secrets.declared({"orders.yaml": text}), "staging", public(keys)) == first
    assert yaml.safe_load(secrets.only(first, secrets.declared({"orders.yaml": text}), "staging")) == values
    without = secrets.declared({"orders.yaml": text.replace(", secret_environment: [TOKEN]", "")})
    assert yaml.safe_load(secrets.only(first, without, "staging")) == {
        "flask_microservice::secrets": values["flask_microservice::secrets"]
    }


def test_a_plan_without_secrets_has_the_name_of_each_as_its_value(tmp_path: Path) -> None:
    services = tmp_path / "hieradata/services/orders.yaml"
    services.parent.mkdir(parents=True)
    services.write_text(
        "flask_microservice::services: {orders: {port: 1, secrets: {app: [k]}, secret_environment: [TOKEN]}}\n"
    )
    secrets_unknown.write(tmp_path, ["staging"])
    assert yaml.safe_load((tmp_path / "hieradata/secrets/staging.yaml").read_text()) == {
        "flask_microservice::secrets": {"orders": {"app": {"k": "secret:orders.app.k"}}},
        "flask_microservice::secret_environment": {"orders": {"TOKEN": "secret:orders.TOKEN"}},
    }


def test_a_service_with_a_database_gets_a_password_in_the_tier_that_declares_it(keys: Path, tmp_path: Path) -> None:
    for path, text in {
        "services/orders.yaml": "flask_microservice::services: {orders: {port: 7001}}\n",
        "tiers/production.yaml": "flask_microservice::services: {orders: {database: postgresql}}\n",
        "tiers/staging.yaml": "flask_microservice::versions: {orders: '1.0-1'}\n",
    }.items():
        (tmp_path / "hieradata" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "hieradata" / path).write_text(text, encoding="utf-8")
    found = {
        tier: yaml.safe_load(secrets.generate(tmp_path, tier, public(keys)))["flask_microservice::secrets"]
        for tier in ("production", "staging")
    }
    assert found["production"]["orders"]["database"]["password"].startswith("ENC[PKCS7,")
    assert found["staging"] == {}


@pytest.mark.parametrize(
    "text", ["{", "flask_microservice::services: [orders]", "flask_microservice::services: {o: 1}"]
)
def test_a_service_file_that_is_wrong_is_named(text: str) -> None:
    with pytest.raises(FleetError, match=r"hieradata/services/o\.yaml"):
        secrets.declared({"hieradata/services/o.yaml": text})
