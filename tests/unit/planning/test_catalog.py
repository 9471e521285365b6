"""A catalog is read without its secrets, and what is none is refused in words."""

from contextlib import suppress

import pytest
from catalogs import catalog
from fleet_cli.machine.errors import FleetError
from fleet_cli.planning.catalog import Catalog, Hidden
from hypothesis import given
from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.sampled_from(["type", "title"]), inner),
    max_leaves=12,
)
ENTRIES = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("type", "title", "parameters", "sensitive_parameters", "kind", "file", "line"), JSON),
)


@given(data=JSON)
def test_whatever_is_no_catalog_is_refused_in_words(data: object) -> None:
    with suppress(FleetError):
        Catalog(data)


@given(entries=st.lists(ENTRIES, max_size=3), edges=st.lists(JSON, max_size=2))
def test_a_damaged_catalog_is_read_or_refused_in_words(entries: list[object], edges: list[object]) -> None:
    with suppress(FleetError):
        list(Catalog({"resources": entries, "edges": edges}))


@given(secret=JSON, other=JSON)
def test_a_secret_is_only_known_to_be_the_same_or_another_one(secret: object, other: object) -> None:
    def read(value: object) -> object:
        resource = catalog({"User[a]": {"password": value, "sensitive": ["password"]}}).resources["User[a]"]
        return resource.parameters["password"]

    assert isinstance(read(secret), Hidden)
    assert (read(secret) == read(other)) == (repr(secret) == repr(other))


def test_a_secret_within_a_value_is_hidden_too() -> None:
    value = {"options": [{"__ptype": "Sensitive", "__pvalue": "hush"}]}
    found = catalog({"Thing[a]": {"settings": value}}).resources["Thing[a]"]
    assert "hush" not in repr(found)


@pytest.mark.parametrize("kind", ["Class[a]", "My::Define[a]", "Define_with_content[a]"])
def test_what_only_contains_others_is_not_applied(kind: str) -> None:
    found = catalog({kind: {}, "Notify[x]": {}}, [(kind, "Notify[x]")])
    assert found.resources[kind].container
    assert not found.resources["Notify[x]"].container


def test_a_catalog_of_a_server_is_read_as_well() -> None:
    found = Catalog(
        {
            "resources": [
                {"type": "Class", "title": "Main", "parameters": {}},
                {"type": "File", "title": "/a", "parameters": {"require": ["File[/b/]", None]}},
            ],
            "edges": [{"source": "Class[Main]", "target": "File[/a]"}],
        }
    )
    assert found.resources["File[/a]"].relationships == {"require": ("File[/b]",)}
    assert found.containers == {"File[/a]": ["Class[Main]"]}
