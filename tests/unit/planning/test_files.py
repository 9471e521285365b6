"""Files of Hiera that would take all memory or time are refused before a compiler reads them, and in no time."""

from pathlib import Path

import pytest
import yaml
from fleet_cli.planning import refused_files
from hypothesis import given, settings
from hypothesis import strategies as st

BOMB = "a: &a [x]\n" + "".join(
    f"{chr(ord(one) + 1)}: &{chr(ord(one) + 1)} [{', '.join([f'*{one}'] * 20)}]\n" for one in "abcdefgh"
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=30,
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB, "more than 1,000,000 values"),
        ("a: &a {b: *a}\n", "line 1: the alias *a stands inside of what it refers to"),
        ("a: &a [[*a]]\n", "stands inside"),
        ("[" * 200, "nested more than 100 deep"),
        ("? " * 100_000, "nested more than 100 deep"),
    ],
)
def test_a_file_that_grows_without_end_is_refused_with_the_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    assert words in refused_files.why(tmp_path / "a.yaml")


def test_an_alias_that_is_only_used_often_is_no_reason(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: &a [1, 2]\nb: [*a, *a]\nc: {d: *a}\n", encoding="utf-8")
    assert refused_files.why(tmp_path / "a.yaml") == ""


def test_a_file_of_many_mebibytes_is_not_opened(tmp_path: Path) -> None:
    with (tmp_path / "a.yaml").open("wb") as file:
        file.truncate(50 * 2**20)
    assert refused_files.why(tmp_path / "a.yaml").startswith("has 50 MiB, and more than 8 MiB are not read")


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=200) | st.text(alphabet="&*[]{}:-?!|> \nab\t'\"#%@", max_size=60).map(str.encode))
def test_whatever_a_file_holds_a_word_is_had_on_it(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_bytes(content)
    assert isinstance(refused_files.why(file), str)


@settings(max_examples=100, deadline=None)
@given(value=VALUES)
def test_honest_data_is_never_refused(value: object, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.getbasetemp() / "honest.yaml"
    file.write_text(yaml.safe_dump(value, allow_unicode=True), encoding="utf-8")
    assert refused_files.why(file) == ""


def test_only_files_that_must_not_be_read_are_replaced_and_each_says_why(tmp_path: Path) -> None:
    for name, text in {"hieradata/good.yaml": "a: 1\n", "modules/m/data/bad.yaml": BOMB}.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    refused_files.replace(tmp_path)
    assert list(refused_files.replaced(tmp_path)) == ["modules/m/data/bad.yaml"]
    assert (tmp_path / "hieradata/good.yaml").read_text(encoding="utf-8") == "a: 1\n"
    assert len((tmp_path / "modules/m/data/bad.yaml").read_bytes()) < 20
