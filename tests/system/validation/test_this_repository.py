"""`fleet validate` is content with the repository that it is developed in."""

from fleet_cli.validation.all_checks import Validation
from fleet_cli.validation.hiera_check import Packages
from fleet_cli.validation.package_index import Repository

from .conftest import REPO


def test_fleet_validate_finds_nothing() -> None:
    """Neither do yamllint, Puppet's parser and puppet-lint, which it asks.

    A lab that another test brings up meanwhile counts for nothing: its repository may be there without the packages.
    """
    nowhere = Packages(Repository("http://127.0.0.1:1"))
    assert [str(finding) for finding in Validation(REPO, packages=nowhere).findings()] == []
