"""A deploy does not find out on the Puppet server that a module lacks another one."""

from collections.abc import Mapping

import pytest
from fleet_cli.validation import puppetfile
from fleet_cli.validation.checks import module_dependencies

PUPPETFILE = puppetfile.read("mod 'puppetlabs-stdlib', '9.6.0'\nmod 'puppetlabs-apt', '9.4.0'\n")


def codes(needed: str, requirement: str) -> list[tuple[int, str]]:
    dependencies: dict[str, list[Mapping[str, str]]] = {
        "puppetlabs-apt": [{"name": needed, "version_requirement": requirement}]
    }
    findings = module_dependencies.findings(PUPPETFILE, dependencies, {"own-site": "1.0.0"})
    return [(finding.line, finding.code) for finding in findings]


@pytest.mark.parametrize("requirement", [
    "", ">= 9.0.0 < 10.0.0", "9.x", "9.6.0", "= 9.6.0", "^9.1.0", "~> 9.6", "~9.6.0", ">9.5.9 <=9.6.0",
])  # fmt: skip
def test_a_version_in_the_range_will_do(requirement: str) -> None:
    assert codes("puppetlabs/stdlib", requirement) == []


@pytest.mark.parametrize("requirement", [
    ">= 9.6.1", "< 9.6.0", "8.x", "= 9.5.0", "^8.0.0", "~> 9.5.0", "~9.5.0", ">9.6.0", "<=9.5.9", ">= 8.0.0 < 9.0.0",
])  # fmt: skip
def test_another_one_is_told_where_it_is_pinned(requirement: str) -> None:
    assert codes("puppetlabs/stdlib", requirement) == [(1, "unmet-dependency")]


def test_a_module_that_is_not_there_is_told_where_the_one_stands_that_needs_it() -> None:
    assert codes("puppetlabs/concat", ">= 1.0.0") == [(2, "missing-dependency")]


def test_a_module_of_the_repository_itself_is_there() -> None:
    assert codes("own/site", "1.x") == []
    assert codes("own/site", "2.x") == [(2, "unmet-dependency")]


def test_a_module_of_another_owner_is_there_and_its_version_is_not_compared() -> None:
    file = puppetfile.read("mod 'puppetlabs-apt', '9.4.0'\nmod 'vox-stdlib', '1.0.0'\n")
    needs: dict[str, list[Mapping[str, str]]] = {
        "puppetlabs-apt": [{"name": f"puppetlabs/{name}", "version_requirement": ">= 9.0.0"}
                           for name in ("stdlib", "concat", "yaml")]
    }  # fmt: skip
    found = module_dependencies.findings(file, needs, {}, ["apt", "concat"])
    assert [finding.message for finding in found] == [
        "'puppetlabs-apt' needs 'puppetlabs-yaml' >= 9.0.0, which is not here"
    ]


def test_what_a_module_of_the_repository_lacks_is_told_in_its_metadata() -> None:
    needs: dict[str, list[Mapping[str, str]]] = {"own-site": [{"name": "puppetlabs/yaml"}]}
    text = '{\n "name": "own-site",\n "dependencies": [\n  {"name": "puppetlabs/yaml"}\n ]\n}\n'
    found = list(module_dependencies.findings(
        PUPPETFILE, needs, {"own-site": "1.0.0"}, ["site"], {"own-site": ("site/site/metadata.json", text)}
    ))  # fmt: skip
    assert [(each.file, each.line, each.column) for each in found] == [("site/site/metadata.json", 4, 12)]


def test_where_the_server_has_modules_of_its_own_none_is_missing_but_a_version_may_be_wrong() -> None:
    needs: dict[str, list[Mapping[str, str]]] = {
        "puppetlabs-apt": [{"name": "puppetlabs/yaml"}, {"name": "puppetlabs/stdlib", "version_requirement": "8.x"}]
    }
    found = module_dependencies.findings(PUPPETFILE, needs, {}, None)
    assert [(each.line, each.code) for each in found] == [(1, "unmet-dependency")]
