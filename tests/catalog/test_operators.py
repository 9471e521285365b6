"""Who may do what on the machines is what Hiera says: in each role's catalog, and in the data that is refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from .catalogs import Catalog, Node
from .conftest import Compile, taken

FILES = Path(__file__).parents[2] / "site/profile/files/operators/program/operators"
ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 42
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "B" * 42
PEOPLE: dict[str, Any] = {
    "anna": {"keys": [f"{ED25519} anna@laptop", OTHER], "rights": ["read", "run"]},
    "carl": {"ensure": "present", "keys": [OTHER.replace("B", "C")], "rights": ["deploy"]},
    "bert": {"ensure": "absent", "keys": [ED25519], "rights": ["deploy"]},
}
SUDOERS = "/etc/sudoers.d/fleet-operators"
EVERYWHERE = {"fleet-report", "fleet-inspect", "fleet-traffic", "fleet-log", "fleet-run", "fleet-rollback"}
ON_THE_SERVER = {"fleet-query", "fleet-answers", "fleet-deploy", "fleet-enroll", "fleet-note", "fleet-publish"}
ROLES = ["app", "database", "load_balancer", "puppetserver"]

TAKEN: dict[str, list[Any]] = {
    "Operator_name": ["anna", "an", "anna-b", "anna_b", "a1", "x" * 32, "fleet", "rooty"],
    "Operator_right": ["read", "run", "publish", "deploy"],
    "Operator_key": [
        ED25519, f"{ED25519} anna@laptop", f"{ED25519} anna's new laptop",
        "ssh-rsa AAAAB3NzaC1yc2E" + "A/+9" * 100 + "==",
        "ecdsa-sha2-nistp256 AAAA" + "A" * 100 + "=", "sk-ssh-ed25519@openssh.com AAAA" + "A" * 90 + " anna",
    ],
    "Operator": [
        {"keys": [ED25519], "rights": ["read"]}, {"ensure": "absent"}, {"ensure": "absent", "keys": [], "rights": []},
        {"ensure": "present", "keys": [ED25519, OTHER], "rights": ["publish", "deploy"]},
    ],
}  # fmt: skip
REFUSED: dict[str, list[Any]] = {
    "Operator_name": ["", "a", "Anna", "1anna", "-anna", "anna-", "anna.b", "anna b", "anna\n", "anna:x", "%sudo",
                      "ALL", "x" * 33, "fleet-run", "systemd-network", "anna,root", "ännä", "anna/b", "..", "#0"],
    "Operator_right": ["root", "", "Read", "deploy,run", "ALL"],
    "Operator_key": [
        "", "anna", "ssh-ed25519", "ssh-ed25519 AAAA", f"{ED25519}\n{OTHER}", f"{ED25519}\n",
        f"command=\"x\" {ED25519}",
        f" {ED25519}", f"ssh-dss AAAA{'A' * 80}", f"{ED25519} a\nb", f"{ED25519} ", f"no-pty {ED25519}",
        "-----BEGIN OPENSSH PRI" + "VATE KEY-----", f"{ED25519}\0", f"{ED25519} " + "x" * 101,
    ],
    "Operator": [
        {}, {"keys": [ED25519]}, {"rights": ["read"]}, {"keys": [], "rights": ["read"]},
        {"keys": [ED25519], "rights": []}, {"keys": ED25519, "rights": ["read"]}, {"ensure": "gone"},
        {"keys": [ED25519], "rights": ["read"], "shell": "/bin/zsh"}, {"keys": ["x"], "rights": ["read"]},
        None, "absent",
    ],
}  # fmt: skip
CASES = [
    (name, value, expected)
    for table, expected in ((TAKEN, True), (REFUSED, False))
    for name, values in table.items()
    for value in values
]
CLASHES = {
    "root": ("root", "an account or group of the system has that name"),
    "vagrant": ("vagrant", "an account or group of the system has that name"),
    "the group of who may become root": ("sudo", "an account or group of the system has that name"),
    "the account of Puppet": ("puppet", "an account or group of the system has that name"),
    "a service": ("orders", "a service has that name"),
}


def node(people: Any = None, role: str = "app", certname: str = "node1.example.test") -> Node:
    hiera: dict[str, Any] = (
        {"profile::r10k::remote": "https://git.example.test/control.git"} if role == "puppetserver" else {}
    )
    hiera |= {} if people is None else {"profile::operators::people": people}
    return Node(certname, role, "production", {f"nodes/{certname}.yaml": yaml.safe_dump(hiera)} if hiera else {})


@pytest.fixture(scope="module")
def catalogs(compile: Compile) -> dict[str, Catalog]:
    """Of each role, and one of a fleet with nobody."""
    nodes = {role: node(PEOPLE, role, f"{role.replace('_', '-')}.example.test") for role in ROLES}
    nodes["nobody"] = node()
    nodes["tier"] = Node(
        "canary1.example.test", "app", "canary",
        {
            "common.yaml": (Path(__file__).parents[2] / "hieradata/common.yaml").read_text(encoding="utf-8")
            + yaml.safe_dump({"profile::operators::people": {"anna": {"keys": [ED25519], "rights": ["read"]}}}),
            "tiers/canary.yaml": yaml.safe_dump({"profile::operators::people": {"anna": {"rights": ["run"]}},
                                                 "flask_microservice::services": {
                                                     name: {"ensure": "absent"} for name in ("orders", "inventory")}}),
        },
    )  # fmt: skip
    nodes |= {name: node({name: {"ensure": "absent"}}) for name, _ in CLASHES.values()}
    shared = {"keys": [ED25519, OTHER], "rights": ["read"]}
    nodes["shared"] = node({"anna": shared, "carl": {**shared, "keys": [f"{OTHER} carl@desktop"]}})
    nodes["not shared"] = node(
        {"anna": {**shared, "keys": [OTHER, f"{OTHER} again"]}, "bert": {**shared, "ensure": "absent"}}
    )
    return dict(zip(nodes, compile(list(nodes.values())), strict=True))


@pytest.fixture(scope="module")
def verdicts(compile: Compile) -> dict[str, list[bool]]:
    """What Puppet says of the values of each type, all in one catalog."""
    candidates = {name: [value for of, value, _ in CASES if of == name] for name in TAKEN}
    return taken(compile, "Profile", candidates)


def sudoers(catalog: Catalog) -> list[str]:
    """The lines of the drop-ins."""
    files = [catalog[f"File[{title}]"] for title in catalog.titles("File") if title.startswith(SUDOERS)]
    for file in files:
        assert (file["mode"], file["owner"], file["validate_cmd"]) == ("0440", "root", "/usr/sbin/visudo -cf %")
    lines = [line for file in files for line in file["content"].splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize(("name", "value", "expected"), CASES)
def test_data_that_would_let_somebody_else_in_is_refused(
    name: str, value: Any, expected: bool, verdicts: dict[str, list[bool]]
) -> None:
    position = [case for case in CASES if case[0] == name].index((name, value, expected))
    assert verdicts[name][position] is expected


@pytest.mark.parametrize("what", CLASHES)
def test_nobody_gets_or_takes_away_the_account_of_something_else(what: str, catalogs: dict[str, Catalog]) -> None:
    name, why = CLASHES[what]
    assert "profile::operators::people can't be as Hiera says" in catalogs[name].error
    assert f"{name}: {why}" in catalogs[name].error


def test_two_people_with_one_key_could_not_be_told_apart(catalogs: dict[str, Catalog]) -> None:
    assert "anna and carl: they have the same key" in catalogs["shared"].error
    assert not catalogs["not shared"].error


@pytest.mark.parametrize("role", ROLES)
def test_people_work_on_every_machine(role: str, catalogs: dict[str, Catalog]) -> None:
    anna, carl = catalogs[role]["User[anna]"], catalogs[role]["User[carl]"]
    assert (anna["gid"], anna["password"], anna["managehome"]) == ("fleet-operators", "*", True)
    assert (set(anna["groups"]), anna["membership"]) == ({"fleet-read", "fleet-run"}, "inclusive")
    assert set(carl["groups"]) == {"fleet-read", "fleet-deploy"}, "who may deploy can't look at what came of it"


def test_only_hieras_keys_let_a_person_in(catalogs: dict[str, Catalog]) -> None:
    catalog = catalogs["app"]
    directory = catalog["File[/etc/ssh/operators]"]
    assert (directory["purge"], directory["recurse"], directory["force"], directory["mode"]) == (
        True,
        True,
        True,
        "0755",
    )
    keys = catalog["File[/etc/ssh/operators/anna]"]
    assert keys["content"] == f"{ED25519} anna@laptop\n{OTHER}\n"
    assert (keys["owner"], keys["mode"]) == ("root", "0644")
    dropin = catalog["File[/etc/ssh/sshd_config.d/fleet-operators.conf]"]
    assert dropin["validate_cmd"] == "/usr/sbin/sshd -t -f %", "a mistake in it would lock everybody out"
    assert dropin.references("notify") == {"Service[ssh]"}
    passwords = catalog["File[/etc/ssh/sshd_config.d/00-fleet-passwords.conf]"]
    assert "PasswordAuthentication no" in passwords["content"]
    assert passwords["validate_cmd"] == dropin["validate_cmd"]
    assert passwords.references("notify") == {"Service[ssh]"}
    ssh = catalog["Service[ssh]"]
    assert ssh["restart"] == "systemctl reload ssh", "a restart would cut who is connected"
    assert "ensure" not in ssh.parameters


def test_who_left_is_removed_with_all_that_they_run(catalogs: dict[str, Catalog]) -> None:
    catalog = catalogs["app"]
    assert (catalog["User[bert]"]["ensure"], catalog["User[bert]"]["managehome"]) == ("absent", True)
    assert catalog["Exec[end what bert runs]"].references("before") == {"User[bert]"}
    assert "File[/etc/ssh/operators/bert]" not in catalog


def test_nobody_is_in_a_group_but_who_has_the_right(catalogs: dict[str, Catalog]) -> None:
    (others,) = catalogs["app"]["Exec[nobody else has a right]"]["onlyif"]
    (kept,) = (word for word in others if word.startswith("wanted="))
    assert set(kept.removeprefix("wanted=").split()) == {
        "fleet-read:anna", "fleet-run:anna", "fleet-read:carl", "fleet-deploy:carl",
    }  # fmt: skip


def test_a_fleet_with_nobody_keeps_out_who_was_there_before(catalogs: dict[str, Catalog]) -> None:
    catalog = catalogs["nobody"]
    assert catalog.titles("Profile::Operators::Account") == set()
    assert {"Group[fleet-operators]", "File[/etc/ssh/operators]", "Exec[nobody else has a right]"} <= {
        resource.reference for resource in catalog
    }


def test_a_tier_can_give_a_person_more_on_its_machines(catalogs: dict[str, Catalog]) -> None:
    assert set(catalogs["tier"]["User[anna]"]["groups"]) == {"fleet-read", "fleet-run"}
    assert catalogs["tier"]["File[/etc/ssh/operators/anna]"]["content"] == f"{ED25519}\n"


def test_a_right_is_exactly_its_programs(catalogs: dict[str, Catalog]) -> None:
    at = "/usr/local/sbin"
    everywhere = {
        f'%fleet-read ALL = (root) NOPASSWD: {at}/fleet-report ""',
        f'%fleet-read ALL = (root) NOPASSWD: {at}/fleet-inspect ""',
        f'%fleet-read ALL = (root) NOPASSWD: {at}/fleet-traffic ""',
        f'%fleet-read ALL = (root) NOPASSWD: {at}/fleet-log ""',
        f'%fleet-run ALL = (root) NOPASSWD: {at}/fleet-run "", {at}/fleet-run --noop',
        f"%fleet-run ALL = (root) NOPASSWD: {at}/fleet-rollback",
    }
    on_the_server = {
        f'%fleet-read ALL = (root) NOPASSWD: {at}/fleet-query ""',
        f'%fleet-read ALL = (root) NOPASSWD: {at}/fleet-answers ""',
        f"%fleet-deploy ALL = (root) NOPASSWD: {at}/fleet-deploy",
        f"%fleet-deploy ALL = (root) NOPASSWD: {at}/fleet-enroll",
        f"%fleet-run ALL = (root) NOPASSWD: {at}/fleet-note",
        f"%fleet-read ALL = (root) NOPASSWD: {at}/fleet-publish --list",
        f'%fleet-publish ALL = (root) NOPASSWD: {at}/fleet-publish ""',
    }
    for role in ROLES:
        programs = EVERYWHERE | ON_THE_SERVER if role == "puppetserver" else EVERYWHERE
        rules = everywhere | on_the_server if role == "puppetserver" else everywhere
        kept = {f'Defaults!{at}/{name} env_keep += "SSH_CONNECTION"' for name in programs}
        assert set(sudoers(catalogs[role])) == rules | kept
        there = {Path(title).name for title in catalogs[role].titles("File") if title.startswith(f"{at}/fleet-")}
        assert there == programs, "the server's programs are on a node, or not on the server"


def test_the_programs_are_on_the_machine_as_they_are_here(catalogs: dict[str, Catalog]) -> None:
    for role in ("app", "puppetserver"):
        programs = catalogs[role]["File[/usr/local/lib/fleet-operators/operators]"]
        source = str(programs["source"]).removeprefix("puppet:///modules/profile/")
        assert (FILES.parents[2] / source).samefile(FILES)
        assert (programs["recurse"], programs["purge"], programs["ignore"]) == (True, True, "__pycache__")
        for title in catalogs[role].titles("File"):
            if title.startswith("/usr/local/sbin/fleet-"):
                assert catalogs[role][f"File[{title}]"]["require"] == "File[/usr/local/lib/fleet-operators/operators]"
    assert "certname = app.example.test" in catalogs["app"]["File[/etc/fleet-operators.ini]"]["content"]


def test_deploys_and_publications_find_what_records_them(catalogs: dict[str, Catalog]) -> None:
    for program in ("deploy-environment", "publish-package"):
        required = catalogs["puppetserver"][f"File[/usr/local/sbin/{program}]"].references("require")
        assert "Class[Profile::Operators::Programs]" in required
