"""The service does what its OpenAPI document says, with whatever requests schemathesis can make from it."""

import subprocess
import sys
from pathlib import Path


def test_every_operation_is_as_described(address: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{address}/openapi.json", "--no-color"]
    command += ["--max-examples=20", "--seed=1", "--generation-database=none"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600)
    assert result.returncode == 0, result.stdout + result.stderr
