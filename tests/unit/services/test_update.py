"""A service takes up later changes of the template, and keeps what its people wrote."""

import filecmp
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from fleet_cli.machine import paths
from fleet_cli.machine.errors import FleetError
from fleet_cli.services import templates

REPO = Path(__file__).resolve().parents[3]
SERVICE = "template/{{cookiecutter.__folder}}"
README = f"{SERVICE}/README.rst"
VARIANTS = [
    {"name": "inventory"},
    {"name": "stock-keeper", "version": "2.10.3", "upstream": "order-items"},
]


def git(directory: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Developer", "-c", "user.email=developer@fleet.test"]
    command = ["git", "-C", str(directory), *identity, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def commit(directory: Path, changes: dict[str, str] | None = None) -> str:
    """Write files and commit everything; return the commit."""
    for name, text in (changes or {}).items():
        (directory / name).write_text(text, encoding="utf-8")
    git(directory, "add", "--all")
    git(directory, "commit", "--quiet", "--message", "Change")
    return git(directory, "rev-parse", "HEAD")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A control repository and a service of it, of which each test changes a copy.

    Of the template it has what lies at the top: a file more is merged in the same way, and rendered each time.
    """
    directory = tmp_path_factory.mktemp("made")
    repo = directory / "control"
    shutil.copytree(REPO / "template", repo / "template", ignore=shutil.ignore_patterns("debian", "docs", "src"))
    shutil.copy(REPO / "copier.yml", repo)
    git(repo, "init", "--quiet", "--initial-branch=main")
    commit(repo)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "control_repo", lambda: repo)
        service = templates.render("billing", directory / "services", version="1.2.0", upstream="inventory")
    git(service, "init", "--quiet", "--initial-branch=main")
    commit(service)
    readme = (service / "README.rst").read_text(encoding="utf-8")
    commit(service, {"README.rst": readme + "\nWritten by the team.\n", "OWN.rst": "Ours.\n"})
    return directory


@pytest.fixture
def control(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A control repository as far as `fleet new` and `fleet update` look at it, in place of this one."""
    repo = shutil.copytree(made / "control", tmp_path / "control", symlinks=True)
    monkeypatch.setattr(paths, "control_repo", lambda: repo)
    return repo


@pytest.fixture
def billing(made: Path, control: Path, tmp_path: Path) -> Path:
    """A service of the template as it was first, committed, with something of its own since."""
    assert control.exists()
    return shutil.copytree(made / "services/billing", tmp_path / "services/billing", symlinks=True)


def first_line_changed(text: str, new: str) -> str:
    return text.replace(text.splitlines()[0], new, 1)


def test_a_change_of_the_template_arrives_and_local_edits_stay(control: Path, billing: Path) -> None:
    tox = (control / SERVICE / "tox.ini").read_text(encoding="utf-8")
    after = commit(
        control, {f"{SERVICE}/NEW.rst": "New for {{ cookiecutter.name }}.\n", f"{SERVICE}/tox.ini": "# changed\n" + tox}
    )
    done = templates.update(billing)
    assert (done.after, done.conflicts) == (after, ())
    assert set(done.changed) == {"NEW.rst", "tox.ini", templates.ANSWERS}
    assert (billing / "NEW.rst").read_text(encoding="utf-8") == "New for billing.\n"
    assert (billing / "tox.ini").read_text(encoding="utf-8").startswith("# changed\n")
    assert (billing / "README.rst").read_text(encoding="utf-8").endswith("\nWritten by the team.\n")
    assert (billing / "OWN.rst").read_text(encoding="utf-8") == "Ours.\n"

    commit(billing)
    assert templates.update(billing).changed == (), "the same change came twice"


def test_an_edit_and_a_change_of_the_same_line_are_both_shown(control: Path, billing: Path) -> None:
    license_ = "license = MIT"
    ours = (billing / "setup.cfg").read_text(encoding="utf-8").replace(license_, "license = Ours")
    theirs = (control / SERVICE / "setup.cfg").read_text(encoding="utf-8").replace(license_, "license = Theirs")
    commit(billing, {"setup.cfg": ours})
    commit(control, {f"{SERVICE}/setup.cfg": theirs})
    done = templates.update(billing)
    assert done.conflicts == ("setup.cfg",)
    text = (billing / "setup.cfg").read_text(encoding="utf-8")
    assert all(part in text for part in ("<<<<<<<", "license = Ours", "license = Theirs", ">>>>>>>"))


def test_the_answers_say_what_the_service_was_made_from(control: Path, billing: Path) -> None:
    answers = yaml.safe_load((billing / templates.ANSWERS).read_text(encoding="utf-8"))
    assert answers["name"] == "billing"
    assert answers["version"] == "1.2.0"
    assert answers["upstream"] == "inventory"
    assert answers["_commit"] == git(control, "rev-parse", "HEAD")
    assert not [key for key in answers if key.startswith("__")]


def test_one_change_after_the_other_arrives_whoever_made_the_service(control: Path, billing: Path) -> None:
    # A colleague's clone, of a repository on a server that is not there.
    file = billing / templates.ANSWERS
    for address in ("git@git.fleet.test:fleet/control.git", "git+ssh://git.fleet.test/control"):
        answers = yaml.safe_load(file.read_text(encoding="utf-8"))
        commit(billing, {templates.ANSWERS: yaml.safe_dump(answers | {"_src_path": address})})
        commit(control, {f"{SERVICE}/NEW.rst": f"{address} for {{{{ cookiecutter.name }}}}.\n"})
        assert set(templates.update(billing).changed) == {"NEW.rst", templates.ANSWERS}
        assert (billing / "NEW.rst").read_text(encoding="utf-8") == f"{address} for billing.\n"
        assert yaml.safe_load(file.read_text(encoding="utf-8"))["_src_path"] == address


def test_a_password_in_the_address_of_the_repository_is_not_recorded(control: Path, tmp_path: Path) -> None:
    git(control, "remote", "add", "origin", "https://deploy:hush@git.fleet.test/control.git")
    service = templates.render("shop", tmp_path)
    text = (service / templates.ANSWERS).read_text(encoding="utf-8")
    assert "hush" not in text
    assert "git+https://git.fleet.test/control.git" in text


def test_a_commit_that_leaves_the_template_alone_is_no_reason_to_update(control: Path, billing: Path) -> None:
    commit(control, {"README.md": "Something else.\n"})
    assert templates.update(billing).changed == ()


def test_what_can_not_be_updated_is_left_alone_with_one_message(control: Path, billing: Path, tmp_path: Path) -> None:
    commit(control, {f"{SERVICE}/NEW.rst": "New.\n"})
    with pytest.raises(FleetError, match="is it a service made by"):
        templates.update(tmp_path)
    plain = tmp_path / "plain"
    shutil.copytree(billing, plain, ignore=shutil.ignore_patterns(".git"))
    with pytest.raises(FleetError, match="not committed to a git repository"):
        templates.update(plain)
    (billing / "OWN.rst").write_text("Changed.\n", encoding="utf-8")
    with pytest.raises(FleetError, match=r"uncommitted changes \(OWN.rst\)"):
        templates.update(billing)
    assert not (billing / "NEW.rst").exists()

    answers = (billing / templates.ANSWERS).read_text(encoding="utf-8")
    unknown = answers.replace(yaml.safe_load(answers)["_commit"], "f" * 40)
    commit(billing, {templates.ANSWERS: unknown})
    with pytest.raises(FleetError, match=f"made from commit {'f' * 40}, which .* does not have"):
        templates.update(billing)
    commit(billing, {templates.ANSWERS: "name: billing\n"})
    with pytest.raises(FleetError, match="does not say which commit"):
        templates.update(billing)


def shallow(control: Path, directory: Path) -> Path:
    """A clone of a control repository that has its newest commit only."""
    git(control, "clone", "--quiet", "--depth=1", f"file://{control}", str(directory))
    return directory


def test_a_service_of_a_shallow_clone_has_nothing_to_update_from_a_whole_one(
    control: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(control, {"README.md": "Something else.\n"})
    clone = shallow(control, tmp_path / "shallow")
    with monkeypatch.context() as there:
        there.setattr(paths, "control_repo", lambda: clone)
        service = templates.render("shop", tmp_path / "services")
    git(service, "init", "--quiet", "--initial-branch=main")
    commit(service)
    assert templates.update(service).changed == ()


def test_a_whole_clone_updates_its_services_after_a_shallow_one_has(
    control: Path, billing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    commit(control, {f"{SERVICE}/NEW.rst": "New.\n"})
    commit(control, {"README.md": "Something else.\n"})
    clone = shallow(control, tmp_path / "shallow")
    with monkeypatch.context() as there:
        there.setattr(paths, "control_repo", lambda: clone)
        shop = templates.render("shop", tmp_path / "services")
        git(shop, "init", "--quiet", "--initial-branch=main")
        commit(shop)
        commit(clone, {f"{SERVICE}/OTHER.rst": "Of the clone.\n"})
        assert "OTHER.rst" in templates.update(shop).changed
    assert "NEW.rst" in templates.update(billing).changed


def test_who_lacks_history_is_told_how_to_get_it(
    control: Path, billing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(control, {f"{SERVICE}/NEW.rst": "New.\n"})
    clone = shallow(control, tmp_path / "shallow")
    monkeypatch.setattr(paths, "control_repo", lambda: clone)
    with pytest.raises(FleetError, match=r"does not have: this is a shallow clone, and `.*` gets the rest") as refused:
        templates.update(billing)
    subprocess.run(str(refused.value).split("`")[1], shell=True, check=True)  # noqa: S602 - what a user would type
    assert "NEW.rst" in templates.update(billing).changed


def test_without_git_a_service_is_made_all_the_same(control: Path, tmp_path: Path) -> None:
    shutil.rmtree(control / ".git")
    service = templates.render("shop", tmp_path)
    assert "_commit" not in yaml.safe_load((service / templates.ANSWERS).read_text(encoding="utf-8"))


@pytest.mark.parametrize("answers", VARIANTS, ids=lambda answers: answers["name"])
def test_copier_renders_the_template_as_cookiecutter_does(answers: dict[str, str], tmp_path: Path) -> None:
    # Else an update would take the difference for a change. Both see the files that are there, committed or not.
    source = tmp_path / "source"
    shutil.copytree(REPO / "template", source / "template")
    shutil.copy(REPO / "copier.yml", source)
    given = [f"{key}={value}" for key, value in answers.items()]
    by_cookiecutter, by_copier = tmp_path / "cookiecutter", tmp_path / "copier"
    environment = {**os.environ, "HOME": str(tmp_path)}
    for command in (
        ["cookiecutter", str(source / "template"), "--no-input", "--output-dir", str(by_cookiecutter), *given],
        ["copier", "copy", "--defaults", "--quiet", *(word for one in given for word in ("--data", one)), str(source),
         str(by_copier / answers["name"])],
    ):  # fmt: skip
        subprocess.run([sys.executable, "-m", *command], check=True, env=environment)
    names = {str(path.relative_to(by_cookiecutter)) for path in by_cookiecutter.rglob("*") if path.is_file()}
    assert names == {str(path.relative_to(by_copier)) for path in by_copier.rglob("*") if path.is_file()}
    answers_file = f"{answers['name']}/{templates.ANSWERS}"
    ours, theirs = (yaml.safe_load((root / answers_file).read_text("utf-8")) for root in (by_cookiecutter, by_copier))
    assert ours == {key: value for key, value in theirs.items() if key not in ("_commit", "_src_path")}
    _, different, missing = filecmp.cmpfiles(by_cookiecutter, by_copier, names - {answers_file}, shallow=False)
    assert (different, missing) == ([], [])
    for name in names:
        assert os.access(by_cookiecutter / name, os.X_OK) == os.access(by_copier / name, os.X_OK), name


def test_the_command_says_what_changed(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "fleet_cli", "update", str(tmp_path)],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(REPO / "scripts")},
    )  # fmt: skip
    assert result.returncode == 1
    assert "is it a service made by `fleet new`?" in result.stderr
