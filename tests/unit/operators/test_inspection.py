"""fleet-inspect tells what root sees, and tells the rest if a part can't be told."""

import json
import os
import stat
from pathlib import Path

import pytest
from operators import inspection, places

SHOWN = """\
Id=orders.socket
ActiveState=active
SubState=running
UnitFileState=enabled

Id=orders@1.0.0-1.3fa9c1d2.service
ActiveState=active
SubState=running
UnitFileState=disabled
MainPID={pid}

Id=cron.service
ActiveState=failed
SubState=failed
UnitFileState=enabled
MainPID=0
"""
TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1B59 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0100007F:1B5A 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100 0 0 10 0
"""
UNIX = """\
Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 16 /run/orders.sock
0000000000000000: 00000003 00000000 00000000 0001 03 17 /run/peer.sock
0000000000000000: 00000002 00000000 00010000 0001 01 18 @abstract
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root directory of a machine with one service."""
    for name, text in {
        "units/orders@.service": "[X-Flask-Microservice]\nVersion=1.0.0-1\n",
        "units/getty@.service": "[Unit]\n",
        "units/Evil name@.service": "[X-Flask-Microservice]\n",
        "etc/orders/default_config.ini": "[app]\nsecret_key = hunter2\n",
        "proc/net/tcp": TCP,
        "proc/net/unix": UNIX,
        "proc/7/status": f"Name:\tgunicorn\nUid:\t0\t{os.getuid()}\t0\t0\n",
        "ssl/certs/ca.pem": "-----BEGIN CERTIFICATE-----\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "etc/orders/default_config.ini").chmod(0o640)
    for name, place in (("UNITS", "units"), ("PROCESSES", "proc"), ("SSL", "ssl")):
        monkeypatch.setattr(places, name, tmp_path / place)
    monkeypatch.setattr(inspection, "ROOT", tmp_path)

    def systemctl(*arguments: str) -> str:
        if arguments[0] == "list-units":
            return "cron.service loaded failed failed Regular jobs\n"
        assert arguments[2:] == ("--", "orders.socket", "orders.service", "orders@*.service", "cron.service")
        return SHOWN.format(pid=7)

    monkeypatch.setattr(inspection, "_systemctl", systemctl)
    return tmp_path


def test_what_root_sees_is_told_and_no_secret(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert inspection.main([]) == 0
    printed = capsys.readouterr().out
    data = json.loads(printed)
    owner = inspection._account(machine.stat().st_uid)
    assert list(data["services"]) == ["orders"]
    paths = data["services"]["orders"]["paths"]
    assert (paths["/etc/orders/default_config.ini"]["mode"], paths["/var/lib/orders"]) == ("0640", None)
    assert paths["/etc/orders"]["kind"] == "directory"
    assert data["units"]["orders.socket"] == {"active": "active", "sub": "running", "enabled": "enabled", "user": ""}
    assert data["units"]["orders@1.0.0-1.3fa9c1d2.service"]["user"] == owner
    assert data["units"]["cron.service"]["active"] == "failed"
    assert data["listening"] == {"tcp": [7001], "unix": ["/run/orders.sock"]}
    assert data["authority"].startswith("-----BEGIN CERTIFICATE")
    assert data["errors"] == {}
    assert "hunter2" not in printed


def test_a_part_that_cant_be_told_leaves_the_rest(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: str) -> str:
        raise OSError("systemctl is not there")

    monkeypatch.setattr(inspection, "_systemctl", fails)
    (machine / "ssl/certs/ca.pem").unlink()
    data = inspection.inspect()
    assert (data["units"], data["authority"], data["listening"]["tcp"]) == (None, None, [7001])
    assert data["errors"]["units"] == "systemctl is not there"
    assert set(data["errors"]) == {"units", "authority"}


def test_a_link_is_told_as_one(machine: Path) -> None:
    file = machine / "etc/orders/default_config.ini"
    file.unlink()
    file.symlink_to("/etc/shadow")
    found = inspection.paths("orders")["/etc/orders/default_config.ini"]
    assert found is not None
    assert found["kind"] == "link"
    assert stat.S_ISLNK(file.lstat().st_mode)
