"""What a branch's Ruby and a service's debian/rules tried on a machine, they try in vain now."""

import json
from pathlib import Path

import pytest
from fleet_cli.compiling import pool, program
from fleet_cli.compiling.program import Request
from fleet_cli.machine.errors import FleetError
from fleet_cli.planning import environment, modules
from fleet_cli.services import building

CONTROL = """\
Source: nosy
Maintainer: Nobody <nobody@example.org>
Rules-Requires-Root: no

Package: nosy
Architecture: all
Description: reads what it may not
"""
CHANGELOG = """\
nosy (1.0.0-1) trixie; urgency=medium

  * First.

 -- Nobody <nobody@example.org>  Sat, 28 Nov 2026 12:00:00 +0000
"""


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file that everybody on this machine may read."""
    file = tmp_path / "secret"
    file.write_text("the secret", encoding="utf-8")
    return file


def test_generate_on_a_branch_runs_as_nobody_and_reads_nothing_of_this_machine(tmp_path: Path, secret: Path) -> None:
    """It ran as root on the machine of whoever planned the branch."""
    environments = tmp_path / "environments"
    (environments / "branch").mkdir(parents=True)
    code = f"notify {{ 'x': message => generate('/bin/sh', '-c', 'id -u; cat {secret} 2>&1; ls /root 2>&1') }}"
    with pool.opened({environments: program.ENVIRONMENTS}, placeholders=True) as compilers:
        ((_, answer),) = compilers.compile([Request("n", {}, "branch", {}, code)])
    assert "error" in answer or "resources" in answer
    said = json.dumps(answer)
    assert "the secret" not in said
    assert "1000" in said or "No such file" in said


def test_debian_rules_leave_no_chroot_and_read_nothing_of_this_machine(tmp_path: Path, secret: Path) -> None:
    """They left a plain chroot, and read the ssh key of the lab."""
    source = tmp_path / "nosy"
    (source / "debian").mkdir(parents=True)
    escape = (
        "import os\nout = os.open('/', 0)\ntry:\n    os.mkdir('/tmp/j'); os.chroot('/tmp/j'); os.fchdir(out)\n"
        "except OSError as error:\n    print('no chroot', error.strerror)\n"
        f"try:\n    print(open('{secret}').read())\nexcept OSError as error:\n    print('no secret', error.strerror)\n"
    )
    (source / "escape.py").write_text(escape, encoding="utf-8")
    (source / "debian/control").write_text(CONTROL, encoding="utf-8")
    (source / "debian/changelog").write_text(CHANGELOG, encoding="utf-8")
    rules = source / "debian/rules"
    rules.write_text("#!/usr/bin/make -f\n%:\n\tid -u; python3 escape.py; exit 3\n", encoding="utf-8")
    rules.chmod(0o755)
    with pytest.raises(FleetError) as told:
        building.build(source, tmp_path / "dist")
    said = str(told.value)
    assert "no chroot Operation not permitted" in said
    assert "no secret No such file or directory" in said
    assert "the secret" not in said
    assert "\n1000\n" in said


def test_a_puppetfile_is_ruby_that_reaches_nothing(secret: Path) -> None:
    puppetfile = f"raise(File.exist?('{secret}') ? 'reached it' : 'found nothing')\n"
    fetched = modules.fetched(puppetfile.encode(), environment.MIRROR, set())
    with pytest.raises(FleetError, match=r"found nothing"), fetched:
        pass
