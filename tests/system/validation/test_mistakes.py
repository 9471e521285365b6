"""Each mistake is found where it is, with what to write instead, and nothing else is found."""

from pathlib import Path

import pytest

from .conftest import Validate, edit
from .mistakes import MISTAKES, Mistake


def test_nothing_is_wrong_with_this_repository(repo: Path, validate: Validate) -> None:
    assert [str(finding) for finding in validate(repo)] == []


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_found_where_it_is(mistake: Mistake, repo: Path, validate: Validate) -> None:
    edit(repo, mistake.edits)
    file, text = mistake.at
    before = (repo / file).read_text(encoding="utf-8").rpartition(text)[0].split("\n")
    place = f"{file}:{len(before)}:{len(before[-1]) + 1}"
    found = validate(repo)
    places = [f"{finding.file}:{finding.line}:{finding.column}: {finding.code}" for finding in found]
    assert places == [f"{place}: {mistake.code}"], "\n".join(map(str, found))
    for words in mistake.said:
        assert words in str(found[0])


def test_there_are_at_least_forty_mistakes_of_many_kinds() -> None:
    assert len(MISTAKES) >= 40
    assert len({mistake.code for mistake in MISTAKES.values()}) >= 20
