"""Two plans at once: neither takes away what the other one reads."""

from pathlib import Path

from fleet_cli.planning import in_use


def fill(directory: Path) -> None:
    (directory / "file").write_text("x", encoding="utf-8")


def test_what_is_in_use_stays_however_old_it_is(tmp_path: Path) -> None:
    with in_use.made(tmp_path / "old", "old", fill):
        for number in range(3):
            with in_use.made(tmp_path / f"new{number}", f"new{number}", fill):
                pass
        in_use.forget_all_but(tmp_path, 1)
        assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["new2", "old"]
    in_use.forget_all_but(tmp_path, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new2", "new2.json", "new2.lock"]


def test_a_directory_is_made_once_and_used_by_several_at_once(tmp_path: Path) -> None:
    made: list[Path] = []
    with (
        in_use.made(tmp_path / "one", "one", made.append),
        in_use.made(tmp_path / "one", "one", made.append),
    ):
        assert (tmp_path / "one").is_dir()
    with in_use.made(tmp_path / "one", "another recipe", made.append):
        assert len(made) == 2
