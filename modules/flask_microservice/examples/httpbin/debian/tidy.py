"""tidy.py VENV INSTALLED EPOCH: make the virtualenv VENV work as INSTALLED, and the same in every build.

Leaves out what only installs further packages, replaces the build folder's path, and gives every record, time stamp
and byte code file the one form that does not depend on when and where it was built.
"""

import base64
import compileall
import csv
import hashlib
import os
import py_compile
import re
import shutil
import subprocess
import sys
from pathlib import Path

# Installers, activation scripts for shells, and what tests the libraries: a service is run, never entered.
NOT_SHIPPED = (
    *("bin/pip*", "bin/activate*", "bin/Activate*", "include", ".gitignore"),
    *("lib/python3*/site-packages/pip", "lib/python3*/site-packages/pip-*"),
    *("lib/python3*/site-packages/sqlalchemy/testing", "lib/python3*/site-packages/alembic/testing"),
    *("lib/python3*/site-packages/**/__pycache__", "lib/python3*/site-packages/*.dist-info/direct_url.json"),
)

# How a script names its interpreter: in its first line, or to a shell where that would be too long for the kernel.
START = re.compile(
    rb"#!/\S+/bin/(python[\d.]*)\n|#!/bin/sh\n'''exec' \"?/[^\n]*/bin/(python[\d.]*)\"? \"\$0\" \"\$@\"\n' '''\n"
)
# The name of what Python imports; other shared libraries are what that needs.
EXTENSION = re.compile(r"\.(cpython-[\w-]+|abi3)\.so$")


def remove(venv: Path) -> None:
    """Take out what is not shipped."""
    for pattern in NOT_SHIPPED:
        for path in sorted(venv.glob(pattern)):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def relocate(venv: Path, installed: str) -> None:
    """Point the scripts' first lines to the installed interpreter; forget the command that made the virtualenv."""
    for script in venv.glob("bin/*"):
        if not script.is_symlink() and (start := START.match(text := script.read_bytes())):
            python = (start[1] or start[2]).decode()
            script.write_bytes(f"#!{installed}/bin/{python}\n".encode() + text[start.end() :])
    settings = venv / "pyvenv.cfg"
    lines = settings.read_text().splitlines(keepends=True)
    settings.write_text("".join(line for line in lines if not line.startswith("command")))


def strip(venv: Path) -> None:
    """Take the notes for a debugger out of extension modules, where they are half of the file.

    Not out of the libraries that wheels bring beside them, which their tool has stripped, and patched after that.
    """
    modules = [path for path in sorted(venv.rglob("*.so")) if EXTENSION.search(path.name)]
    if modules:
        subprocess.run(["strip", "--strip-unneeded", *modules], check=True)  # noqa: S603, S607 - Debian's


def rewrite_record(record: Path) -> None:
    """List in RECORD what is there now, in a fixed order, with the hashes of what was changed here."""
    rows = []
    with record.open(newline="") as file:
        for name, digest, size in csv.reader(file):
            path = record.parent.parent / name
            if path.is_file():
                if name.startswith("../") or name.endswith(".so"):
                    content = path.read_bytes()
                    found = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
                    digest, size = f"sha256={found}", str(len(content))
                rows.append((name, digest, size))
    with record.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(sorted(rows))


def compile_all(venv: Path, installed: str) -> None:
    """Compile for the installed path. Nothing changes a file there but dpkg, so no time stamp needs checking.

    Libraries have files for another Python, or patterns of files: what does not compile stays as it is.
    """
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    whole = compileall.compile_dir(
        venv / "lib", quiet=1, stripdir=venv, prependdir=installed, invalidation_mode=unchecked, workers=0
    )
    if not whole:
        print("note: what is named above is not compiled, and can not be imported", flush=True)


def main(venv: Path, installed: str, epoch: int) -> str | None:
    """Do it all; the message if the result can not be shipped."""
    remove(venv)
    relocate(venv, installed)
    strip(venv)
    for record in venv.glob("lib/python3*/site-packages/*.dist-info/RECORD"):
        rewrite_record(record)
    compile_all(venv, installed)
    paths = [venv, *venv.rglob("*")]
    for path in paths:
        os.utime(path, (epoch, epoch), follow_symlinks=False)
    for path in paths:
        if path.is_file() and not path.is_symlink() and str(venv).encode() in path.read_bytes():
            return f"error: {path}: names the build folder, which is not there once the package is installed"
    return None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), sys.argv[2], int(sys.argv[3])))
