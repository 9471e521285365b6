"""Secrets: each has a value, and none stands in plain text."""

import re
from collections.abc import Iterator

from fleet_cli.repository.documents import Node, leaves
from fleet_cli.repository.finding import Finding, did_you_mean
from fleet_cli.repository.services import Service
from fleet_cli.validation.checks import interpolation
from fleet_cli.validation.problem import Problem
from fleet_cli.validation.running import Running, at

ENCRYPT = "encrypt it: eyaml encrypt --password"
_URL_PASSWORD = re.compile(r"[a-z][a-z0-9+.-]*://[^/@:\s]*:[^/@\s]+@", re.IGNORECASE)
_PRIVATE_KEY = re.compile(r"-{5}BEGIN [A-Z ]*PRIVATE KEY-{5}")
_SECRET_NAME = re.compile(
    r"(?:\A|[_.-])(?:password|passwd|secret|token|api[_.-]?key|private[_.-]?key)(?:\Z|[_.-]key\Z)"
)


def findings(here: Running) -> Iterator[Finding]:
    """Secrets of services without a value, and settings in plain text that are secrets."""
    for service in here.to_look_at:
        yield from _secrets(here, service)
        yield from _environment(here, service)
        yield from _database_password(here, service)


def plain_values(node: Node) -> Iterator[Problem]:
    """Values below a node that stand in plain text, where each should be encrypted."""
    for leaf in leaves(node):
        value = leaf.value
        if isinstance(value, str) and (value == "" or "ENC[" in value or interpolation.is_reference(value)):
            continue
        if value is not None:
            yield Problem(leaf.line, leaf.column, "plain-secret", "a secret in plain text", ENCRYPT)


def looks_secret(key: str, node: Node) -> str:
    """What makes a setting look like a secret that anyone can read; empty if nothing does."""
    value = node.value
    if not isinstance(value, str) or not value or "ENC[" in value or "%{" in value:
        return ""
    if _URL_PASSWORD.match(value):
        return "a password in a URL"
    if _PRIVATE_KEY.search(value):
        return "a private key"
    return f"'{key}', which its name says is a secret," if _SECRET_NAME.search(key) else ""


def _secrets(here: Running, service: Service) -> Iterator[Finding]:
    for (section, key), spot in service.secrets.items():
        if (section, key) in service.config:
            message = f"'{key}' of section '{section}' is a secret of '{service.name}', and stands here in plain text"
            yield at(service.config[section, key], "plain-secret", message,
                      f"drop it here; it belongs, encrypted, into flask_microservice::secrets ({service.name})",
                      related=[spot])  # fmt: skip
        if here.has_secrets and (section, key) not in here.secrets.get(service.name, {}):
            near = did_you_mean(key, [name for part, name in here.secrets.get(service.name, {}) if part == section])
            message = f"the secret '{section}' → '{key}' of '{service.name}' has no value in the {here.where}"
            yield at(spot, "no-secret", message, near or "add it, encrypted, to flask_microservice::secrets")

    for (section, key), spot in service.config.items():
        if (section, key) not in service.secrets and (reason := looks_secret(key, spot.node)):
            message = f"{reason} in plain text, in the config of '{service.name}'"
            secrets = f"declare it under 'secrets' ({section}: [{key}]), and encrypt its value"
            yield at(spot, "plain-secret", message, secrets)


def _environment(here: Running, service: Service) -> Iterator[Finding]:
    for name, spot in service.secret_environment.items():
        if name in service.environment:
            message = f"'{name}' is a secret variable of '{service.name}', and stands here in plain text"
            place = f"flask_microservice::secret_environment ({service.name})"
            yield at(service.environment[name], "plain-secret", message,
                      f"drop it here; it belongs, encrypted, into {place}", related=[spot])  # fmt: skip
        if here.has_secrets and name not in here.variables.get(service.name, {}):
            near = did_you_mean(name, here.variables.get(service.name, {}))
            message = f"the secret variable '{name}' of '{service.name}' has no value in the {here.where}"
            mend = near or "add it, encrypted, to flask_microservice::secret_environment"
            yield at(spot, "no-secret", message, mend)
    for name, spot in service.environment.items():
        if name not in service.secret_environment and (reason := looks_secret(name.lower(), spot.node)):
            message = f"{reason} in plain text, in the environment of '{service.name}'"
            instead = f"declare it under 'secret_environment' ([{name}]), and encrypt its value"
            yield at(spot, "plain-secret", message, instead)


def _database_password(here: Running, service: Service) -> Iterator[Finding]:
    if not service.text("database"):
        return
    if here.has_secrets and ("database", "password") not in here.secrets.get(service.name, {}):
        message = f"the database of '{service.name}' has no password in the {here.where}"
        mend = "add it, encrypted, to flask_microservice::secrets (database: password)"
        yield at(service.fields["database"], "no-secret", message, mend)
