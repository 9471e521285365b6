"""A rollout goes by what Hiera says at its commit, and by nothing when a value is wrong."""

import subprocess
from pathlib import Path

import pytest
from fleet_cli.machine.errors import FleetError
from fleet_cli.rollout import settings
from fleet_cli.rollout.settings import Settings, order, share

HIERA = """\
---
version: 5
defaults: {datadir: hieradata}
hierarchy:
  - {name: Node, path: 'nodes/%{trusted.certname}.yaml'}
  - {name: Role, path: 'roles/%{trusted.extensions.pp_role}.yaml'}
  - {name: Tier, path: 'tiers/%{trusted.extensions.pp_environment}.yaml'}
  - {name: All, path: common.yaml}
"""
TIER, COMMON = "hieradata/tiers/staging.yaml", "hieradata/common.yaml"


class Repository:
    """A control repository, each state of it a commit."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._git("init", "--quiet")

    def commit(self, **files: str) -> str:
        for name, text in ({"hiera.yaml": HIERA} | files).items():
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self._git("add", "--all")
        who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        self._git(*who, "commit", "--quiet", "--allow-empty", "--message=A state")
        return self._git("rev-parse", "HEAD")

    def _git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.directory), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_a_repository_that_says_nothing_gets_the_defaults(repository: Repository) -> None:
    assert settings.of(repository.directory, repository.commit(), "staging") == Settings()


def test_a_tier_has_what_its_file_says_over_what_holds_for_all(repository: Repository) -> None:
    common = "profile::rollout::watch: 10\nprofile::rollout::batch: 50%\nprofile::rollout::tiers: [staging, live]\n"
    commit = repository.commit(**{
        COMMON: common, TIER: "profile::rollout::watch: 0\nprofile::rollout::error_ratio: 0\n",
    })  # fmt: skip
    staging, live = (settings.of(repository.directory, commit, tier) for tier in ("staging", "live"))
    assert staging == Settings(tiers=("staging", "live"), batch="50%", watch=0, error_ratio=0.0)
    assert live == Settings(tiers=("staging", "live"), batch="50%", watch=10)


def test_what_is_asked_is_the_commit_and_not_what_is_checked_out(repository: Repository) -> None:
    before = repository.commit(**{COMMON: "profile::rollout::watch: 10\n"})
    after = repository.commit(**{COMMON: "profile::rollout::watch: 20\n"})
    (repository.directory / COMMON).write_text("profile::rollout::watch: 30\n")
    assert [settings.of(repository.directory, each, "staging").watch for each in (before, after)] == [10, 20]


def test_files_of_roles_and_nodes_say_nothing_of_a_tier(repository: Repository) -> None:
    wrong = "profile::rollout::watch: 99\n"
    commit = repository.commit(**{"hieradata/roles/app.yaml": wrong, "hieradata/nodes/a.yaml": wrong})
    assert settings.of(repository.directory, commit, "staging") == Settings()


@pytest.mark.parametrize(("text", "message"), [
    ("profile::rollout::batch: 0",
     f"{TIER}:2: profile::rollout::batch: expected a number from 1, or a share from '1%' to '100%', got 0"),
    ("profile::rollout::canary: 1 %",
     f"{TIER}:2: profile::rollout::canary: expected a number from 0, or a share from '0%' to '100%', got '1 %'"),
    ("profile::rollout::watch: 1_000_000",
     f"{TIER}:2: profile::rollout::watch: expected a whole number from 0 to 86400, got 1_000_000"),
    ("profile::rollout::error_ratio: 1.5",
     f"{TIER}:2: profile::rollout::error_ratio: expected a number from 0 to 1, got 1.5"),
    ("profile::rollout::error_ratio: .nan",
     f"{TIER}:2: profile::rollout::error_ratio: expected a number from 0 to 1, got .nan"),
    ("profile::rollout::no_traffic: success",
     f"{TIER}:2: profile::rollout::no_traffic: expected 'pause' or 'verify_only', got 'success'"),
    ("profile::rollout::tiers:\n- a: 1",
     f"{TIER}:3: profile::rollout::tiers: expected a list of names of tiers, got a list"),
    ("profile::rollout::watch: \"%{lookup('a')}\"",
     f"{TIER}:2: profile::rollout::watch is read as it stands: it can't be encrypted or interpolated"),
    ("profile::rollout::webhook: ENC[PKCS7,MIIB]",
     f"{TIER}:2: profile::rollout::webhook is read as it stands: it can't be encrypted or interpolated"),
    ("profile::rollout::watch: [", f"{TIER}:3: "),
])  # fmt: skip
def test_a_wrong_value_is_one_line_with_its_place(repository: Repository, text: str, message: str) -> None:
    commit = repository.commit(**{TIER: f"---\n{text}\n"})
    with pytest.raises(FleetError) as error:
        settings.of(repository.directory, commit, "staging")
    assert str(error.value).startswith(message)
    assert len(str(error.value).splitlines()) == 1


def test_a_repository_without_a_hierarchy_is_told(repository: Repository) -> None:
    commit = repository.commit(**{"hiera.yaml": "---\nversion: 5\n"})
    with pytest.raises(FleetError, match=r"hiera.yaml:1:1: no-layers"):
        settings.of(repository.directory, commit, "staging")


@pytest.mark.parametrize(("named", "expected"), [
    ((), ["demo", "staging", "live", "production"]),
    (("staging", "production"), ["staging", "production", "demo", "live"]),
    (("production",), ["production", "demo", "staging", "live"]),
    (("nowhere", "live"), ["live", "demo", "staging", "production"]),
])  # fmt: skip
def test_tiers_change_in_the_order_of_hiera_and_production_never_first_by_chance(
    named: tuple[str, ...], expected: list[str]
) -> None:
    assert order(["production", "live", "staging", "demo"], Settings(tiers=named)) == expected


@pytest.mark.parametrize(("said", "total", "expected"), [
    ("25%", 1, 1), ("25%", 2, 1), ("25%", 4, 1), ("25%", 5, 2), ("25%", 200, 50), ("1%", 3, 1), ("100%", 3, 3),
    ("0%", 200, 0), ("25%", 0, 0), (0, 5, 0), (1, 5, 1), (7, 5, 5), ("10%", 30, 3), ("29%", 100, 29),
])  # fmt: skip
def test_a_share_is_rounded_up_and_none_only_where_none_is_said(said: str | int, total: int, expected: int) -> None:
    assert share(said, total) == expected


@pytest.mark.parametrize("said", [-1, "25", "101%", "", "-5%", "5 %"])
def test_what_is_no_share_is_refused(said: str | int) -> None:
    with pytest.raises(ValueError, match=r".*"):
        share(said, 10)
