"""Deploys are whole or not at all: nodes are given a commit that was checked, or the one before."""

import pytest

from .server import Server, git


def test_a_deploy_is_an_environment_that_never_changes(server: Server) -> None:
    first = server.commit()
    assert "given to the fleet" in server.ok("production")
    assert server.given == first
    sealed = server.sealed(first)
    assert (sealed / "vendor/concat/metadata.json").is_file()
    assert {path.name for path in (sealed / ".resource_types").iterdir()} >= {"fleet_thing.pp", "concat_file.pp"}
    writable = [path for path in [sealed, *sealed.rglob("*")] if not path.is_symlink() and path.stat().st_mode & 0o222]
    assert writable == []
    second = server.change(81)
    server.ok("production")
    assert server.given == second
    assert "port: 80" in (sealed / "hieradata/common.yaml").read_text(), (
        "a deploy changed an environment of another commit"
    )


def test_a_commit_that_is_deployed_already_changes_nothing(deployed: Server) -> None:
    before = deployed.answers
    assert "is deployed already" in deployed.ok("production")
    assert deployed.answers == before


def test_what_follows_no_branch_that_is_deployed_stays(deployed: Server) -> None:
    before = deployed.given
    topic = deployed.change(83, branch="topic")
    assert "no node is given it yet" in deployed.ok("topic")
    assert deployed.given == before
    assert topic in deployed.environments


def test_the_way_back_goes_all_the_way_and_forward_again(deployed: Server) -> None:
    server, names = deployed, [deployed.given]
    for port in (81, 82):
        names.append(server.change(port))
        server.ok("production")
    server.ok("--back")
    assert server.given == names[1]
    server.ok("--back")
    assert server.given == names[0]
    result = server("--back")
    assert result.returncode == 1
    assert "no way back" in result.stderr
    server.ok(names[1].removeprefix("c_"))
    assert server.given == names[1]
    server.ok("--back")
    git(server.control, "push", "-q", "--force", str(server.directory / "control.git"), f"{names[0][2:]}:production")
    assert "is deployed already" in server.ok("production"), "of what the fleet is given it was said that nobody is"
    server.ok(names[1].removeprefix("c_"))
    newest = server.change(83)
    server.ok("production")
    assert server.given == newest, "after going back the fleet did not follow its branch any more"
    server.ok("--back")
    assert server.given == names[1]


def test_tiers_and_nodes_are_given_their_own(deployed: Server) -> None:
    (deployed.directory / "signed/app1.fleet.test.pem").touch()
    fleet = deployed.given
    topic = deployed.change(84, branch="topic")
    deployed.ok("topic", "--node", "app1.fleet.test", "--for", "10m")
    deployed.ok("topic", "--tier", "staging", "--kept")
    assert deployed.given == fleet
    assert deployed.answers["nodes"]["app1.fleet.test"]["environment"] == topic
    assert deployed.answers["tiers"]["staging"]["environment"] == topic
    again = deployed.change(85, branch="topic")
    deployed.ok("topic")
    assert deployed.answers["nodes"]["app1.fleet.test"]["environment"] == again, "a trial did not follow its branch"
    deployed.ok("--end", "--node", "app1.fleet.test")
    deployed.ok("--end", "--tier", "staging")
    assert (deployed.answers["nodes"], deployed.answers["tiers"], deployed.given) == ({}, {}, fleet)
    result = deployed("topic", "--node", "nosuch.fleet.test")
    assert result.returncode == 1
    assert "nosuch.fleet.test" in result.stderr


def test_puppet_server_can_read_what_was_deployed_with_a_strict_umask(deployed: Server) -> None:
    deployed.write("site/profile/manifests/deeper/three.pp", "class profile::deeper::three { }\n")
    new = deployed.commit()
    result = deployed.run(["/usr/local/sbin/deploy-environment", "production"], before="umask 077")
    assert result.returncode == 0, result.stderr
    unreadable = [path for path in deployed.sealed(new).rglob("*") if path.lstat().st_mode & 0o044 != 0o044]
    assert unreadable == []


def test_of_two_deploys_at_once_one_waits(deployed: Server) -> None:
    new = deployed.change(88)
    both = (
        "{ deploy-environment production >/server/first 2>&1 & first=$!; deploy-environment production"
        " >/server/second 2>&1; second=$?; wait $first; echo $? $second >/server/both; }"
    )
    deployed.run(["true"], before=both)
    assert (deployed.directory / "both").read_text().split() == ["0", "0"]
    told = [(deployed.directory / name).read_text() for name in ("first", "second")]
    assert sum("waiting for it" in text for text in told) == 1
    assert deployed.given == new


@pytest.mark.parametrize("name", ["r10k.lock", "answers.lock"])
@pytest.mark.parametrize("account", ["nobody", "r10k"])
def test_no_other_account_of_the_server_can_hold_up_a_deploy(deployed: Server, name: str, account: str) -> None:
    """Whoever may read a lock may take it, and keep it. One of an earlier version, everybody could read."""
    deployed.change(89)
    made = deployed.run(["deploy-environment", "production"], before=f"chmod 644 /server/state/{name}")
    assert made.returncode == 0, made.stderr
    taken = ["setpriv", f"--reuid={account}", "--clear-groups", "flock", "--nonblock", f"/server/state/{name}", "true"]
    result = deployed.run(taken)
    assert result.returncode != 0
    assert "Permission denied" in result.stderr
