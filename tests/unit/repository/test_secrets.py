"""Secrets leave this program encrypted only, and only for the key they are meant for."""

import ipaddress
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from fleet_cli.lab import remote
from fleet_cli.machine import paths, process
from fleet_cli.machine.errors import FleetError
from fleet_cli.planning import secret_placeholders
from fleet_cli.repository import declared, fleet_data, secrets
from fleet_cli.repository.clones import git
from fleet_cli.repository.inventory import Machine
from fleet_cli.repository.labfile import Box, Lab

from ... import new_secrets

HIERA = """\
version: 5
defaults: {datadir: hieradata, lookup_key: 'flask_microservice::eyaml_lookup_key'}
hierarchy:
  - {name: Nodes, path: 'nodes/%{trusted.certname}.yaml'}
  - {name: Roles, path: 'roles/%{trusted.extensions.pp_role}.yaml'}
  - {name: Secrets, path: 'secrets/%{trusted.extensions.pp_environment}.yaml'}
  - {name: Tiers, path: 'tiers/%{trusted.extensions.pp_environment}.yaml'}
  - {name: Services, glob: '{services,more}/*.yaml'}
  - {name: Rest, paths: [common.yaml, 'os/%{facts.os.name}.yaml']}
"""
APP1 = Machine("app1.example.org", "app", "staging")
SERVICE = "flask_microservice::services: {orders: {port: 7001, secrets: {app: [secret_key], db: [password]}}}\n"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    new_secrets.new_keys(tmp_path)
    return tmp_path


class Files(dict[str, str]):
    """Files of a repository, as they are read."""

    def below(self, directory: str) -> list[str]:
        return [name for name in self if name.startswith(f"{directory}/")]

    def read(self, path: str) -> bytes:
        if path not in self:
            raise FileNotFoundError(2, "No such file or directory")
        return self[path].encode()


def wanted_by(tier: str, machines: Sequence[Machine] = (), **files: str) -> declared.Secrets:
    """The secrets of a tier, given the text of files of Hiera by their names with __ for a slash."""
    there = {f"hieradata/{name.replace('__', '/')}.yaml": text for name, text in files.items()}
    return declared.secrets(fleet_data.read(Files({"hiera.yaml": HIERA, **there}), machines), tier)


def write(repo: Path, **files: str) -> None:
    (repo / "hiera.yaml").write_text(HIERA, encoding="utf-8")
    for name, text in files.items():
        path = repo / f"hieradata/{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def public(keys: Path) -> bytes:
    return (keys / "public_key.pkcs7.pem").read_bytes()


def test_the_private_key_is_readable_by_its_owner_only(keys: Path) -> None:
    assert oct((keys / "private_key.pkcs7.pem").stat().st_mode)[-3:] == "600"


def test_every_declared_secret_gets_a_value_and_keeps_it(keys: Path) -> None:
    wanted = wanted_by("staging", services__orders=SERVICE)
    first = secrets.complete("", wanted, "staging", public(keys))
    values = yaml.safe_load(first)["flask_microservice::secrets"]["orders"]
    assert set(values) == {"app", "db"}
    assert all(value.startswith("ENC[PKCS7,") for section in values.values() for value in section.values())
    assert values["app"]["secret_key"] != values["db"]["password"]
    # a deploy must not change secrets that nodes have already
    assert secrets.complete(first, wanted, "staging", public(keys)) == first
    other = "flask_microservice::services: {x: {secrets: {app: [k]}}}"
    more = wanted_by("staging", services__a=SERVICE, services__b=other)
    second = yaml.safe_load(secrets.complete(first, more, "staging", public(keys)))["flask_microservice::secrets"]
    assert second["orders"] == values
    assert "k" in second["x"]["app"]


def test_secret_environment_variables_get_values_too_and_go_with_their_declaration(keys: Path) -> None:
    text = "flask_microservice::services: {orders: {port: 7001, secrets: {app: [k]}, secret_environment: [TOKEN]}}\n"
    wanted = wanted_by("staging", services__orders=text)
    first = secrets.complete("", wanted, "staging", public(keys))
    values = yaml.safe_load(first)
    assert set(values["flask_microservice::secrets"]["orders"]) == {"app"}
    assert values["flask_microservice::secret_environment"]["orders"]["TOKEN"].startswith("ENC[PKCS7,")
    assert secrets.complete(first, wanted, "staging", public(keys)) == first
    assert yaml.safe_load(secrets.only(first, wanted, "staging")) == values
    without = wanted_by("staging", services__orders=text.replace(", secret_environment: [TOKEN]", ""))
    assert yaml.safe_load(secrets.only(first, without, "staging")) == {
        "flask_microservice::secrets": values["flask_microservice::secrets"]
    }


def test_a_plan_without_secrets_has_the_name_of_each_as_its_value(tmp_path: Path) -> None:
    text = "flask_microservice::services: {orders: {port: 1, secrets: {app: [k]}, secret_environment: [TOKEN]}}\n"
    write(tmp_path, services__orders=text)
    secret_placeholders.write(tmp_path, [APP1])
    assert yaml.safe_load((tmp_path / "hieradata/secrets/staging.yaml").read_text()) == {
        "flask_microservice::secrets": {"orders": {"app": {"k": "secret:orders.app.k"}}},
        "flask_microservice::secret_environment": {"orders": {"TOKEN": "secret:orders.TOKEN"}},
    }


def test_a_service_with_a_database_gets_a_password_in_the_tier_that_declares_it(keys: Path, tmp_path: Path) -> None:
    write(
        tmp_path,
        services__orders="flask_microservice::services: {orders: {port: 7001}}\n",
        tiers__production="flask_microservice::services: {orders: {database: postgresql}}\n",
        tiers__staging="flask_microservice::versions: {orders: '1.0-1'}\n",
    )
    found = {
        tier: yaml.safe_load(new_secrets.generate(tmp_path, tier, public(keys)))["flask_microservice::secrets"]
        for tier in ("production", "staging")
    }
    assert found["production"]["orders"]["database"]["password"].startswith("ENC[PKCS7,")
    assert found["staging"] == {}


@pytest.mark.parametrize(
    "text", ["{", "flask_microservice::services: [orders]", "flask_microservice::services: {o: 1}"]
)
def test_a_service_file_that_is_wrong_is_named(text: str) -> None:
    with pytest.raises(FleetError, match=r"hieradata/services/o\.yaml"):
        wanted_by("staging", services__o=text)


def one(name: str) -> str:
    return f"flask_microservice::services: {{{name}: {{secrets: {{app: [key]}}}}}}\n"


def test_a_secret_that_any_layer_of_a_tier_declares_is_one_of_the_tiers() -> None:
    files = {
        "nodes__app1.example.org": one("a"), "nodes__app2.example.org": one("b"),
        "nodes__unlisted.example.org": one("c"),
        "os__Debian": one("d"), "roles__app": one("e"), "tiers__staging": one("f"), "tiers__production": one("g"),
        "services__h": one("h"), "more__i": one("i"), "more__.hidden": one("j"), "common": one("k"),
        "elsewhere__l": one("l"),
    }  # fmt: skip
    found = wanted_by("staging", [APP1, Machine("app2.example.org", "app", "production")], **files)
    assert sorted(found) == ["a", "c", "d", "e", "f", "h", "i", "k"]


def test_a_secret_that_a_role_declares_has_a_placeholder_in_a_plan(tmp_path: Path) -> None:
    write(tmp_path, roles__app=one("orders"))
    secret_placeholders.write(tmp_path, [APP1])
    assert yaml.safe_load((tmp_path / "hieradata/secrets/staging.yaml").read_text(encoding="utf-8")) == {
        "flask_microservice::secrets": {"orders": {"app": {"key": "secret:orders.app.key"}}}
    }


def test_a_secret_that_a_role_declares_has_a_value_in_the_commit_for_the_lab(
    keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo, state = tmp_path / "control", tmp_path / "state"
    repo.mkdir()
    write(repo, roles__app=one("orders"), more__billing=one("billing"))
    git(repo, "init", "--quiet")
    git(repo, "add", "--all")
    git(repo, "-c", "user.name=test", "-c", "user.email=test@example.org", "commit", "--quiet", "--message=All")
    monkeypatch.setattr(paths, "STATE", state)
    monkeypatch.setattr(remote, "_SECRETS", state / "secrets")
    monkeypatch.setattr("fleet_cli.lab.ssh.run", lambda *_: process.run(["cat", keys / "public_key.pkcs7.pem"]))
    boxes = tuple(
        Box(name, role, "staging", f"192.0.2.{number}", "example.org")
        for number, (name, role) in enumerate([("puppet", "puppetserver"), ("app1", "app")], start=2)
    )
    lab = Lab("example.org", ipaddress.IPv4Network("192.0.2.0/24"), boxes, ())
    text = git(repo, "show", f"{remote.lab_commit(lab, repo)}:hieradata/secrets/staging.yaml")
    values = yaml.safe_load(text)["flask_microservice::secrets"]
    assert values["orders"]["app"]["key"].startswith("ENC[PKCS7,")
    assert values["billing"]["app"]["key"].startswith("ENC[PKCS7,")


def test_what_can_not_be_read_is_an_error_and_not_a_secret_less() -> None:
    with pytest.raises(FleetError, match=r"hieradata/roles/app\.yaml:2:1: yaml-syntax"):
        wanted_by("staging", roles__app="flask_microservice::services: {")
    with pytest.raises(FleetError, match=r"hiera\.yaml"):
        declared.secrets(fleet_data.read(Files()), "staging")
