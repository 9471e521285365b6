"""A plan compiles only what can be different, and that is all that is different."""

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from fleet_cli.compiling import pool, program
from fleet_cli.compiling.pool import Pool
from fleet_cli.planning import environment, inputs, modules, store
from fleet_cli.planning.catalogs import Catalogs, Compiler
from fleet_cli.planning.store import Store

from .control import Control

MORE = 100
"""How many changes there are in the drill after one of each kind, by chance."""
SEED = 5
DRAIN = "flask_microservice::drain_seconds"
Change = Callable[[Control, random.Random], None]


def some(control: Control, dice: random.Random, *patterns: str) -> str:
    found = sorted(path for pattern in patterns for path in control.directory.glob(pattern))
    return str(dice.choice(found).relative_to(control.directory))


def in_hiera(control: Control, dice: random.Random) -> None:
    """Another value of a key that one class, one tier, one role or all machines look up."""
    path = some(control, dice, "hieradata/common.yaml", "hieradata/tiers/*.yaml", "hieradata/roles/*.yaml")
    key = dice.choice(
        ["profile::firewall::ssh_port", "flask_microservice::drain_seconds", "profile::database::max_connections"]
    )
    lines = [line for line in control.read(path).splitlines() if not line.startswith((key, "{}"))]
    control.write(path, "\n".join([*lines, f"{key}: {dice.randint(20, 900)}", ""]))


def in_a_machines_file(control: Control, dice: random.Random) -> None:
    """A file of Hiera for a machine that had none, or another one, or none again."""
    path = f"hieradata/nodes/{dice.choice(['app1', 'app2', 'db1', 'lb1', 'nobody'])}.fleet.test.yaml"
    file = control.directory / path
    if file.exists() and dice.random() < 0.4:
        file.unlink()
    else:
        control.write(path, f"---\nprofile::base::packages: [tool{dice.randint(1, 9)}]\n")


def in_a_manifest(control: Control, dice: random.Random) -> None:
    """One more resource in a class or a defined type."""
    path = some(control, dice, "site/**/*.pp", "modules/*/manifests/**/*.pp")
    head, closing, tail = control.read(path).rpartition("}")
    if "/manifests/" in path and closing:
        control.write(path, f'{head}  notify {{ "{dice.random()} ${{title}}": }}\n}}{tail}')


def in_a_template(control: Control, dice: random.Random) -> None:
    path = some(control, dice, "site/profile/templates/**/*.epp", "modules/*/templates/*.epp")
    control.write(path, control.read(path) + f"# {dice.random()}\n")


def in_a_file(control: Control, dice: random.Random) -> None:
    """A file of a module: some are read by `file()`, others are copied by `source`."""
    path = some(control, dice, "site/profile/files/**/*.*", "modules/*/files/**/*.py")
    control.write(path, control.read(path) + f"# {dice.random()}\n")


def in_a_function_or_type(control: Control, dice: random.Random) -> None:
    """Code that other code uses by its name: a comment is enough to count as another input."""
    path = some(control, dice, "site/*/functions/*.pp", "modules/*/functions/*.pp", "modules/*/types/*.pp")
    control.write(path, f"# {dice.random()}\n" + control.read(path))


def a_narrower_type(control: Control, dice: random.Random) -> None:
    """A type that lets less in: what was valid fails, far away from here."""
    path = "modules/flask_microservice/types/port.pp"
    ports = dice.choice(["Stdlib::Port", "Stdlib::Port::Unprivileged", "Integer[7002, 9000]"])
    control.write(path, f"# A port.\ntype Flask_microservice::Port = {ports}\n")


def a_class_that_shadows(control: Control, dice: random.Random) -> None:
    """A class that was asked for and not found, or found elsewhere, and a module that comes first now."""
    path, text = dice.choice([
        ("modules/flask_microservice/data/common.yaml", f"---\n{DRAIN}: {dice.randint(0, 9)}\n"),
        ("site/profile/data/common.yaml", "---\nprofile::base::packages: [other]\n"),
        ("site/stdlib/functions/ensure.pp", "function stdlib::ensure(*$all) { 'absent' }\n"),
        ("manifests/another.pp", "node 'app2.fleet.test' { include role::app }\n"),
        ("functions/of_environment.pp", "function environment::nothing() { 1 }\n"),
    ])  # fmt: skip
    file = control.directory / path
    if file.exists() and path != "modules/flask_microservice/data/common.yaml":
        file.unlink()
    else:
        control.write(path, text)


def broken(control: Control, dice: random.Random) -> None:
    """A syntax error, in code or in data."""
    path = some(control, dice, "site/profile/manifests/*.pp", "hieradata/tiers/*.yaml")
    control.write(path, control.read(path) + "}\n")


def taken_back(control: Control, _: random.Random) -> None:
    control.restore()


def no_puppet(control: Control, dice: random.Random) -> None:
    control.write("README.md", str(dice.random()))


KINDS: list[Change] = [
    in_hiera, in_a_machines_file, in_a_manifest, in_a_template, in_a_file, in_a_function_or_type, a_narrower_type,
    taken_back, a_class_that_shadows, broken, no_puppet,
]  # fmt: skip


@pytest.fixture(scope="module")
def compilers() -> Iterator[Pool]:
    binds = {environment.ENVIRONMENTS: program.ENVIRONMENTS, modules.FETCHED: modules.INSIDE}
    with pool.opened(binds, placeholders=True) as opened:
        yield opened


def content(catalogs: Catalogs, stored: Store) -> dict[str, object]:
    """All that there is in each catalog, but for the name of the environment."""
    found: dict[str, object] = {}
    for certname, one in catalogs.by_certname.items():
        catalog = stored.get(one.number)
        resources = [{**entry, "line": 0} for entry in catalog.get("resources", [])]
        found[certname] = one.error or [resources, catalog["edges"], catalog["exported"]]
    return found


def require_the_same(directory: Path, compilers: Pool, changes: Sequence[Change], dice: random.Random) -> None:
    """Compare narrowed catalogs with those of a full compilation after each change."""
    control = Control(directory / "control")
    narrowed_to = full = 0
    with store.opened(directory / "narrow.sqlite") as kept, store.opened(directory / "all.sqlite") as thrown:
        narrow = Compiler(kept, compilers, control.facts)
        everything = Compiler(thrown, compilers, control.facts, always=True)
        plugins = ""
        for number, change in enumerate(changes):
            change(control, dice)
            with environment.of_working_tree(control.directory, None) as state:
                plugins = plugins or inputs.plugins(state)
                assert inputs.plugins(state) == plugins, "other Ruby needs other processes"
                some_compiled = narrow.of(state, lambda _: True, lambda *_: None)
                all_compiled = everything.of(state, lambda _: True, lambda *_: None)
            assert content(some_compiled, kept) == content(all_compiled, thrown), f"change {number}: {change.__name__}"
            narrowed_to += some_compiled.compiled
            full += all_compiled.compiled
    assert narrowed_to < full * 0.6, f"{narrowed_to} of {full} catalogs were compiled"


def test_narrowed_catalogs_are_those_of_a_full_compilation_after_a_change_of_each_kind(
    tmp_path: Path, compilers: Pool
) -> None:
    require_the_same(tmp_path, compilers, KINDS, random.Random(SEED))  # noqa: S311 - the same changes each time


@pytest.mark.drill
def test_narrowing(tmp_path: Path, compilers: Pool) -> None:
    """A hundred more changes, in random order."""
    dice = random.Random(SEED)  # noqa: S311 - the same changes each time
    require_the_same(tmp_path, compilers, [*KINDS, *dice.choices(KINDS, k=MORE)], dice)
