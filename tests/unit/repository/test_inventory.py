"""nodes.yaml: the machines of the fleet, and what is said of a mistake in it."""

from pathlib import Path

import pytest
import yaml
from fleet_cli.machine.errors import FleetError
from fleet_cli.repository import inventory
from fleet_cli.repository.inventory import Machine


def test_machines_are_read_with_their_trusted_extensions() -> None:
    text = b"---\nb.example.org: {role: app, tier: staging}\na.example.org:\n  role: database\n  tier: production\n"
    assert inventory.parse(text) == [
        Machine("a.example.org", "database", "production"),
        Machine("b.example.org", "app", "staging"),
    ]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a.example: {role: app, tier: x}\nb.example: {role: app}\n", 2, "expected {role: ROLE, tier: TIER}"),
        ("a.example: {role: app, tier: x}\n\na.example: {role: app, tier: x}\n", 3, "first in line 1"),
        ("a.example: {role: app, tier: x, rank: 1}\n", 1, "classes and parameters"),
        ("a.example: {role: app, tier: x, classes: [A]}\n", 1, "classes: [NAME, …]"),
        ("a.example: {role: app, tier: x, parameters: [a]}\n", 1, "parameters: {NAME: VALUE, …}"),
        ("a.example: {role: app, tier: x, parameters: {a-b: 1}}\n", 1, "parameters: {NAME: VALUE, …}"),
        ("a.example: {role: app, tier: x, parameters: {a: 2026-01-01}}\n", 1, "parameters: {NAME: VALUE, …}"),
        ("a.example:\n  role: app\n  tier: [x]\n", 3, "each a word"),
        ("a.example: {role: app, tier: ''}\n", 1, "'' is no tier"),
        ("A.example: {role: app, tier: x}\n", 1, "certname"),
        ("a.example: app\n", 1, "expected {role"),
        ("- a.example\n", 1, "expected a hash"),
        ("a.example: {role: app\n", 2, "not valid YAML"),
        ("a.example: &a {role: *a, tier: x}\n", 1, "each a word"),
        ("? " * 100_000, 1, "nested too deeply"),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(FleetError) as raised:
        inventory.parse(text.encode())
    assert str(raised.value).startswith(f"nodes.yaml:{line}: ")
    assert words in str(raised.value)


def test_what_an_external_node_classifier_says_is_read() -> None:
    text = b"a.example: {role: app, tier: x, classes: [web], parameters: {site: cp, rack: {number: 3}}}\n"
    (machine,) = inventory.parse(text)
    assert machine.classes == ("web",)
    assert machine.parameters == '{"rack": {"number": 3}, "site": "cp"}'


def test_a_file_that_is_not_utf8_is_named_with_the_line() -> None:
    with pytest.raises(FleetError, match=r"^nodes\.yaml:2: not UTF-8"):
        inventory.parse(b"a.example: {role: app, tier: x}\nb\xff: {}\n")


def test_without_a_list_the_boxes_of_the_lab_are_the_machines_but_for_the_bare_one(tmp_path: Path) -> None:
    (tmp_path / "lab.yaml").write_text(
        "domain: x.test\nnetwork: 10.0.0.0/24\nboxes:\n"
        "  - {name: puppet, role: puppetserver, tier: production, address: 10.0.0.2}\n"
        "  - {name: bare1, role: bare, tier: none, address: 10.0.0.3}\n",
        encoding="utf-8",
    )
    assert inventory.machines(tmp_path) == [Machine("puppet.x.test", "puppetserver", "production")]


def test_a_repository_that_lists_no_machines_is_told_how_to(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match=r"`fleet nodes > nodes[.]yaml`"):
        inventory.machines(tmp_path)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    found = [Machine("a.example.org", "app", "no"), Machine("b.example.org", "database", "1e3")]
    (tmp_path / "nodes.yaml").write_text(inventory.render(found), encoding="utf-8")
    assert inventory.machines(tmp_path) == found
    assert inventory.parse(inventory.render([]).encode()) == []
    assert yaml.safe_load(inventory.render(found))["a.example.org"] == {"role": "app", "tier": "no"}
