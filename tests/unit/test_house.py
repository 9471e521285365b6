"""Which part of the program knows of which: only `fleet lab` and `fleet test` know of the lab."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "scripts/fleet_cli"
LAB = "fleet_cli.lab"
COMMANDS = sorted(path.stem for path in (PACKAGE / "commands").glob("*.py") if path.stem != "__init__")


def _file(module: str) -> Path | None:
    path = PACKAGE.parent / Path(*module.split("."))
    for found in (path.with_suffix(".py"), path / "__init__.py"):
        if found.exists():
            return found
    return None


def _imports(file: Path) -> set[str]:
    """The modules of this package that a file names."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in found if name.startswith("fleet_cli") and _file(name)}


def reached(module: str) -> dict[str, str]:
    """All modules that one comes to, each with the one that names it."""
    found = {module: ""}
    waiting = [module]
    while waiting:
        current = waiting.pop()
        file = _file(current)
        for name in sorted(_imports(file)) if file else ():
            if name not in found:
                found[name] = current
                waiting.append(name)
    return found


@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in ("lab", "test")])
def test_a_command_works_on_any_fleet_so_it_knows_of_no_boxes(command: str) -> None:
    named = {name: by for name, by in reached(f"fleet_cli.commands.{command}").items() if name.startswith(LAB)}
    assert not named


def test_the_test_above_can_fail() -> None:
    assert any(name.startswith(LAB) for name in reached("fleet_cli.commands.lab"))


@pytest.mark.parametrize("room", ["machine", "repository", "fleet", "services", "roots", "sandbox", "puppet"])
def test_what_others_stand_on_knows_nothing_of_them(room: str) -> None:
    above = {
        "machine": ("commands", "compiling", "development", "fleet", "lab", "planning", "puppet", "repository",
                    "roots", "services", "validation"),
        "repository": ("commands", "compiling", "development", "fleet", "lab", "planning", "puppet", "roots",
                       "services"),
        "fleet": ("commands", "compiling", "development", "lab", "planning", "puppet", "roots"),
        "roots": ("commands", "compiling", "development", "fleet", "lab", "planning", "puppet", "services",
                  "validation"),
        "sandbox": ("commands", "compiling", "development", "fleet", "lab", "planning", "puppet", "repository",
                    "roots", "services", "validation"),
        "puppet": ("commands", "compiling", "development", "fleet", "lab", "planning", "repository", "roots",
                   "services", "validation"),
        "services": ("commands", "compiling", "development", "fleet", "lab", "planning", "puppet", "validation"),
    }[room]  # fmt: skip
    for file in (PACKAGE / room).glob("*.py"):
        named = {name for name in _imports(file) if name.split(".")[1:2] and name.split(".")[1] in above}
        assert not named, file.name


@pytest.mark.parametrize("command", ["build", "plan", "validate"])
def test_a_command_that_runs_foreign_code_does_so_in_a_sandbox(command: str) -> None:
    """A chroot of root's, as the lab and the tests use it, keeps nobody in."""
    assert "fleet_cli.roots.rootfs" not in reached(f"fleet_cli.commands.{command}")


RUNS_CHECKS = {"all_checks", "hiera_check", "file_check", "puppet_check", "yaml_style_check", "report", "parallel"}


def test_a_check_of_a_repository_knows_nothing_of_what_runs_it() -> None:
    checks = sorted((PACKAGE / "validation/checks").glob("*.py"))
    assert len(checks) > 10
    for file in checks:
        named = {name.rpartition(".")[2] for name in _imports(file) if name.startswith("fleet_cli.validation.")}
        assert not named & RUNS_CHECKS, file.name


def test_unit_tests_lie_in_the_rooms_whose_code_they_test() -> None:
    """Whoever changes a file would look for its tests in vain."""
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    on_machines = {"program", "operators", "deploys"}
    here = {path.name for path in Path(__file__).parent.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert here - rooms - on_machines == {"fakes"}
    assert {path.name for path in Path(__file__).parent.glob("test_*.py")} == {
        "test_ci_run.py", "test_documents.py", "test_house.py", "test_lint.py"
    }  # fmt: skip
