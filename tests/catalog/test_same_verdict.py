"""A value that `fleet validate` takes, the Puppet server takes, and the service reads as it was meant.

Else a merge request is green and the deploy fails, or a service runs with another value than the one that was written.
"""

import configparser
from collections.abc import Iterator
from typing import Any

import pytest
from fleet_cli.machine import paths
from fleet_cli.repository import yaml_reader
from fleet_cli.repository.documents import Node as Value
from fleet_cli.validation.checks.data_types import Checker
from fleet_cli.validation.puppet_check import PuppetCheck
from fleet_cli.validation.puppet_code import PuppetCode

from .catalogs import Catalog, Node
from .conftest import Compile

BLANKS = (
    "\t", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x1f", " ", "\x85", "\xa0", "\u1680", "\u2000", "\u2003", "\u200a",
    "\u2028", "\u2029", "\u202f", "\u205f", "\u3000",
)  # fmt: skip
"""What Python strips off a text."""
OTHERS = tuple("\0\x01\b\n\r\x1b\x7f\u200b\u2060\ufeff\U000e0001\ufffeé%$")
"""What it does not, but for the line breaks."""


def quoted(text: str) -> str:
    """A text in YAML, in double quotes, with nothing in it but what any editor shows."""
    escaped = "".join(c if " " <= c <= "~" and c not in '"\\' else f"\\U{ord(c):08x}" for c in text)
    return f'"{escaped}"'


def values() -> Iterator[str]:
    """Values in YAML."""
    for character in (*BLANKS, *OTHERS):
        yield from (quoted(text) for text in (character, f"{character}x", f"x{character}", f"x{character}y"))
    yield from ("\xa0x", "x\xa0", "x\u3000")  # without quotes
    for power in (31, 32, 53, 63, 64, 100):
        yield from (str(number) for number in (2**power - 1, 2**power, -(2**power), 1 - 2**power))
    yield from (
        "9" * 5000,
        f"'{'9' * 5000}'",
        "-" + "9" * 5000,
        "0x" + "f" * 20,
        "0777",
        "1_000",
        '"9223372036854775808"',
    )
    yield from ("1.0e+18", "1.0e+19", "1.0e+400", "5e-324", ".inf", "-.inf", ".nan", "1e3", "0.1", "-0.0")
    yield from ("true", "~", "[]", "{}", "''")


VALUES = list(values())
PLACES = {
    "config": "{{port: 1, config: {{app: {{key: {}}}}}}}",
    "environment": "{{port: 1, environment: {{KEY: {}}}}}",
    "directive": "{{port: 1, unit: {{Service: {{Nice: {}}}}}}}",
    "directives": "{{port: 1, unit: {{Service: {{Nice: [{}]}}}}}}",
    "port": "{{port: {}}}",
    "socket": "{{socket: {}}}",
    "version": "{{port: 1, version: {}}}",
    "application": "{{port: 1, application: {}}}",
    "health path": "{{port: 1, health_path: {}}}",
    "workers": "{{port: 1, workers: {}}}",
    "backlog": "{{port: 1, backlog: {}}}",
    "keep": "{{port: 1, keep: {}}}",
    "peer": "{{port: 1, peers: [{}]}}",
    "deadline": "{{port: 1, deadlines: {{ready: {}}}}}",
    "memory": "{{port: 1, limits: {{memory: {}}}}}",
    "tasks": "{{port: 1, limits: {{tasks: {}}}}}",
    "rotation": "{{port: 1, log: {{keep: {}}}}}",
    "secret variable": "{{port: 1, secret_environment: [{}]}}",
}
"""Where a value can stand in the declaration of a service."""
CODE = """
$declared = lookup('declared')
$values = lookup('values')
notify { 'declared': message => $declared.map |$each| { $each =~ Flask_microservice::Declaration } }
notify { 'secret': message => $values.map |$value| {
  flask_microservice::malformed_secrets(Sensitive({ 'orders' => { 'app' => { 'key' => $value } } })).empty
} }
notify { 'secret variable': message => $values.map |$value| {
  flask_microservice::malformed_environment(Sensitive({ 'orders' => { 'KEY' => $value } })).empty
} }
notify { 'text': message => $values.map |$value| {
  $value ? {
    Flask_microservice::Value => flask_microservice::config_text(Sensitive({ 'app' => { 'key' => $value } })).unwrap,
    default                   => '',
  }
} }
notify { 'said': message => $values.map |$value| {
  $value ? { Flask_microservice::Value => "${value}", default => '' }
} }
"""


def hiera() -> str:
    """All of them as a file of Hiera: `values`, and `declared`, place by place."""
    declared = [form.format(value) for form in PLACES.values() for value in VALUES]
    lines = ["values:", *(f"  - {value}" for value in VALUES), "declared:", *(f"  - {each}" for each in declared)]
    return "---\n" + "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def server(compile: Compile) -> Catalog:
    [catalog] = compile([Node(certname="a.example.test", code=CODE, hiera={"nodes/a.example.test.yaml": hiera()})])
    return catalog


@pytest.fixture(scope="module")
def code() -> PuppetCode:
    return PuppetCheck(paths.control_repo()).run([])


@pytest.fixture(scope="module")
def read() -> dict[str, list[Value]]:
    """The same file, as `fleet validate` reads it."""
    document = yaml_reader.parse(hiera().encode(), "a.yaml")
    assert document.findings == []
    found: dict[str, Any] = {key: pair.node.value for key, pair in document.top.items()}
    return found


def validated(code: PuppetCode, kind: dict[str, Any], nodes: list[Value]) -> list[bool]:
    checker = Checker(code.aliases)
    return [not checker.check(kind, node) for node in nodes]


def apart(server: Any, validate: list[bool], names: list[str]) -> list[str]:
    assert len(server) == len(validate) == len(names)
    return [
        f"{name}: the server {'takes' if its else 'refuses'} it, validate {'takes' if ours else 'refuses'} it"
        for name, its, ours in zip(names, server, validate, strict=True)
        if its != ours
    ]


def test_validate_and_server_agree_on_each_value_in_each_place(
    server: Catalog, code: PuppetCode, read: dict[str, list[Value]]
) -> None:
    ours = validated(code, {"kind": "Alias", "name": "Flask_microservice::Declaration"}, read["declared"])
    names = [f"{place} {value[:60]}" for place in PLACES for value in VALUES]
    assert apart(server["Notify[declared]"]["message"], ours, names) == []


@pytest.mark.parametrize(("place", "kind"), [("secret", "Value"), ("secret variable", "Secret_text")])
def test_validate_and_server_agree_on_each_value_of_a_secret(
    server: Catalog, code: PuppetCode, read: dict[str, list[Value]], place: str, kind: str
) -> None:
    ours = validated(code, {"kind": "Alias", "name": f"Flask_microservice::{kind}"}, read["values"])
    assert apart(server[f"Notify[{place}]"]["message"], ours, VALUES) == []


def test_the_service_reads_each_value_that_the_server_takes_as_it_was_written(server: Catalog) -> None:
    different = {}
    for value, text, said in zip(
        VALUES, server["Notify[text]"]["message"], server["Notify[said]"]["message"], strict=True
    ):
        if text:
            parser = configparser.RawConfigParser(default_section="", delimiters=("=",))
            parser.read_string(text)
            if dict(parser["app"]) != {"key": said}:
                different[value] = dict(parser["app"])
    assert different == {}


def test_what_is_too_long_or_blank_at_its_ends_is_refused_and_the_rest_is_not(server: Catalog) -> None:
    taken = dict(zip(VALUES, map(bool, server["Notify[text]"]["message"]), strict=True))
    assert not any(taken[quoted(text)] for blank in BLANKS for text in (blank, f"{blank}x", f"x{blank}"))
    assert all(taken[quoted(f"x{blank}y")] for blank in BLANKS)
    assert all(taken[quoted(f"x{other}y")] for other in OTHERS if other not in "\0\n\r")
    assert {value for value in VALUES if value.strip("-").isdigit() and not taken[value]} == {
        str(sign * number) for number in (2**63, 2**64 - 1, 2**64, 2**100 - 1, 2**100) for sign in (1, -1)
    } | {"9" * 5000, "-" + "9" * 5000}  # fmt: skip
