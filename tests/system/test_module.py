"""The Puppet module as it goes to others: its reference is that of the code, its metadata is what the Forge takes."""

import shutil
from pathlib import Path

import pytest
from fleet_cli.development import reference
from fleet_cli.machine.errors import FleetError
from fleet_cli.roots import rootfs

REPO = Path(__file__).resolve().parents[2]
MODULE = REPO / "modules/flask_microservice"


def test_the_reference_says_what_the_code_does() -> None:
    written = (MODULE / reference.NAME).read_text(encoding="utf-8")
    assert written == reference.generate(MODULE), "REFERENCE.md is out of date: run `scripts/fleet reference`"


def test_a_parameter_without_documentation_is_named(tmp_path: Path) -> None:
    manifests = tmp_path / "lamp/manifests"
    manifests.mkdir(parents=True)
    shutil.copy(MODULE / "metadata.json", tmp_path / "lamp")
    code = "# @summary A lamp\n# @param volts How many\nclass lamp (Integer $volts, Integer $watts) {}\n"
    (manifests / "init.pp").write_text(code, encoding="utf-8")
    with pytest.raises(FleetError, match=r"not documented in full:\n.*`watts`$"):
        reference.generate(tmp_path / "lamp")


def test_metadata_json_lint_finds_nothing() -> None:
    command = ["metadata-json-lint", "--strict-license", "--strict-dependencies", "--strict-puppet-version"]
    result = rootfs.run("module", [*command, "/module/metadata.json"], binds={MODULE: "/module"}, check=False)
    assert (result.returncode, result.stdout) == (0, ""), result.stdout + result.stderr


def test_the_readme_leads_to_every_example() -> None:
    readme = (MODULE / "README.md").read_text(encoding="utf-8")
    assert [name for name in sorted(path.name for path in (MODULE / "examples").iterdir()) if name not in readme] == []
