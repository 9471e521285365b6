"""`fleet lock` writes down what is in modules; other files under a known version it takes by order alone."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner
from fleet_cli.cli import fleet
from fleet_cli.machine.errors import FleetError
from fleet_cli.planning import locking
from fleet_cli.planning.given_modules import Given
from fleet_cli.planning.locking import Other
from fleet_cli.repository import module_digests


@dataclass(frozen=True)
class Control:
    """A control repository, and a directory with its modules."""

    repo: Path
    modules: Path

    def lock(self, other: Other = Other.REFUSE) -> dict[str, str]:
        return {change.name: change.what for change in locking.lock(self.repo, Given(self.modules), other)}

    @property
    def digests(self) -> dict[str, tuple[str, ...]]:
        return {name: module.digests for name, module in (module_digests.load(self.repo) or {}).items()}


@pytest.fixture
def control(tmp_path: Path) -> Control:
    found = Control(tmp_path / "control", tmp_path / "modules")
    found.repo.mkdir()
    (found.repo / "Puppetfile").write_text("moduledir 'vendor'\nmod 'a-one', '1.0.0'\nmod 'own', local: true\n")
    (found.modules / "one/manifests").mkdir(parents=True)
    (found.modules / "one/manifests/init.pp").write_text("class one { }\n")
    return found


def test_modules_are_locked_once_and_stay_so(control: Control) -> None:
    assert control.lock() == {"a-one": "new"}
    before = control.digests
    assert list(before) == ["a-one"]
    assert control.lock() == {"a-one": "same"}
    assert control.digests == before


def test_other_files_under_the_same_version_are_taken_by_order_alone(control: Control) -> None:
    control.lock()
    (former,) = control.digests["a-one"]
    (control.modules / "one/manifests/init.pp").write_text("class one { include evil }\n")
    with pytest.raises(FleetError, match=f"a-one 1.0.0 has other files .* expected SHA-256 {former}, found "):
        control.lock()
    assert control.digests["a-one"] == (former,)
    assert control.lock(Other.ADD) == {"a-one": "added"}
    both = control.digests["a-one"]
    assert both[0] == former
    assert len(set(both)) == 2
    assert control.lock() == {"a-one": "same"}
    assert control.digests["a-one"] == both
    (control.modules / "one/manifests/init.pp").write_text("class one { include other }\n")
    assert control.lock(Other.REPLACE) == {"a-one": "replaced"}
    assert len(control.digests["a-one"]) == 1


def test_another_version_has_other_files(control: Control) -> None:
    control.lock()
    (control.repo / "Puppetfile").write_text("moduledir 'vendor'\nmod 'a-one', '1.1.0'\nmod 'a-two', '1.0.0'\n")
    (control.modules / "one/new").touch()
    (control.modules / "two").mkdir()
    (control.modules / "two/file").touch()
    assert control.lock() == {"a-one": "new", "a-two": "new"}
    (control.repo / "Puppetfile").write_text("moduledir 'vendor'\nmod 'a-two', '1.0.0'\n")
    assert control.lock() == {"a-two": "same", "a-one": "gone"}
    assert list(control.digests) == ["a-two"]


def test_what_can_not_be_fetched_is_not_locked(control: Control) -> None:
    (control.repo / "Puppetfile").write_text("moduledir 'vendor'\nmod 'a-one', '1.0.0'\nmod 'a-two', '1.0.0'\n")
    with pytest.raises(FleetError, match=f"a-two can't be locked: not in {control.modules}"):
        control.lock()
    assert not (control.repo / module_digests.NAME).exists()


def test_a_puppetfile_that_only_r10k_understands_is_named(control: Control) -> None:
    (control.repo / "Puppetfile").write_text("if true\nmod 'a-one', '1.0.0'\nend\n")
    with pytest.raises(FleetError, match="plain `mod`"):
        control.lock()


def test_the_command_says_what_has_changed(control: Control) -> None:
    arguments = ["-C", str(control.repo), "lock", "--modules", str(control.modules)]
    result = CliRunner().invoke(fleet, arguments)
    assert result.output == "new       a-one 1.0.0\nPuppetfile.digests.json: 1 module, 0 as before\n"
