"""The programs of the preloaded agent, laid out as Puppet lays them out on a node."""

import json
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

FILES = Path(__file__).resolve().parents[3] / "site/profile/files"
PATCHES = FILES / "puppet_agent/patches"
SHARED = FILES / "puppet_patches"
"""What applies patches, and what it knows of the files that they rely on."""
NAMES = sorted(path.stem for path in PATCHES.glob("*.rb"))


def install(directory: Path, used: Collection[str] = NAMES) -> Path:
    """Write the programs into a directory, with the patches that are used; return it."""
    directory.mkdir(parents=True, exist_ok=True)
    for file in ("preloaded-agent.rb", "puppet-run"):
        shutil.copy(FILES / "puppet_agent" / file, directory)
    for path in SHARED.iterdir():
        shutil.copy(path, directory)
    code = [(PATCHES / f"{name}.rb").read_text(encoding="utf-8") for name in NAMES if name in used]
    (directory / "patches.rb").write_text("\n".join(code), encoding="utf-8")
    return directory


def tested_with(directory: Path, files: dict[str, str]) -> None:
    """Have the patches in a directory take files of these digests for those that they were tested with."""
    known = directory / "upstream.json"
    tested: dict[str, Any] = json.loads(known.read_text(encoding="utf-8"))
    tested |= {name: {"a test": digest} for name, digest in files.items()}
    known.write_text(json.dumps(tested), encoding="utf-8")
