"""Values of config against what the packages of the pinned versions say that they may be."""

from pathlib import Path

import pytest
from fleet_cli.validation.all_checks import Validation
from fleet_cli.validation.hiera_check import Packages
from fleet_cli.validation.package_index import Repository

from .conftest import LEVELS, deb, edit, schema

ORDERS = "hieradata/services/orders.yaml"
STAGING = "hieradata/tiers/staging.yaml"
PRODUCTION = "hieradata/tiers/production.yaml"
LEVEL = "log: {level: info}"
UPSTREAM = "\n[upstreams]\ninventory = http://127.0.0.1:7000\n"


def checked(repo: Path, packages: Path) -> tuple[list[str], list[str]]:
    """The findings but those of style, and the notes."""
    validation = Validation(repo, packages=Packages(Repository(str(packages)), required=True), style=False)
    return [str(finding) for finding in validation.findings()], validation.notes


def found(repo: Path, packages: Path) -> list[str]:
    findings, notes = checked(repo, packages)
    assert notes == []
    return findings


def pin(repo: Path, version: str, file: str = STAGING) -> None:
    edit(repo, {file: ("orders: '1.0.0-1'", f"orders: '{version}'")})


@pytest.fixture
def newer(tmp_path: Path, packages: Path) -> Path:
    """The packages, and an orders 3.0.0-1 that takes fewer levels."""
    directory = tmp_path / "newer"
    directory.mkdir()
    for file in packages.glob("*.deb"):
        (directory / file.name).symlink_to(file)
    deb(directory, "orders", "3.0.0-1", UPSTREAM, schema(LEVELS[1:]))
    return directory


def test_each_tier_is_checked_against_its_own_version(repo: Path, newer: Path) -> None:
    pin(repo, "3.0.0-1")
    edit(repo, {ORDERS: (LEVEL, "log: {level: debug}")})
    assert found(repo, newer) == [
        f"{ORDERS}:8:20: wrong-setting: orders 3.0.0-1, pinned in the tier staging, refuses 'level' in section 'log': "
        "'debug' is not one of info, warning, error, critical; orders 1.0.0-1 takes it"
    ]
    edit(repo, {STAGING: ("flask_microservice::versions:", "flask_microservice::services:\n"
                          "  orders: {config: {log: {level: error}}}\nflask_microservice::versions:")})  # fmt: skip
    assert found(repo, newer) == [], "the value of the tier is the one that counts there"


def test_what_versions_say_alike_is_told_once(repo: Path, newer: Path) -> None:
    deb(newer, "orders", "4.0.0-1", UPSTREAM)
    pin(repo, "4.0.0-1")
    edit(repo, {ORDERS: (LEVEL, "log: {level: inof}")})
    assert found(repo, newer) == [
        f"{ORDERS}:8:20: wrong-setting: orders 1.0.0-1, pinned in the tier production, and orders 4.0.0-1, pinned in "
        "the tier staging, refuse 'level' in section 'log': 'inof' is not one of debug, info, warning, error, "
        "critical; did you mean 'info'?"
    ]


def test_a_node_is_checked_against_the_version_that_it_has(repo: Path, newer: Path) -> None:
    edit(repo, {"hieradata/nodes/app1.fleet.test.yaml":
                ("", "---\nflask_microservice::versions:\n  orders: '3.0.0-1'\n"),
                ORDERS: (LEVEL, "log: {level: debug}")})  # fmt: skip
    (finding,) = found(repo, newer)
    assert finding.startswith(f"{ORDERS}:8:20: wrong-setting: orders 3.0.0-1, pinned in the tier production, refuses")


@pytest.mark.parametrize("reference", ["lookup('fleet::levels.low')", "alias('fleet::levels.low')"])
def test_a_value_that_stands_in_one_place_elsewhere_is_found_there(repo: Path, packages: Path, reference: str) -> None:
    edit(repo, {ORDERS: (LEVEL, f'log: {{level: "%{{{reference}}}"}}'),
                "hieradata/common.yaml": ("", "fleet::levels: {low: inof}\n")})  # fmt: skip
    lines = (repo / "hieradata/common.yaml").read_text(encoding="utf-8").count("\n")
    assert found(repo, packages) == [
        f"hieradata/common.yaml:{lines}:22: wrong-setting: orders 1.0.0-1, pinned in the tier production and the tier "
        f"staging, refuses 'level' in section 'log', which is taken from here ({ORDERS}:8): 'inof' is not one of "
        "debug, info, warning, error, critical; did you mean 'info'?"
    ]


@pytest.mark.parametrize(
    "config",
    [
        "log: {level: \"%{lookup('fleet::level')}\"}",
        "log: {level: \"%{alias('fleet::levels.high')}\"}",
        'log: {level: "%{facts.level}"}',
        "log: {level: info, file: ''}",
        "log: {file: '/%{facts.networking.hostname}.log'}",
        "log: {level: inof}  # fleet: allow wrong-setting: of a later version",
    ],
)
def test_what_is_right_not_known_or_allowed_is_no_finding(repo: Path, packages: Path, config: str) -> None:
    edit(repo, {ORDERS: (LEVEL, config)})
    if "fleet::level" in config:
        text = "fleet::levels: {high: inof}\n" if "levels" in config else "fleet::level: inof\n"
        edit(repo, {"hieradata/common.yaml": ("", text), STAGING: ("", text)})
    assert found(repo, packages) == []


def test_where_a_layer_can_not_be_read_a_value_that_is_looked_up_is_not_judged(repo: Path, packages: Path) -> None:
    edit(repo, {ORDERS: (LEVEL, "log: {level: \"%{lookup('fleet::level')}\"}"),
                "hieradata/common.yaml": ("", "fleet::level: inof\n"),
                "hiera.yaml": ("hierarchy:\n", "hierarchy:\n  - name: Vault\n    lookup_key: vault\n")})  # fmt: skip
    findings, (note,) = checked(repo, packages)
    assert (findings, note) == ([], "layer 'Vault' of hiera.yaml can't be read here: what it says is not checked")


def test_a_value_that_a_secret_takes_the_place_of_is_not_judged(repo: Path, packages: Path) -> None:
    edit(repo, {ORDERS: (f"{LEVEL}\n", "log: {level: inof}\n")})
    edit(repo, {ORDERS: ("app: [secret_key]", "app: [secret_key]\n      log: [level]")})
    assert not [finding for finding in found(repo, packages) if "wrong-setting" in finding]


def test_of_a_package_without_a_schema_the_keys_are_checked_and_a_line_says_so(repo: Path, newer: Path) -> None:
    for name in ("orders", "inventory"):
        (newer / f"{name}_1.0.0-1_all.deb").unlink()
    deb(newer, "orders", "1.0.0-1", UPSTREAM, "none")
    deb(newer, "inventory", "1.0.0-1", said="none")
    note = "values in config are not checked for {}: what they may be is not in the package (settings.schema.json)"
    edit(repo, {ORDERS: (LEVEL, "log: {level: inof}")})
    assert checked(repo, newer) == ([], [note.format("inventory 1.0.0-1, orders 1.0.0-1")])
    edit(repo, {ORDERS: ("level: inof", "levle: info"), "hieradata/services/inventory.yaml": (LEVEL, "{}")})
    findings, notes = checked(repo, newer)
    assert [finding.split(": ")[1] for finding in findings] == ["unknown-setting"]
    assert notes == [note.format("orders 1.0.0-1")]


def test_a_schema_that_can_not_be_used_is_named(repo: Path, newer: Path) -> None:
    deb(newer, "orders", "3.0.0-1", UPSTREAM, '{"type": "strnig"}')
    pin(repo, "3.0.0-1")
    findings, (note,) = checked(repo, newer)
    assert findings == []
    assert note == (
        "values in config are not checked for orders 3.0.0-1: its /usr/share/orders/settings.schema.json can't be "
        "used: it is no JSON Schema: 'strnig' is not valid under any of the given schemas"
    )


@pytest.mark.parametrize("published", [True, False])
def test_of_an_application_that_is_not_from_the_template_nothing_is_guessed(
    repo: Path, newer: Path, published: bool
) -> None:
    name = "httpbin"
    if published:
        deb(newer, name, "0.10.4-1", said="none")
    edit(repo, {"hieradata/services/httpbin.yaml":
                ("", "---\nflask_microservice::services:\n  httpbin:\n    port: 7010\n    version: '0.10.4-1'\n"
                 "    application: httpbin:app\n    config: {any: {level: inof}}\n")})  # fmt: skip
    assert checked(repo, newer) == (
        [],
        ["values in config are not checked for httpbin 0.10.4-1: what they may be is not in the package "
         "(settings.schema.json)"],
    )  # fmt: skip


def test_an_application_that_brings_a_schema_is_checked_by_it(repo: Path, newer: Path) -> None:
    deb(newer, "httpbin", "0.10.4-1")
    edit(repo, {"hieradata/services/httpbin.yaml":
                ("", "---\nflask_microservice::services:\n  httpbin:\n    port: 7010\n    version: '0.10.4-1'\n"
                 "    application: httpbin:app\n    config:\n"
                 "      own: {key: 1}\n      log: {level: inof}\n")})  # fmt: skip
    (finding,) = found(repo, newer)
    assert finding.startswith("hieradata/services/httpbin.yaml:9:20: wrong-setting: httpbin 0.10.4-1,")
