"""A module whose server is away is named within seconds, and the others are fetched."""

import subprocess
from pathlib import Path

import pytest
from fleet_cli.planning import module_sources
from fleet_cli.planning.module_sources import Module


def module(name: str, **options: str) -> Module:
    return Module(name, f"modules/{name}", options)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(tmp_path / "own")]
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "own")], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "--message=A state"], check=True)
    subprocess.run([*git, "tag", "v1"], check=True)
    return tmp_path / "own"


def test_a_server_that_is_away_is_named_once_for_all_of_its_modules(repo: Path, tmp_path: Path) -> None:
    away = {name: module(name, git=f"https://nowhere.invalid/{name}") for name in ("one", "two")}
    mirrors, missing = module_sources.from_git(
        [*away.values(), module("own", git=str(repo), tag="v1"), module("old", git=str(repo), tag="v9")],
        tmp_path / "git",
    )
    assert set(mirrors) == {str(repo)}
    assert missing["one"].startswith(
        "git could not fetch https://nowhere.invalid/one: nowhere.invalid can't be reached"
    )
    assert set(missing) == {"one", "two", "old"}
    assert missing["old"].endswith("it has no tag v9")


def test_what_git_itself_leads_elsewhere_is_asked_there(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "gitconfig"
    config.write_text(f'[url "{repo.parent}/"]\n\tinsteadOf = https://nowhere.invalid/\n', encoding="utf-8")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "file")
    mirrors, missing = module_sources.from_git([module("own", git="https://nowhere.invalid/own")], tmp_path / "git")
    assert (len(mirrors), missing) == (1, {})


def test_a_forge_that_is_away_is_asked_once(tmp_path: Path) -> None:
    modules = [module("a-one", version="1.0.0"), module("a-two", version="1.0.0"), module("own", git="x")]
    missing = module_sources.from_forge(modules, "http://127.0.0.1:1/", tmp_path / "forge")
    assert set(missing) == {"a-one", "a-two"}
    assert all("could not be fetched" in why for why in missing.values())
