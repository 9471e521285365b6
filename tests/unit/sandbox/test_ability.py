"""What an administrator has to do is said, whatever it is that a machine does not allow."""

import json
from pathlib import Path

import pytest
from fleet_cli.machine.errors import FleetError
from fleet_cli.sandbox import ability

CASES = {
    "overlay": ({"step": "overlay", "errno": "EINVAL", "words": ""}, "modprobe overlay"),
    "newuidmap": ({"step": "newuidmap", "errno": "", "words": "write to uid_map failed"}, "reinstall uidmap"),
    "a masked /proc": ({"step": "mount", "errno": "EPERM", "words": ""}, "forbids mounts"),
    "a bind": ({"step": "bind /home/x", "errno": "EACCES", "words": ""}, "bind /home/x failed (EACCES)"),
    "user namespaces": (
        {"step": "userns", "errno": "EPERM", "words": ""},
        "no user namespace can be made here (EPERM)",
    ),
}


@pytest.mark.parametrize(("failed", "said"), CASES.values(), ids=CASES)
def test_each_step_that_fails_is_told_with_what_mends_it(failed: dict[str, str], said: str) -> None:
    assert said in ability.why(f"bwrap: some words\n{json.dumps(failed)}\n")


def test_a_program_that_is_missing_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(FleetError, match=r"not installed: .*bubblewrap.* As root: `apt-get install .*mmdebstrap"):
        ability.require_programs()


def test_a_state_on_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = f"/dev/vda / ext4 rw 0 0\nserver:/home {tmp_path} nfs4 rw 0 0\n"
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: mounts)
    with pytest.raises(FleetError, match=r"is on nfs4.*set XDG_STATE_HOME"):
        ability.require_local(tmp_path / "state")
    ability.require_local(Path("/var/lib/x"))
