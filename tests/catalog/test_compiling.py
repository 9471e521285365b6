"""One node's code can't take the others down with it: compilers answer for each, or are replaced."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fleet_cli.compiling import pool, program
from fleet_cli.compiling.pool import Pool
from fleet_cli.compiling.program import Answer, Request
from fleet_cli.machine import steps

SECONDS = 15.0
"""What a catalog may take where code has no end; for others it would be short on a machine that is busy with tests."""


@pytest.fixture(scope="module")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that has nothing in it."""
    directory = tmp_path_factory.mktemp("environments")
    (directory / "empty").mkdir()
    return directory


@pytest.fixture(scope="module")
def compilers(environments: Path) -> Iterator[Pool]:
    with pool.opened({environments: program.ENVIRONMENTS}, placeholders=True) as opened:
        yield opened


def compile(compilers: Pool, *codes: str) -> list[Answer]:
    requests = [Request(f"n{number}", {}, "empty", {}, code) for number, code in enumerate(codes)]
    return [answer for _, answer in sorted(compilers.compile(requests), key=lambda pair: pair[0])]


def test_an_error_of_one_node_is_that_nodes_own(compilers: Pool) -> None:
    bad, good = compile(compilers, "fail('no')", "notify { 'yes': }")
    assert "no (line: 1, column: 1)" in bad["error"]
    assert "on node" not in bad["error"]
    assert [one["title"] for one in good["resources"] if one["type"] == "Notify"] == ["yes"]


def test_a_puppet_that_no_patch_was_tested_with_compiles_the_same_and_fleet_says_so_once(
    environments: Path, compilers: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A patch that does not suit it would show in a plan what no server compiles."""
    shutil.copy(program.PATCHES / "loader.rb", tmp_path)
    (tmp_path / "upstream.json").write_text("{}")
    said: list[str] = []
    monkeypatch.setattr(steps, "say", said.append)
    code = "type T = Struct[{a => Integer}] define d(T $t) { notify { $title: } } d { ['x', 'y']: t => {a => 1} }"
    ours = [{**answer, "version": ""} for answer in compile(compilers, code, code)]  # the time of compilation
    assert said == []
    monkeypatch.setattr(program, "PATCHES", tmp_path)
    with pool.opened({environments: program.ENVIRONMENTS}, placeholders=True) as unpatched:
        assert [{**answer, "version": ""} for answer in compile(unpatched, code, code)] == ours
    assert "error" not in ours[0]
    assert sorted(line.partition(" is left out")[0] for line in said) == [
        "note: the patch checked_values of Puppet",
        "note: the patch parsed_templates of Puppet",
    ]


def test_code_without_end_is_named_and_the_next_node_compiles(environments: Path) -> None:
    endless = "generate('/bin/sleep', 'infinity')"  # it takes no processor from others
    with pool.opened({environments: program.ENVIRONMENTS}, placeholders=True, seconds=SECONDS) as compilers:
        answers = compile(compilers, endless, "notify { 'yes': }")
    assert answers[0] == {"error": f"no catalog after {SECONDS:.0f} s: is there code without end?", "died": True}
    assert "error" not in answers[1]


def test_code_that_eats_memory_is_named_and_the_next_node_compiles(compilers: Pool) -> None:
    greedy = "$a = Integer[0, 30].reduce('xxxxxxxxxx') |$text, $_| { \"${text}${text}\" }"
    recursive = "function again($n) { again($n + 1) } again(0)"
    answers = compile(compilers, greedy, recursive, "notify { 'yes': }")
    assert "failed to allocate memory" in answers[0]["error"]
    assert "stack level too deep" in answers[1]["error"]
    assert "error" not in answers[2]


def test_an_encrypted_value_stands_as_a_name_that_changes_with_it(tmp_path: Path) -> None:
    environment = tmp_path / "secret"
    (environment / "data").mkdir(parents=True)
    (environment / "hiera.yaml").write_text(
        "version: 5\nhierarchy: [{name: a, path: a.yaml, lookup_key: eyaml_lookup_key}]\n", encoding="utf-8"
    )

    def looked_up(compilers: Pool, cipher: str) -> str:
        (environment / "data/a.yaml").write_text(f"a: ENC[PKCS7,{cipher}]\n", encoding="utf-8")
        ((_, answer),) = compilers.compile([Request("n", {}, "secret", {}, "notify { lookup('a'): }")])
        return str(next(one["title"] for one in answer["resources"] if one["type"] == "Notify"))

    with pool.opened({tmp_path: program.ENVIRONMENTS}, placeholders=True) as compilers:
        first, second, third = (looked_up(compilers, cipher) for cipher in ("AAAA", "BBBB", "AAAA"))
    assert first == third != second
    assert first.startswith("encrypted:")


def test_an_environment_that_puppet_can_not_load_is_an_error_of_the_node(tmp_path: Path) -> None:
    (tmp_path / "broken/manifests").mkdir(parents=True)
    (tmp_path / "broken/manifests/site.pp").write_text("node default {\n", encoding="utf-8")
    requests = [Request("n", {}, name, {}) for name in ("broken", "missing")]
    with pool.opened({tmp_path: program.ENVIRONMENTS}, placeholders=True) as compilers:
        answers = dict(compilers.compile(requests))
    assert "Syntax error at end of input (file: manifests/site.pp)" in answers[0]["error"]
    assert "missing" in answers[1]["error"]
    assert not any(answer.get("died") for answer in answers.values())
