"""A Puppetfile.lock pins what the Puppetfile leaves open, and nothing else."""

from pathlib import Path

from fleet_cli.validation import puppetfile, puppetfile_lock
from fleet_cli.validation.checks import module_pins
from fleet_cli.validation.puppetfile import Puppetfile

SHA = "0123456789abcdef0123456789abcdef01234567"
PUPPETFILE = """\
mod 'puppetlabs/stdlib'
mod 'puppetlabs/apt', '>= 2.0.0'
mod 'own/web', :git => 'https://git.example.org/web.git', :ref => 'main'
mod 'puppetlabs/concat'
"""
LOCK = f"""\
FORGE
  remote: https://forgeapi.puppet.com
  specs:
    puppetlabs-stdlib (4.25.1)
    puppetlabs-apt (2.3.0)
      puppetlabs-stdlib (< 5.0.0, >= 4.5.0)
    puppetlabs-yaml (0.2.0)

GIT
  remote: https://git.example.org/web.git
  ref: main
  sha: {SHA}
  specs:
    own-web (1.0.0)

DEPENDENCIES
  puppetlabs-concat (>= 0)
"""


def written(repo: Path, lock: str = LOCK) -> Puppetfile:
    (repo / "Puppetfile.lock").write_text(lock, encoding="utf-8")
    return puppetfile_lock.with_lock(puppetfile.read(PUPPETFILE), repo)


def test_modules_are_pinned_by_the_lock_but_for_those_that_it_lacks(tmp_path: Path) -> None:
    assert len(module_pins.findings(puppetfile.read(PUPPETFILE), {})) == 4
    found = module_pins.findings(written(tmp_path), {})
    assert [(each.line, each.code) for each in found] == [(4, "unpinned-module")]


def test_versions_are_those_of_the_lock_and_its_other_modules_are_there(tmp_path: Path) -> None:
    modules = {module.slug: module for module in written(tmp_path).modules}
    assert modules["puppetlabs-apt"].pin == "2.3.0"
    assert modules["own-web"].options["commit"].text == SHA
    assert modules["puppetlabs-yaml"].pin == "0.2.0"


def test_librarian_puppets_own_directory_of_modules_is_known(tmp_path: Path) -> None:
    assert written(tmp_path).moduledir == "modules"
    (tmp_path / ".librarian/puppet").mkdir(parents=True)
    (tmp_path / ".librarian/puppet/config").write_text("---\nLIBRARIAN_PUPPET_PATH: vendor/modules\n", encoding="utf-8")
    assert written(tmp_path).moduledir == "vendor/modules"


def test_without_a_lock_nothing_is_pinned(tmp_path: Path) -> None:
    file = puppetfile.read(PUPPETFILE)
    assert puppetfile_lock.with_lock(file, tmp_path) is file
