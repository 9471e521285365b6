"""Run in a sandbox, without a network: r10k puts a Puppetfile's modules where it says, and a tar of them is printed.

Everything was fetched before: /forge is a Forge's directory; /git has a mirror of each git repository that is named,
which git is told to take in the place of its URL; /tarballs has archives, by the names that r10k's cache has for them.
The standard library alone.
"""

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


def main() -> int:
    """Serve the Forge's directory on the sandbox's loopback, and run r10k."""
    WORK.mkdir()
    (WORK / "Puppetfile").write_bytes(Path("/Puppetfile").read_bytes())
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, root=Path("/forge"))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        config = Path("/tmp/r10k.yaml")  # noqa: S108
        forge = f"http://127.0.0.1:{server.server_address[1]}"
        config.write_text(f"cachedir: {CACHE}\nforge:\n  baseurl: {forge}\n", encoding="ascii")
        shutil.copytree("/tarballs", CACHE / "tarball")
        settings = {"safe.directory": "*", "protocol.allow": "never", "protocol.file.allow": "always"}
        for url, mirror in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
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
