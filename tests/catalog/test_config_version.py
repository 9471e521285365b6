"""A catalog's version names the commit it was compiled from."""

import json
from pathlib import Path

from fleet_cli.machine import paths, process

SCRIPT = paths.control_repo() / "scripts/config_version"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def config_version(environment: Path) -> str:
    return process.run([SCRIPT, environment.parent, environment.name]).stdout


def test_deployed_environment_is_labelled_with_the_commit_that_r10k_deployed(tmp_path: Path) -> None:
    environment = tmp_path / "production"
    environment.mkdir()
    modules = [{"name": "stdlib", "version": "9.4.1", "sha": None}]
    deployed = {"name": "production", "signature": COMMIT, "deploy_success": True, "module_deploys": modules}
    (environment / ".r10k-deploy.json").write_text(json.dumps(deployed, indent=2), encoding="utf-8")
    assert config_version(environment) == f"production@{COMMIT}\n"


def test_checkout_is_labelled_with_its_commit(tmp_path: Path) -> None:
    environment = tmp_path / "feature"
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.test")
    process.run(["git", "init", "--quiet", environment])
    process.run(["git", "-C", environment, *identity, "commit", "--quiet", "--allow-empty", "--message=first"])
    commit = process.run(["git", "-C", environment, "rev-parse", "HEAD"]).stdout.strip()
    assert config_version(environment) == f"feature@{commit}\n"


def test_repository_further_up_does_not_answer_for_an_environment(tmp_path: Path) -> None:
    process.run(["git", "init", "--quiet", tmp_path])
    environment = tmp_path / "production"
    environment.mkdir()
    assert config_version(environment) == "production@unversioned\n"


def test_catalog_is_compiled_even_if_nothing_tells_the_commit(tmp_path: Path) -> None:
    assert config_version(tmp_path / "missing") == "missing@unversioned\n"
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / ".r10k-deploy.json").write_text("{", encoding="utf-8")
    assert config_version(broken) == "broken@unversioned\n"
    assert process.run([SCRIPT]).stdout == "unknown@unversioned\n"
