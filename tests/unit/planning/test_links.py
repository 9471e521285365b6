"""A plan sees files where the file system has them, through links and dots, and never a file outside of the tree."""

import os
from pathlib import Path

import pytest
from fleet_cli.planning.links import Links
from hypothesis import given, settings
from hypothesis import strategies as st

TARGETS = {
    "hiera/web.yaml": "real.yaml",
    "site/profile": "../profiles/profile",
    "profiles/profile/up": "..",
    "circle/a": "b",
    "circle/b": "a",
    "out": "../../etc/passwd",
    "absolute": "/etc/passwd",
    "gone": "nowhere",
}
FILES = {
    "hiera/real.yaml": "1",
    "profiles/profile/manifests/init.pp": "2",
    "profiles/other": "3",
    **dict.fromkeys(TARGETS, "link"),
}


@pytest.mark.parametrize(
    ("path", "real"),
    [
        ("hiera/web.yaml", "hiera/real.yaml"),
        ("./hiera//real.yaml", "hiera/real.yaml"),
        ("site/profile/manifests/init.pp", "profiles/profile/manifests/init.pp"),
        ("site/profile/../other", "profiles/other"),
        ("site/profile/up/other", "profiles/other"),
        ("circle/a", None),
        ("out", None),
        ("absolute", None),
        ("a/../..", None),
    ],
)
def test_a_path_leads_where_the_file_system_leads(path: str, real: str | None) -> None:
    assert Links(TARGETS).real(path) == real


def test_files_are_seen_through_links_to_directories_too() -> None:
    seen = Links(TARGETS).seen(FILES)
    assert seen["hiera/web.yaml"] == "1"
    assert seen["site/profile/manifests/init.pp"] == "2"
    assert not {"circle/a", "out", "absolute", "gone"} & {*seen}


def test_links_that_lead_out_are_named() -> None:
    assert Links(TARGETS).outside() == ["absolute", "circle/a", "circle/b", "out"]


WORDS = st.sampled_from(["a", "b", "c", "..", "."])
PATHS = st.lists(WORDS, min_size=1, max_size=4).map("/".join)


@settings(deadline=None, max_examples=40)
@given(links=st.dictionaries(st.sampled_from(["l", "a/l", "b/l", "a/b/l"]), PATHS, max_size=3), path=PATHS)
def test_a_link_leads_where_the_kernel_says(
    tmp_path_factory: pytest.TempPathFactory, links: dict[str, str], path: str
) -> None:
    top = tmp_path_factory.mktemp("links")
    for name in ("a/b/c", "b/a", "c/x", "a/f"):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(name, encoding="utf-8")
    for link, target in links.items():
        if (top / link).parent.is_dir() and not (top / link).exists():
            (top / link).symlink_to(target)
    there = {str(one.relative_to(top)): os.readlink(one) for one in top.rglob("*") if one.is_symlink()}  # noqa: PTH115
    wanted = f"a/l/{path}"
    if (top / wanted).exists() and (real := Path(os.path.realpath(top / wanted))).is_relative_to(top):
        assert Links(there).real(wanted) == ("" if real == top else str(real.relative_to(top)))
