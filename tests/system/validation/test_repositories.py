"""Repositories of other shapes than this one: with secrets, with a list of machines, with files that can't be read."""

from collections.abc import Callable
from pathlib import Path

import pytest
from bad_yaml import BAD
from fleet_cli.repository import secrets
from fleet_cli.validation.all_checks import Validation
from fleet_cli.validation.hiera_check import Packages
from fleet_cli.validation.package_index import Repository

from ... import new_secrets
from .conftest import Validate, edit

NODES = """\
---
app1.example.org: {role: app, tier: production}
app2.example.org: {role: app, tier: staging}
db1.example.org: {role: database, tier: production}
lb1.example.org: {role: load_balancer, tier: production}
puppet.fleet.test: {role: puppetserver, tier: production}
"""


def test_the_secrets_that_a_deploy_encrypts_are_taken(repo: Path, validate: Validate, tmp_path: Path) -> None:
    new_secrets.new_keys(tmp_path)
    public = (tmp_path / "public_key.pkcs7.pem").read_bytes()
    (repo / "hieradata/secrets").mkdir()
    for tier in ("staging", "production"):
        text = new_secrets.generate(repo, tier, public)
        (repo / f"hieradata/secrets/{tier}.yaml").write_text("---\n" + text, encoding="utf-8")
    assert [str(finding) for finding in validate(repo)] == []


def test_a_changed_character_of_a_secret_is_noticed(
    repo: Path, validate: Validate, encrypt: Callable[[str], str]
) -> None:
    whole = encrypt("hunter2")
    head, body = whole[: len("ENC[PKCS7,")], whole[len("ENC[PKCS7,") : -1]
    values = {
        "cut off": f"{head}{body[:-40]}]",
        "without its end": whole[:-1],
        "with a stray character": f"{head}{body[:100]}*{body[101:]}]",
        "another length": f"{head}{body[:4]}B{body[5:]}]",
        "plain text": f"{head}aHVudGVyMg==]",
    }
    for what, value in values.items():
        text = f"---\nflask_microservice::secrets:\n  orders:\n    app:\n      secret_key: >\n        {value}\n"
        (repo / "hieradata/secrets").mkdir(exist_ok=True)
        (repo / "hieradata/secrets/staging.yaml").write_text(text, encoding="utf-8")
        found = [finding for finding in validate(repo) if finding.code == "damaged-eyaml"]
        assert [(finding.line, finding.column) for finding in found] == [(5, 19)], what
    folded = "\n        ".join(whole[place : place + 60] for place in range(0, len(whole), 60))
    text = f"---\nflask_microservice::secrets:\n  orders:\n    app:\n      secret_key: >\n        {folded}\n"
    (repo / "hieradata/secrets/staging.yaml").write_text(text, encoding="utf-8")
    assert "damaged-eyaml" not in {finding.code for finding in validate(repo)}


def test_a_secret_of_another_tier_is_told_before_a_node_fails_over_it(
    repo: Path, validate: Validate, tmp_path: Path
) -> None:
    for tier in ("production", "staging", ""):
        new_secrets.new_keys(tmp_path / tier, tier)

    def found(path: str, tier: str) -> list[str]:
        block = secrets.encrypt((tmp_path / tier / "public_key.pkcs7.pem").read_bytes(), "hunter2")
        file = repo / path
        before = file.read_text(encoding="utf-8") if file.exists() else None
        file.parent.mkdir(exist_ok=True)
        text = f"flask_microservice::secrets: {{orders: {{app: {{secret_key: '{block}'}}}}}}\n"
        file.write_text((before or "---\n") + text, encoding="utf-8")
        said = [str(finding) for finding in validate(repo) if finding.code == "wrong-eyaml-key"]
        file.unlink() if before is None else file.write_text(before, encoding="utf-8")
        return said

    [of_tier] = found("hieradata/tiers/staging.yaml", "production")
    for said in ("hieradata/tiers/staging.yaml:", "encrypted for tier 'production'", "public key of 'staging'"):
        assert said in of_tier
    assert len(found("hieradata/nodes/app1.fleet.test.yaml", "staging")) == 1
    assert len(found("hieradata/roles/database.yaml", "staging")) == 1  # only production has one
    for path, tier in (
        ("hieradata/tiers/staging.yaml", "staging"),
        ("hieradata/tiers/staging.yaml", ""),
        ("hieradata/nodes/app1.fleet.test.yaml", "production"),
        ("hieradata/roles/app.yaml", "staging"),
        ("hieradata/common.yaml", "production"),
    ):
        assert found(path, tier) == [], (path, tier)

    # Once a layer takes the keys of tiers alone, what is left of the time before is told.
    hiera = (repo / "hiera.yaml").read_text(encoding="utf-8")
    (repo / "hiera.yaml").write_text(hiera.replace("    shared_keys: /etc/puppet/eyaml\n", ""), encoding="utf-8")
    [of_fleet] = found("hieradata/tiers/staging.yaml", "")
    assert "a secret encrypted for the fleet in a file for 'staging'" in of_fleet
    assert found("hieradata/tiers/staging.yaml", "staging") == []


def test_machines_are_those_of_nodes_yaml_where_there_is_one(repo: Path, validate: Validate) -> None:
    (repo / "nodes.yaml").write_text(NODES, encoding="utf-8")
    assert validate(repo) == []
    edit(repo, {"nodes.yaml": ("db1.example.org: {role: database", "db1.example.org: {role: databse")})
    (wrong,) = validate(repo)
    assert str(wrong).startswith("nodes.yaml:4:25: unknown-role: db1.example.org has the role 'databse', which is")
    edit(repo, {"nodes.yaml": ("{role: databse, tier: production}", "{role: database}")})
    (wrong,) = validate(repo)
    assert (wrong.file, wrong.line, wrong.code) == ("nodes.yaml", 4, "inventory")


def test_of_a_repository_without_a_list_of_machines_the_rest_is_checked(repo: Path, packages: Path) -> None:
    (repo / "lab.yaml").unlink()
    edit(repo, {"hieradata/common.yaml": ("preloaded: true", "preloaded: maybe")})
    validation = Validation(repo, packages=Packages(Repository(str(packages))))
    assert [finding.code for finding in validation.findings()] == ["wrong-type"]
    assert "no nodes.yaml says which machines there are: what is about machines is not checked" in validation.notes


def test_a_layer_by_a_fact_is_read_and_nothing_is_said_of_who_reads_it(repo: Path, validate: Validate) -> None:
    edit(repo, {"hiera.yaml": ("  - name: Everything", "  - name: A release\n    path: os/%{facts.os.name}.yaml\n"
                                                       "  - name: Everything")})  # fmt: skip
    (repo / "hieradata/os").mkdir()
    (repo / "hieradata/os/Debian.yaml").write_text("---\nprofile::base::packages: [vim]\n", encoding="utf-8")
    assert validate(repo) == []
    edit(repo, {"hieradata/os/Debian.yaml": ("packages", "pakages")})
    assert [finding.code for finding in validate(repo)] == ["unknown-key"]


def test_all_files_that_a_glob_with_braces_stands_for_are_read(repo: Path, validate: Validate) -> None:
    edit(repo, {"hiera.yaml": ("path: services #", "glob: '{services,m[a-o]re}/*.yaml' #")})
    (repo / "hieradata/more").mkdir()
    (repo / "hieradata/services/inventory.yaml").rename(repo / "hieradata/more/inventory.yaml")
    assert validate(repo) == []
    (repo / "hieradata/services/.inventory.yaml").write_text("---\nno::such: key\n", encoding="utf-8")
    assert "unread-file" in {each.code for each in validate(repo) if each.file.endswith("/.inventory.yaml")}


def test_a_file_that_a_second_layer_reads_for_all_is_not_one_of_a_machine_that_is_not_there(
    repo: Path, validate: Validate
) -> None:
    edit(repo, {"hiera.yaml": ("  - name: Everything", "  - name: All\n    path: nodes/all.yaml\n  - name: Everything"),
                "hieradata/nodes/all.yaml": ("", "---\nprofile::base::packages: [vim]\n")})  # fmt: skip
    edit(repo, {"hieradata/common.yaml": ("profile::base::packages:\n  - curl\n  - less\n", "")})
    assert validate(repo) == []


def test_a_layer_of_another_kind_is_told(repo: Path, packages: Path) -> None:
    edit(repo, {"hiera.yaml": ("  - name: Everything", "  - name: Vault\n    lookup_key: hiera_vault\n"
                                                       "    uri: https://vault\n  - name: Everything")})  # fmt: skip
    validation = Validation(repo, packages=Packages(Repository(str(packages))))
    assert validation.findings() == []
    assert "layer 'Vault' of hiera.yaml can't be read here: what it says is not checked" in validation.notes


@pytest.mark.parametrize(("content", "code"), BAD.values(), ids=BAD)
def test_a_file_that_can_not_be_read_is_one_finding(content: bytes, code: str, repo: Path, packages: Path) -> None:
    (repo / "hieradata/services/bad.yaml").write_bytes(content)
    validation = Validation(repo, packages=Packages(Repository(str(packages))))
    found = validation.findings()
    assert [(finding.file, finding.code) for finding in found] == [("hieradata/services/bad.yaml", code)]
    assert any("hieradata/services/bad.yaml can't be read" in note for note in validation.notes)


def test_a_file_of_fifty_megabytes_and_a_link_to_nowhere_are_findings(repo: Path, validate: Validate) -> None:
    with (repo / "hieradata/nodes/app1.fleet.test.yaml").open("wb") as file:
        file.truncate(50 * 2**20)
    (repo / "hieradata/nodes/app2.fleet.test.yaml").symlink_to("/nowhere")
    assert [finding.code for finding in validate(repo)] == ["file-too-large"]


def test_yamllint_is_not_given_what_it_would_never_be_done_with(repo: Path, validate: Validate) -> None:
    (repo / "jobs.yaml").write_text("a: " + "[" * 100_000, encoding="utf-8")
    assert [(finding.file, finding.code) for finding in validate(repo)] == [("jobs.yaml", "yaml-too-deep")]
