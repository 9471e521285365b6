"""A plan compares what the operator means, and leaves the operator's repository as it is."""

import re
import subprocess
from pathlib import Path

import pytest
from fleet_cli.machine.errors import FleetError
from fleet_cli.planning import gittrees


def git(repo: Path, *arguments: str) -> str:
    who = ["-c", "user.name=Operator", "-c", "user.email=operator@fleet.test", "-c", "protocol.file.allow=always"]
    command = ["git", "-C", str(repo), *who, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def commit(repo: Path, **files: str) -> str:
    for name, text in files.items():
        (repo / name).write_text(text, encoding="utf-8")
    git(repo, "add", "--all")
    git(repo, "commit", "--quiet", "--allow-empty", "--message=A state")
    return git(repo, "rev-parse", "HEAD")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository whose branch main has the files a and b."""
    directory = tmp_path / "repo"
    directory.mkdir()
    git(directory, "init", "--quiet", "--initial-branch=main")
    commit(directory, a="1\n", b="1\n")
    return directory


def contents(tree: gittrees.GitTree, target: Path) -> dict[str, str]:
    tree.write(sorted(tree.blobs), target)
    found = [path for path in target.rglob("*") if path.is_file()]
    return {str(path.relative_to(target)): path.read_text(encoding="utf-8") for path in found}


def test_the_working_tree_is_what_is_there_but_for_what_is_ignored(repo: Path, tmp_path: Path) -> None:
    commit(repo, **{".gitignore": "*.log\n"})
    (repo / "a").write_text("staged\n", encoding="utf-8")
    git(repo, "add", "a")
    (repo / "a").write_text("changed again\n", encoding="utf-8")
    (repo / "b").unlink()
    (repo / "new file").write_text("new\n", encoding="utf-8")
    (repo / "x.log").write_text("ignored\n", encoding="utf-8")
    before = git(repo, "status", "--porcelain"), git(repo, "count-objects")
    with gittrees.of_working_tree(repo) as tree:
        assert contents(tree, tmp_path / "out") == {
            ".gitignore": "*.log\n", "a": "changed again\n", "new file": "new\n",
        }  # fmt: skip
    assert (git(repo, "status", "--porcelain"), git(repo, "count-objects")) == before


def test_the_base_is_where_the_branch_has_left_production(repo: Path) -> None:
    left = git(repo, "rev-parse", "HEAD")
    git(repo, "switch", "--quiet", "--create", "topic")
    commit(repo, a="2\n")
    git(repo, "switch", "--quiet", "main")
    commit(repo, b="2\n")
    git(repo, "switch", "--quiet", "topic")
    assert gittrees.merge_base(repo) == ("main", left)
    git(repo, "branch", "production", "topic")
    assert gittrees.merge_base(repo)[0] == "production"


def test_who_lacks_the_production_branch_is_told_how_to_get_it(repo: Path, tmp_path: Path) -> None:
    left = git(repo, "rev-parse", "HEAD")
    git(repo, "switch", "--quiet", "--create", "topic")
    commit(repo, a="2\n")
    clone = tmp_path / "a shallow clone"
    git(tmp_path, "clone", "--quiet", "--depth=1", "--branch=topic", f"file://{repo}", str(clone))
    with pytest.raises(FleetError, match=r"names no commit .* this is a shallow clone"):
        gittrees.commit_of(clone, left)
    with pytest.raises(FleetError, match=r"no branch is called production, .* this is a shallow clone") as refused:
        gittrees.merge_base(clone)
    subprocess.run(str(refused.value).split("`")[1], shell=True, check=True)  # noqa: S602 - what a user would type
    assert gittrees.merge_base(clone) == ("origin/main", left)


@pytest.mark.parametrize("ref", ["nowhere", "--all", "HEAD:a", "a b"])
def test_an_unknown_ref_is_named_with_those_that_there_are(repo: Path, ref: str) -> None:
    with pytest.raises(FleetError, match=r"names no commit .*: it has the branches main"):
        gittrees.commit_of(repo, ref)


def test_what_is_no_repository_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(FleetError):
        gittrees.commit_of(tmp_path, "main")
    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "--quiet", "--initial-branch=main")
    with pytest.raises(FleetError, match="names no commit"), gittrees.of_working_tree(empty):
        pass


@pytest.fixture
def with_submodule(repo: Path, tmp_path: Path) -> Path:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "--quiet", "--initial-branch=main")
    commit(other, inner="1\n")
    git(repo, "submodule", "--quiet", "add", str(other), "modules")
    commit(repo)
    return repo


def test_files_of_a_submodule_are_part_of_both_states(with_submodule: Path, tmp_path: Path) -> None:
    (with_submodule / "modules/inner").write_text("not committed\n", encoding="utf-8")
    committed = gittrees.of_commit(with_submodule, "main", "main")
    assert contents(committed, tmp_path / "one")["modules/inner"] == "1\n"
    with gittrees.of_working_tree(with_submodule) as tree:
        assert contents(tree, tmp_path / "two")["modules/inner"] == "not committed\n"


def test_a_submodule_that_is_missing_is_named_with_what_to_do(with_submodule: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(with_submodule), str(clone))
    tree = gittrees.of_commit(clone, "main", "main")
    assert "a" in tree.blobs
    said = f"not checked out: `git -C {clone} submodule update --init`"
    assert tree.missing == {"modules": said}


def test_a_submodule_without_the_commit_is_named(with_submodule: Path) -> None:
    git(with_submodule, "update-index", "--cacheinfo", f"160000,{'1' * 40},modules")
    git(with_submodule, "commit", "--quiet", "--message=Another commit of it")
    tree = gittrees.of_commit(with_submodule, "main", "main")
    assert re.fullmatch(r"the submodule lacks the commit 1111111111: `git .* fetch`", tree.missing["modules"])


def test_a_module_that_is_a_clone_of_its_own_is_taken_as_it_is(repo: Path, tmp_path: Path) -> None:
    copy = repo / "modules/other"
    copy.mkdir(parents=True)
    git(copy, "init", "--quiet", "--initial-branch=main")
    commit(copy, inner="1\n")
    (copy / "inner").write_text("not committed\n", encoding="utf-8")
    with gittrees.of_working_tree(repo) as tree:
        assert contents(tree, tmp_path / "out")["modules/other/inner"] == "not committed\n"


def test_a_control_repository_may_be_a_folder_of_a_git_repository(repo: Path, tmp_path: Path) -> None:
    (repo / "puppet").mkdir()
    before = git(repo, "rev-parse", "HEAD")
    commit(repo, **{"puppet/a": "inner\n"})
    folder = repo / "puppet"
    assert contents(gittrees.of_commit(folder, "main", "main"), tmp_path / "one") == {"a": "inner\n"}
    (folder / "a").write_text("not committed\n", encoding="utf-8")
    with gittrees.of_working_tree(folder) as tree:
        assert contents(tree, tmp_path / "two") == {"a": "not committed\n"}
    with pytest.raises(FleetError, match="main~1 has no folder puppet/"):
        gittrees.of_commit(folder, "main~1", before)
