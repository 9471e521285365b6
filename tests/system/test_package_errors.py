"""A package that can't be installed fails the run with what is missing, and not with what apt says last."""

import json
from pathlib import Path

import pytest
from fleet_cli.roots import rootfs

REPO = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("package_errors.rb")


@pytest.fixture(scope="module")
def told() -> dict[str, str]:
    """What a run says of each package."""
    binds = {REPO / "modules/flask_microservice": "/module", SCRIPT: "/package_errors.rb"}
    printed = rootfs.run("toolbox", ["ruby", "/package_errors.rb"], binds=binds).stdout
    found: dict[str, str] = {}
    for line in printed.splitlines():
        found |= json.loads(line)
    return found


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("dependent", "unmet dependencies: dependent : Depends: libnosuch (>= 99) but it is not installable,"
                      " Depends: nosuch but it is not installable"),
        ("script", "no way dpkg: error processing package script (--configure): installed script package"
                   " post-installation script subprocess returned error exit status 3"),
        ("large", "cannot copy extracted data for './opt/venvs/large/data' to '/opt/venvs/large/data.dpkg-new':"
                  " failed to write (No space left on device)"),
        ("gone", "E: Failed to fetch file:/repository/./gone_1.0-1_all.deb  File not found -"
                 " /repository/./gone_1.0-1_all.deb (2: No such file or directory) E: Unable to fetch some archives,"
                 " maybe run apt-get update or try with --fix-missing?"),
    ],
)  # fmt: skip
def test_what_is_missing_is_said(name: str, why: str, told: dict[str, str]) -> None:
    assert told[name] == f"apt could not install {name} 1.0-1: {why}"
