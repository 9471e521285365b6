"""No file of Hiera, however wrong, ends the validation or takes more than its share of memory and time."""

import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import yaml
from bad_yaml import BAD
from fleet_cli.repository import yaml_reader
from fleet_cli.repository.documents import Document, Node, leaves
from hypothesis import given, settings
from hypothesis import strategies as st

SECONDS = 20.0
"""Far above what any of these takes, far below what a bomb would."""
MIB = 2**20

words = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12).filter("<<".__ne__)
scalars = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | words
data = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4))


class Quoting(yaml.SafeDumper):
    """Quotes all texts: PyYAML does not know all that Ruby takes for something else."""


Quoting.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))


def plain(node: Node) -> Any:
    """A tree without its places."""
    if isinstance(node.value, dict):
        return {key: plain(pair.node) for key, pair in node.value.items()}
    if isinstance(node.value, list):
        return [plain(item) for item in node.value]
    return node.value


def values(document: Document) -> dict[str, Any]:
    return {key: plain(pair.node) for key, pair in document.top.items()}


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_in_words(content: bytes) -> None:
    document = yaml_reader.parse(content, "any.yaml")
    assert document.broken == bool(document.broken and document.findings)
    for finding in document.findings:
        assert finding.line >= 1
        assert finding.column >= 1
        assert finding.message


MARKS = (
    "- ", "a: ", "b: ", "&x ", "*x ", "[", "]", "{", "}", ", ", "\n", "\n  ", "<<: ", "|\n ", "'", '"', "? ", "!!str ",
    "# c\n", "---\n", "...\n", "1", "~",
)  # fmt: skip


@given(st.lists(st.sampled_from(MARKS), max_size=40).map("".join))
@settings(max_examples=300)
def test_any_shuffle_of_yaml_is_read_as_far_as_its_parser_reads_it(text: str) -> None:
    document = yaml_reader.parse(text.encode(), "any.yaml")
    try:
        list(yaml.parse(text, Loader=yaml.CSafeLoader))
    except yaml.YAMLError:
        assert document.broken


@given(st.dictionaries(words, data, max_size=5), st.booleans())
def test_what_was_written_is_what_is_read(said: dict[str, Any], flow: bool) -> None:
    text = yaml.dump(said, Dumper=Quoting, allow_unicode=True, default_flow_style=flow)
    document = yaml_reader.parse(text.encode(), "said.yaml")
    assert document.findings == []
    assert values(document) == said


@given(st.lists(st.from_regex(r"\A[a-z]{3,8}\Z"), min_size=1, max_size=6, unique=True), st.integers(0, 3))
def test_a_key_is_where_the_tree_says(keys: list[str], empty: int) -> None:
    text = "\n" * empty + "".join(f"x{key}:\n  - {{y{key}: 'z{key}'}}\n" for key in keys)
    lines = text.splitlines()
    for key, pair in yaml_reader.parse(text.encode(), "keys.yaml").top.items():
        assert lines[pair.line - 1][pair.column - 1 :].startswith(f"{key}:")
        (leaf,) = leaves(pair.node)
        assert lines[leaf.line - 1][leaf.column :].startswith(str(leaf.value))


@pytest.mark.parametrize(("content", "code"), BAD.values(), ids=BAD)
def test_a_bad_file_is_one_finding_in_bounded_memory_and_time(content: bytes, code: str) -> None:
    tracemalloc.start()
    start = time.monotonic()
    document = yaml_reader.parse(content, "bad.yaml")
    took, (_, peak) = time.monotonic() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [finding.code for finding in document.findings] == [code]
    assert document.top == {}
    assert took < SECONDS
    assert peak < 50 * MIB


def test_a_file_of_fifty_megabytes_is_not_read_into_memory(tmp_path: Path) -> None:
    file = tmp_path / "large.yaml"
    with file.open("wb") as content:
        content.truncate(50 * MIB)
    tracemalloc.start()
    document = yaml_reader.read(file, "large.yaml")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [str(finding) for finding in document.findings] == [
        "large.yaml:1:1: file-too-large: 50 MiB: at most 8 are read"
    ]
    assert peak < MIB


def test_the_largest_file_that_is_read_is_read_in_time(tmp_path: Path) -> None:
    file = tmp_path / "large.yaml"
    line = "profile::base::packages_{}: [curl, less]\n"
    file.write_text("".join(line.format(n) for n in range(8 * MIB // len(line) - 20_000)), encoding="utf-8")
    start = time.monotonic()
    document = yaml_reader.read(file, "large.yaml")
    assert document.findings == []
    assert time.monotonic() - start < SECONDS * 3


def test_of_a_key_twice_the_last_one_counts_and_it_is_said() -> None:
    document = yaml_reader.parse(b"a: 1\nb:\n  c: 1\n  c: 2\n", "twice.yaml")
    assert values(document) == {"a": 1, "b": {"c": 2}}
    assert [(finding.line, finding.column, finding.code) for finding in document.findings] == [(4, 3, "duplicate-key")]


def test_a_byte_order_mark_is_told_and_the_rest_is_read() -> None:
    document = yaml_reader.parse(b"\xef\xbb\xbf---\na: 1\n", "marked.yaml")
    assert values(document) == {"a": 1}
    assert [finding.code for finding in document.findings] == ["byte-order-mark"]


def test_an_object_of_ruby_is_told_where_it_is_and_the_rest_is_read() -> None:
    document = yaml_reader.parse(b"a: 1\nb: !ruby/object:Gem::Installer {}\nc: !ruby/sym x\n", "tags.yaml")
    assert set(document.top) == {"a", "b", "c"}
    assert not document.broken
    assert [(finding.line, finding.code) for finding in document.findings] == [(2, "yaml-tag")]
