"""Patches of Puppet in Hiera: a machine has those that are switched on."""

import re

import preloaded
import pytest

from .catalogs import Node
from .conftest import Compile

PROGRAM = "File[/usr/local/lib/puppet-run/patches.rb]"


def node(parameters: str) -> Node:
    return Node(code=f"class {{ 'profile::puppet_agent': preloaded => true, {parameters} }}")


def test_each_patch_has_a_switch_and_there_is_one_for_all(compile: Compile) -> None:
    names = preloaded.NAMES
    nodes = [node(""), node("patched => false"), *(node(f"patches => {{ {name} => false }}") for name in names)]
    catalogs = compile(nodes)
    assert not [catalog.error for catalog in catalogs if catalog.error]
    has = [re.findall(r"^  define.*?'(\w+)'", catalog[PROGRAM]["content"], re.MULTILINE) for catalog in catalogs]
    assert has[0] == names
    assert has[1] == []
    assert has[2:] == [[other for other in names if other != name] for name in names]


def test_patches_are_put_together_as_the_tests_do_it(compile: Compile) -> None:
    """They would test another program than the one that nodes have."""
    (catalog,) = compile([node("patches => { state_file => true }")])
    texts = [(preloaded.PATCHES / f"{name}.rb").read_text(encoding="utf-8") for name in preloaded.NAMES]
    assert catalog[PROGRAM]["content"] == "\n".join(texts)


@pytest.mark.parametrize("patches", ["{ state_fil => false }", "{ state_file => 'off' }"])
def test_a_patch_that_there_is_not_compiles_nowhere(compile: Compile, patches: str) -> None:
    """Whoever mistypes it would believe that it is off."""
    (catalog,) = compile([node(f"patches => {patches}")])
    assert "parameter 'patches'" in catalog.error


@pytest.mark.parametrize(
    ("parameters", "terminus"),
    [
        ("", "puppetdb_in_background"),
        ("commands_in_background => false", "puppetdb"),
        ("soft_write_failure => false", "puppetdb"),
    ],
)
def test_the_queue_to_puppetdb_has_a_switch_of_its_own(compile: Compile, parameters: str, terminus: str) -> None:
    (catalog,) = compile([Node(code=f"class {{ 'profile::puppetserver::storage': {parameters} }}")])
    assert not catalog.error
    assert f"    terminus: {terminus}\n    cache: json" in catalog["File[/etc/puppet/routes.yaml]"]["content"]
    soft = "soft_write_failure => false" not in parameters
    assert f"soft_write_failure = {str(soft).lower()}" in catalog["File[/etc/puppet/puppetdb.conf]"]["content"]


def test_commands_that_may_fail_a_run_are_not_handed_over_later(compile: Compile) -> None:
    """Runs would succeed that PuppetDB missed, which soft_write_failure says they must not."""
    parameters = "soft_write_failure => false, commands_in_background => true"
    (catalog,) = compile([Node(code=f"class {{ 'profile::puppetserver::storage': {parameters} }}")])
    assert "set commands_in_background to false, or soft_write_failure to true" in catalog.error
