"""Whoever runs into a limit is told which, and what holds it: a cgroup is said to only where it does."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fleet_cli.machine import process
from fleet_cli.sandbox import limits, memory_limit
from fleet_cli.sandbox.limits import Limits

EACH = "more than 2 GiB of memory (each of its processes: no service manager holds them together)"
TOGETHER = "more than 2 GiB of memory (all its processes together: a cgroup holds that)"
LIMITED = Limits(memory=2 * 2**30, scratch=2**29)

SAID = {
    "Python": ("Traceback …\nMemoryError\n", 1),
    "Ruby": ("[FATAL] failed to allocate memory (NoMemoryError)\n", 1),
    "a C compiler": ("cc1: out of memory allocating 65536 bytes after a total of 1\n", 1),
    "a shell": ("sh: 1: Cannot allocate memory\n", 2),
    "what the kernel killed": ("", 137),
}


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    manager = limits._manager
    manager.cache_clear()
    yield
    manager.cache_clear()


class Manager:
    """A service manager that makes scopes, in which the cgroup has a limit or has none."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch, held: str) -> None:
        (directory / "systemd").mkdir()
        (directory / "systemd/private").touch()
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(directory))
        monkeypatch.setattr(limits.shutil, "which", lambda name: f"/usr/bin/{name}")  # type: ignore[attr-defined]
        monkeypatch.setattr(limits.Path, "is_dir", lambda _: True)  # type: ignore[attr-defined]
        self.asked: list[list[str]] = []
        self.held = held
        monkeypatch.setattr(process, "run", self._run)

    def _run(self, argv: list[str], **_: object) -> process.Result:
        self.asked.append(argv)
        return process.Result(argv, 0, f"{self.held}\n", "")


@pytest.mark.parametrize(("said", "status"), SAID.values(), ids=SAID)
def test_a_lack_of_memory_is_told_whoever_says_it(said: str, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_manager", lambda: ())
    assert LIMITED.reached(said, status) == f"it seems to need {EACH}"


def test_files_are_told_apart_and_any_other_failure_is_none_of_a_limit() -> None:
    said = LIMITED.reached("cp: error writing 'x': No space left on device", 1)
    assert said == "it seems to make files of more than 0.5 GiB (a tmpfs holds that)"
    assert LIMITED.reached("error: no such module", 1) == ""


def test_where_a_cgroup_holds_the_memory_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = Manager(tmp_path, monkeypatch, held=str(2**30))
    assert LIMITED.reached("MemoryError") == f"it seems to need {TOGETHER}"
    assert f"--property=MemoryMax={2**31}" in LIMITED.scope()
    assert len(manager.asked) == 1, "asked anew for each sandbox"


@pytest.mark.parametrize("held", ["", "max", "9223372036854771712"])
def test_a_manager_that_takes_the_limit_and_does_not_hold_it_is_not_believed(
    held: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is in a container to which no controller is delegated, and for users with cgroups of version 1."""
    Manager(tmp_path, monkeypatch, held)
    assert LIMITED.reached("MemoryError") == f"it seems to need {EACH}"
    assert LIMITED.scope() == []


VERSIONS = {
    "2": ("0::/user.slice/run-r1.scope\n", "user.slice/run-r1.scope/memory.max"),
    "1": ("9:name=systemd:/a\n4:cpu,memory:/system.slice/run-r1.scope\n0::/\n",
          "memory/system.slice/run-r1.scope/memory.limit_in_bytes"),
}  # fmt: skip


@pytest.mark.parametrize(("cgroups", "file"), VERSIONS.values(), ids=VERSIONS)
def test_the_limit_is_read_where_the_kernel_has_it(cgroups: str, file: str, tmp_path: Path) -> None:
    (tmp_path / file).parent.mkdir(parents=True)
    assert memory_limit.of(cgroups, tmp_path) == ""
    (tmp_path / file).write_text("1073741824\n", encoding="ascii")
    assert memory_limit.of(cgroups, tmp_path) == "1073741824"
