"""Run in a sandbox, without a network: r10k puts a Puppetfile's modules where it says, and a tar of them is printed.

Everything was fetched before: /forge is a Forge's directory; /git has a mirror of each git repository that is named,
which git is told to take in the place of its URL; /tarballs has archives, by the names that r10k's cache has for them.
Standard input has JSON: `mirrors`, the directory of each by URL, and `left_out`, modules that r10k is not to see. The
standard library alone.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

from forge_server import Handler  # type: ignore[import-not-found] # beside this file, in the sandbox

WORK = Path("/tmp/repo")  # noqa: S108 - in a sandbox
CACHE = Path("/tmp/cache")  # noqa: S108
_LEFT_OUT = "define_singleton_method(:mod) {{ |name, args = nil| super(name, args) unless [{}].include?(name.to_s) }}; "
"""Stands before the first line of the Puppetfile, so that its lines keep their numbers."""


def main() -> int:
    """Serve the Forge's directory on the sandbox's loopback, and run r10k."""
    request = json.load(sys.stdin)
    WORK.mkdir()
    left_out = ", ".join("'" + name.replace("\\", "\\\\").replace("'", "\\'") + "'" for name in request["left_out"])
    (WORK / "Puppetfile").write_bytes(_LEFT_OUT.format(left_out).encode() + Path("/Puppetfile").read_bytes())
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, root=Path("/forge"))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        config = Path("/tmp/r10k.yaml")  # noqa: S108
        forge = f"http://127.0.0.1:{server.server_address[1]}"
        config.write_text(f"cachedir: {CACHE}\nforge:\n  baseurl: {forge}\n", encoding="ascii")
        shutil.copytree("/tarballs", CACHE / "tarball")
        settings = {"safe.directory": "*", "protocol.allow": "never", "protocol.file.allow": "always"}
        for url, mirror in request["mirrors"].items():
            settings[f"url.{mirror}.insteadOf"] = url
        environment = {**os.environ, "GIT_CONFIG_COUNT": str(len(settings))}
        for number, (key, value) in enumerate(settings.items()):
            environment |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        command = ["r10k", "puppetfile", "install", "--config", str(config), "--verbose"]
        status = subprocess.run(command, cwd=WORK, env=environment, stdout=sys.stderr, check=False).returncode
    if status == 0:
        (WORK / "Puppetfile").unlink()
        status = subprocess.run(["tar", "--create", "--exclude=.git", "."], cwd=WORK, check=False).returncode
    return status


if __name__ == "__main__":
    sys.exit(main())
