"""A version that no repository has is found out before anything on the node changes: real apt, no node."""

from pathlib import Path

import pytest
from fleet_cli import process, rootfs

from .catalogs import Catalog, Node
from .conftest import Compile

SOURCE = "/etc/apt/sources.list.d/test.list"
INDEX = """\
Package: orders
Version: {version}
Architecture: all
Filename: ./orders_{version}.deb
Size: 1
SHA256: 0000000000000000000000000000000000000000000000000000000000000000
Maintainer: test <test@example.test>
Description: a package of which only the index is there

"""


@pytest.fixture(scope="module")
def catalog(compile: Compile) -> Catalog:
    code = f"""
      flask_microservice::service {{ 'orders': port => 7001, version => '1.1.0-1', apt_source => '{SOURCE}' }}
    """
    (catalog,) = compile([Node(code=code)])
    return catalog


def apply_execs(catalog: Catalog, directory: Path, *versions: str) -> process.Result:
    """Run what Puppet would, in its order, on a machine whose repository has these versions of the package."""
    index = "".join(INDEX.format(version=version) for version in versions)
    (directory / "Packages").write_text(index, encoding="utf-8")
    refresh = catalog["Exec[apt index that has orders 1.1.0-1]"]
    check = catalog["Exec[orders 1.1.0-1 is in an apt repository]"]
    assert check.references("require") == {refresh.reference}
    assert "Package[orders]" in check.references("before")
    # Debian's own indexes only take time here.
    script = ["rm -r /etc/apt/sources.list* /var/lib/apt/lists/*; mkdir /etc/apt/sources.list.d"]
    script.append(f"echo 'deb [trusted=yes] file:/repository ./' > {SOURCE}")
    # Whether the account _apt may read the test's directory depends on the machine, and apt would warn if not.
    script.append("echo 'APT::Sandbox::User \"root\";' > /etc/apt/apt.conf.d/99test")
    for resource in (refresh, check):
        guards = " || ".join(f"{{ {guard}; }}" for guard in resource["unless"])
        script.append(f"if {guards}; then echo skipped; else {resource['command']} || exit 1; fi")
    return rootfs.run("", ["sh", "-c", "\n".join(script)], binds={directory: "/repository"}, check=False)


def test_version_published_a_moment_ago_is_found(catalog: Catalog, tmp_path: Path) -> None:
    result = apply_execs(catalog, tmp_path, "1.0.0-1", "1.1.0-1")
    assert (result.returncode, result.stdout) == (0, "skipped\n"), result.stderr


def test_version_that_is_nowhere_stops_the_run_and_says_what_to_do(catalog: Catalog, tmp_path: Path) -> None:
    result = apply_execs(catalog, tmp_path, "1.0.0-1", "1.1.0-10")
    assert result.returncode == 1
    assert result.stderr.strip() == (
        "orders 1.1.0-1 is in no apt repository of this node, which has: 1.1.0-10 1.0.0-1. "
        "Publish it, or pin a published version in Hiera: flask_microservice::versions."
    )
