"""Daemons of the fleet may do no more than they do: whoever takes one over has that daemon and not the machine."""

import re

import pytest
from deployed import LAB, connect

UNITS = [
    ("puppet", "puppetserver", "puppet"),
    ("puppet", "puppetdb", "puppetdb"),
    ("puppet", "postgresql@17-main", "postgres"),
    ("puppet", "nginx", "root"),
    ("puppet", "fleet-enrolment", "fleet-enrolment"),
    ("db1", "postgresql@17-main", "postgres"),
    ("lb1", "haproxy", "root"),
]
MOST_EXPOSED = 3.0
"""What `systemd-analyze security` says at most, from 0 to 10; Debian's units have 9.2 to 9.6."""
SECCOMP_FILTER = "2"


@pytest.mark.parametrize(("name", "unit", "account"), UNITS, ids=[f"{unit}-on-{name}" for name, unit, _ in UNITS])
def test_a_daemon_runs_confined(name: str, unit: str, account: str) -> None:
    """It runs so now, and not only after somebody restarts it."""
    box = connect(next(box for box in LAB.boxes if box.name == name))
    said = box.run(f"systemd-analyze security --no-pager {unit}.service").stdout
    (exposure,) = re.findall(r"exposure level for \S+ (\d+\.\d)", said)
    assert float(exposure) <= MOST_EXPOSED
    box.check_output(f"systemctl start {unit}.service")  # one starts when it is asked
    pid = box.check_output(f"systemctl show --property=MainPID --value {unit}.service")
    status = dict(
        line.split(":\t", 1) for line in box.check_output(f"cat /proc/{pid}/status").splitlines() if ":\t" in line
    )
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", SECCOMP_FILTER)
    assert box.check_output(f"stat --format=%U /proc/{pid}") == account
    assert int(status["CapBnd"], 16) < 1 << 21, "it has root's greatest rights (CAP_SYS_ADMIN)"
    if account != "root":
        assert int(status["CapBnd"], 16) == 0
    assert box.run(f"nsenter --target {pid} --mount -- touch /etc/probe /usr/probe").rc != 0
