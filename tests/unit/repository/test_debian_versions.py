"""Versions of packages come in Debian's order."""

from itertools import combinations

import pytest
from fleet_cli.repository.debian_versions import is_older

IN_ORDER = ["0~", "0", "0.9", "1.0~~", "1.0~rc1-1", "1.0~rc2-1", "1.0-1~bpo12+1", "1.0-1", "1.0-1+b1", "1.0-2",
            "1.0a-1", "1.0+dfsg-1", "1.0.1-1", "1.9-1", "1.10-1", "2-1", "1:0.1-1", "2:0.0"]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), list(combinations(IN_ORDER, 2)))
def test_a_version_is_older_than_those_after_it(one: str, other: str) -> None:
    assert is_older(one, other)
    assert not is_older(other, one)


@pytest.mark.parametrize(("one", "other"), [("1.0", "1.0-0"), ("0:1.0-1", "1.0-1"), ("1.01", "1.1"), ("1.", "1.0")])
def test_what_is_written_in_another_way_is_neither_older_nor_newer(one: str, other: str) -> None:
    assert not is_older(one, other)
    assert not is_older(other, one)
