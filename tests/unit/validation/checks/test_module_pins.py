"""A Puppetfile fetches the same modules today and next year, or it is said which it may not."""

import pytest
from fleet_cli.validation import puppetfile
from fleet_cli.validation.checks import module_pins

SHA = "0123456789abcdef0123456789abcdef01234567"
KNOWN = {"puppetlabs-stdlib": "9.6.0"}


def codes(text: str) -> list[tuple[int, str]]:
    return [(finding.line, finding.code) for finding in module_pins.findings(puppetfile.read(text), KNOWN)]


@pytest.mark.parametrize("text", [
    "mod 'puppetlabs-stdlib', '9.6.0'",
    "forge 'https://forge.example.org'\nmoduledir 'vendor'\n# why\nmod 'puppetlabs/stdlib', '9.6.0'\n",
    f"mod 'own', git: 'https://git.example.org/own.git', commit: '{SHA}'",
    "mod 'own',\n  :git => 'https://git.example.org/own.git',\n  :tag => 'v1.0.0'",
    f"mod 'own', type: 'tarball', source: 'https://example.org/own.tar.gz', version: '{SHA + SHA[:24]}'",
    "mod 'own', svn: 'https://svn.example.org/own', revision: '7'",
    "mod 'own', local: true",
    "mod 'own', :local",
    "mod('puppetlabs-stdlib', '9.6.0')",
    f"mod('own',\n  git: 'https://git.example.org/own.git',\n  ref: '{SHA}',\n)",
    "mod 'own', {:git => 'https://git.example.org/own.git', :ref => 'v1.2.3'}",
    "mod 'own', git: 'https://git.example.org/own.git', branch: :control_branch, default_branch: 'main'",
    "mod 'puppetlabs-stdlib', type: 'forge', version: '9.6.0'",
    "mod 'puppetlabs-apache', '12.2.0'",
])  # fmt: skip
def test_modules_with_one_version_pass(text: str) -> None:
    assert codes(text) == []


@pytest.mark.parametrize(("text", "code"), [
    ("mod 'puppetlabs-stdlib'", "unpinned-module"),
    ("mod 'puppetlabs-stdlib', :latest", "unpinned-module"),
    ("mod 'puppetlabs-stdlib', '9.x'", "unpinned-module"),
    ("mod 'own', git: 'https://git.example.org/own.git'", "unpinned-module"),
    ("mod 'own', git: 'https://git.example.org/own.git', branch: 'main'", "unpinned-module"),
    ("mod 'own', git: 'https://git.example.org/own.git', commit: '0123abc'", "unpinned-module"),
    ("mod 'own', type: 'tarball', source: 'https://example.org/own.tar.gz'", "unpinned-module"),
    ("mod 'own', svn: 'https://svn.example.org/own'", "unpinned-module"),
    ("mod 'own', git: 'https://git.example.org/own.git', ref: 'main'", "unpinned-module"),
    ("mod('puppetlabs-stdlib')", "unpinned-module"),
    ("mod 'stdlib', '9.6.0'", "module-name"),
    ("mod 'puppetlabs-stdlob', '9.6.0'", "unknown-module"),
    ("mud 'puppetlabs-stdlib', '9.6.0'", "puppetfile-syntax"),
])  # fmt: skip
def test_others_are_told(text: str, code: str) -> None:
    assert codes(text) == [(1, code)]


def test_a_module_that_is_listed_twice_is_told_where_it_comes_again() -> None:
    assert codes("mod 'puppetlabs-stdlib', '9.6.0'\n\nmod 'puppetlabs-stdlib', '9.6.0'") == [(3, "duplicate-module")]


def test_a_puppetfile_that_is_a_program_is_known_as_one() -> None:
    text = "if ENV['X']\n  mod 'puppetlabs-stdlib', '9.6.0'\nend\nmod \"own-#{x}\", '1.0.0'\n"
    assert puppetfile.read(text).is_program
    assert codes(text) == []
    assert not puppetfile.read("forge 'https://forge.example.org'\nmod 'puppetlabs-stdlib', '9.6.0'").is_program


def test_a_moduledir_that_puppet_does_not_look_into_is_told_if_its_modules_are_used() -> None:
    said = puppetfile.read("moduledir 'vendor'\nmod 'puppetlabs-apache', '12.2.0'\n")
    assert list(module_pins.off_the_modulepath(said, ["site", "vendor"], [], ["apache"])) == []
    assert list(module_pins.off_the_modulepath(said, ["site"], [], ["stdlib"])) == []
    [found] = module_pins.off_the_modulepath(said, ["site"], [], ["apache"])
    assert (found.line, found.code) == (1, "module-path")
