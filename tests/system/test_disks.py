"""A disk that is full or read-only gets one message, and nothing is left behind."""

import os
import subprocess
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    tiny = 'mount -t tmpfs -o size=100k none "$0" && "$@"; status=$?; ls -A "$0"; exit $status'
    result = subprocess.run(
        ["unshare", "--mount", "sh", "-c", tiny, str(tmp_path),
         sys.executable, "-m", "fleet_cli", "new", "billing", "--output", str(tmp_path / "deep")],
        cwd=REPO, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(REPO / "scripts")},
    )  # fmt: skip
    assert (result.returncode, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert "No space left on device" in line


def test_root_is_told_too_that_a_file_system_is_read_only(tmp_path: Path) -> None:
    mounted = 'mount -t tmpfs -o ro none "$0" && exec "$@"'
    debian = tmp_path / "billing/debian"
    debian.mkdir(parents=True)
    (debian / "control").write_text("Source: billing\n", encoding="utf-8")
    (debian / "changelog").write_text("billing (1.0.0-1) trixie; urgency=low\n", encoding="utf-8")
    (tmp_path / "read-only").mkdir()
    result = subprocess.run(
        ["unshare", "--mount", "sh", "-c", mounted, str(tmp_path / "read-only"),
         sys.executable, "-m", "fleet_cli", "build", str(debian.parent), "--output", str(tmp_path / "read-only/dist")],
        env={**os.environ, "PYTHONPATH": str(REPO / "scripts")},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (result.returncode, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert "read-only/dist: no package can be written there: Read-only file system" in line
