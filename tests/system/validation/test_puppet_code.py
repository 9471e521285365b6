"""What Puppet itself says of the code: its mistakes, and the types that Hiera is checked by. And when it is asked."""

import uuid
from pathlib import Path

import pytest
from fleet_cli.machine.errors import FleetError
from fleet_cli.sandbox import running
from fleet_cli.validation.all_checks import Validation

from .conftest import Validate, edit

BASE = "site/profile/manifests/base.pp"
PUPPETDB = "site/profile/templates/puppetserver/puppetdb.conf.epp"
ERB = "site/profile/templates/old.erb"


def test_each_mistake_in_code_is_found_where_it_is(repo: Path, validate: Validate) -> None:
    edit(
        repo,
        {
            BASE: ("stdlib::ensure_packages($packages)", "stdlib::ensure_packages($packages"),
            "site/role/manifests/app.pp": ("  include profile::base\n", '  include "profile::base"\n'),
            "site/role/manifests/spare.pp": ("", "# @summary Nothing\nclass role::sparse {\n}\n"),
            PUPPETDB: ("<%= $url %>", "<%= $url >"),
            ERB: ("", "one\n<% if true %>\ntwo\n"),
        },
    )
    found = {finding.file: finding for finding in validate(repo)}
    assert {name: (finding.line, finding.code) for name, finding in found.items()} == {
        BASE: (14, "puppet-syntax"),
        "site/role/manifests/app.pp": (6, "puppet-lint"),
        "site/role/manifests/spare.pp": (2, "puppet-lint"),
        PUPPETDB: (found[PUPPETDB].line, "puppet-syntax"),
        ERB: (found[ERB].line, "erb-syntax"),
    }
    assert "double quoted string containing no variables" in found["site/role/manifests/app.pp"].message
    assert "role::sparse" in found["site/role/manifests/spare.pp"].message


def test_code_that_can_not_be_read_is_one_finding_a_file(repo: Path, validate: Validate) -> None:
    base, metadata = repo / BASE, "modules/flask_microservice/metadata.json"
    base.write_bytes(base.read_bytes().replace(b"whatever its role", b"whatever its r\xf4le"))
    (repo / metadata).write_text('{\n "name": }\n', encoding="utf-8")
    found = [(finding.file, finding.line, finding.code) for finding in validate(repo)]
    assert found == [(metadata, 2, "json-syntax"), (BASE, 1, "not-utf-8")]


def test_a_broken_hiera_yaml_is_one_finding(repo: Path) -> None:
    (repo / "hiera.yaml").write_text("version: 5\nhierarchy: [\n", encoding="utf-8")
    found = Validation(repo).findings()
    assert [(finding.file, finding.code) for finding in found] == [("hiera.yaml", "yaml-syntax")]


def test_hiera_is_checked_by_the_code_as_it_is_now(repo: Path, validate: Validate) -> None:
    types = "modules/flask_microservice/types/port.pp"
    edit(repo, {types: ("Integer[1, 65535]", "Integer[8000, 65535]")})
    places = {(finding.file, finding.line, finding.code) for finding in validate(repo)}
    services = "hieradata/services"
    assert places == {
        (f"{services}/inventory.yaml", 4, "wrong-type"),
        (f"{services}/orders.yaml", 4, "wrong-type"),
    }
    edit(repo, {BASE: ("Array[String[1]] $packages = [],", "Array[String[1]] $packages = [],\n  Integer $level = 1,")})
    edit(repo, {"hieradata/common.yaml": ("", "profile::base::level: high\n")})
    (level,) = [finding for finding in validate(repo) if finding.file == "hieradata/common.yaml"]
    assert level.message == "expected Integer, got 'high'"


def test_puppet_is_not_asked_while_no_code_changes(
    repo: Path, validate: Validate, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert validate(repo) == []

    def refuse(*_: object, **__: object) -> None:
        raise FleetError("Puppet was started")

    monkeypatch.setattr(running, "run", refuse)
    edit(repo, {"hieradata/common.yaml": ("preloaded: true", "preloaded: maybe")})
    assert [finding.code for finding in validate(repo)] == ["wrong-type"]
    # Never seen before, so that no earlier run of the tests has it in its cache.
    edit(repo, {BASE: ("# @param packages", f"# Changed: {uuid.uuid4()}.\n#\n# @param packages")})
    with pytest.raises(FleetError, match="Puppet was started"):
        validate(repo)


def test_a_file_that_had_a_mistake_is_checked_again_until_it_has_none(repo: Path, validate: Validate) -> None:
    wrong = {"hieradata/common.yaml": ("  - less", "  -  less")}
    edit(repo, wrong)
    assert [finding.code for finding in validate(repo)] == ["yamllint"]
    assert [finding.code for finding in validate(repo)] == ["yamllint"]
    edit(repo, {name: (new, old) for name, (old, new) in wrong.items()})
    assert validate(repo) == []
