"""A release is named for all that it is, and is there whole or not at all."""

import errno
import os
import stat
from pathlib import Path

import pytest
from flask_microservice import files, places, releases
from flask_microservice.errors import SwitchError
from flask_microservice.naming import release_name
from program_node import Node


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("node")
def test_another_config_or_unit_is_another_release_and_the_same_is_the_same() -> None:
    names = [
        release_name("1.4.2-1", "unit", b"config"),
        release_name("1.4.2-1", "unit", b"other"),
        release_name("1.4.2-1", "other", b"config"),
        release_name("1.4.3-1", "unit", b"config"),
    ]
    assert len(set(names)) == 4
    assert release_name("1.4.2-1", "unit", b"config") == names[0]
    assert names[0].startswith("1.4.2-1.")


@pytest.mark.usefixtures("node")
def test_another_secret_environment_is_another_release_and_one_without_is_named_as_ever() -> None:
    plain = release_name("1.4.2-1", "unit", b"config")
    assert release_name("1.4.2-1", "unit", b"config", b"") == plain
    others = {release_name("1.4.2-1", "unit", b"config", environment) for environment in (b'A="1"\n', b'A="2"\n')}
    assert len(others | {plain}) == 3


@pytest.mark.usefixtures("node")
def test_a_version_with_any_character_makes_a_name_that_systemd_takes() -> None:
    name = release_name("1:2.0~rc1+b2-1", "unit", b"")
    assert name.rpartition(".")[0] == "1_2.0_rc1_b2-1"


def test_nobody_can_try_values_of_secrets_against_the_name_of_a_release(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = release_name("1", "unit", b"password = x")
    assert (mode(places.KEY), mode(places.KEY.parent)) == (0o600, 0o700)
    assert len(places.KEY.read_bytes()) == 32
    assert list(places.KEY.parent.iterdir()) == [places.KEY]
    monkeypatch.setattr(places, "KEY", node.root / "another-node/key")
    assert release_name("1", "unit", b"password = x") != here


def test_of_two_programs_that_make_the_key_at_once_both_use_the_first(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def late(made: Path, key: Path) -> None:
        if not node.root.joinpath("first").exists():
            node.root.joinpath("first").touch()
            key.write_bytes(b"the other program's")
        link(made, key)

    monkeypatch.setattr(os, "link", late)
    name = release_name("1", "unit", b"")
    assert places.KEY.read_bytes() == b"the other program's"
    assert release_name("1", "unit", b"") == name


def test_a_file_is_written_with_its_mode_and_group(node: Node) -> None:
    path = node.root / "config"
    files.write(path, "secret", mode=0o640, group=7)
    assert (path.read_text(), mode(path), node.owners) == ("secret", 0o640, [(0, 7)])


def test_a_disk_that_is_full_leaves_the_file_of_before(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    path = node.root / "orders.service"
    files.write(path, "before")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    before = sorted(node.root.iterdir())
    with pytest.raises(OSError, match="No space left"):
        files.write(path, "after")
    assert path.read_text() == "before"
    assert sorted(node.root.iterdir()) == before


def test_a_virtualenv_costs_no_space_and_survives_what_dpkg_does(tmp_path: Path) -> None:
    source, target = tmp_path / "venv", tmp_path / "copy"
    (source / "bin").mkdir(parents=True)
    (source / "bin/gunicorn").write_text("old")
    (source / "bin").chmod(0o750)
    (source / "lib64").symlink_to("bin")
    (source / "python").symlink_to("/usr/bin/python3")
    files.copy_tree(source, target)
    assert (target / "bin/gunicorn").samefile(source / "bin/gunicorn")
    assert mode(target / "bin") == 0o750
    assert (str((target / "lib64").readlink()), str((target / "python").readlink())) == ("bin", "/usr/bin/python3")
    new = source / "bin/gunicorn.dpkg-new"
    new.write_text("new")
    new.rename(source / "bin/gunicorn")
    assert (target / "bin/gunicorn").read_text() == "old"


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EMLINK, errno.EPERM])
def test_where_no_hard_link_can_be_made_there_is_a_copy(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv/file").write_text("text")

    def no_link(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", no_link)
    files.copy_tree(tmp_path / "venv", tmp_path / "copy")
    assert (tmp_path / "copy/file").read_text() == "text"
    assert not (tmp_path / "copy/file").samefile(tmp_path / "venv/file")


def test_a_prepared_release_has_all_that_it_runs_with(node: Node) -> None:
    service = node.declare()
    declared = service.declared()
    # What is declared is what was looked at, even if the file changes at this very moment.
    (node.root / "default_config.ini").write_text("changed meanwhile")
    releases.prepare(service, declared)
    directory = service.directory(declared.release)
    assert sorted(path.name for path in directory.iterdir()) == [
        "default_config.ini", "gunicorn.conf.py", "unit", "venv",
    ]  # fmt: skip
    assert "hunter2" in (directory / "default_config.ini").read_text()
    assert mode(directory / "default_config.ini") == 0o640
    assert service.unit(declared.release) == declared.unit
    assert service.prepared() == {declared.release}
    assert service.half_prepared() == []


def test_a_release_has_a_copy_of_its_secret_environment_that_root_alone_reads(node: Node) -> None:
    service = node.declare_environment('TOKEN="hush"\n')
    declared = service.declared()
    (node.root / "secret_environment").write_text("changed meanwhile")
    releases.prepare(service, declared)
    copy = service.directory(declared.release) / "secret_environment"
    assert (copy.read_text(), mode(copy)) == ('TOKEN="hush"\n', 0o400)
    assert service.declared().release != declared.release


def test_a_secret_environment_that_is_not_there_is_named(node: Node) -> None:
    service = node.declare_environment("")
    (node.root / "secret_environment").unlink()
    with pytest.raises(SwitchError, match=r"/secret_environment is not there: run puppet agent, which writes it"):
        service.declared()


@pytest.mark.parametrize("step", ["os.link", "os.fsync"])
def test_a_full_disk_leaves_no_half_of_a_release_and_one_message(
    step: str, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = node.declare()
    declared = service.declared()

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/opt/releases/x")

    monkeypatch.setattr(step, full)
    with pytest.raises(SwitchError) as caught:
        releases.prepare(service, declared)
    assert str(caught.value) == f"{declared.release} could not be prepared: No space left on device (/opt/releases/x)"
    assert list(service.releases.iterdir()) == []


def test_a_virtualenv_that_is_not_there_is_no_release(node: Node) -> None:
    service = node.declare()
    declared = service.declared()
    (node.root / "venv").rename(node.root / "gone")
    with pytest.raises(SwitchError, match=r"could not be prepared: No such file or directory \(.*/venv\)"):
        releases.prepare(service, declared)
    assert list(service.releases.iterdir()) == []


def test_what_a_killed_program_left_of_a_release_is_no_obstacle(node: Node) -> None:
    service = node.declare()
    declared = service.declared()
    left = service.releases / f".preparing-{declared.release}"
    (left / "venv").mkdir(parents=True)
    (left / "venv/stale").touch()
    releases.prepare(service, declared)
    assert not (service.directory(declared.release) / "venv/stale").exists()
