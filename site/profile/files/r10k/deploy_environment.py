#!/usr/bin/python3
"""Deploy a branch of the control repository, and have Puppet Server read it.

    deploy-environment BRANCH

r10k makes the branch an environment, with the modules of its Puppetfile. Puppet Server keeps what it has read of an
environment until it is told to forget it: that comes last, and not at all if r10k failed.
"""

import argparse
import configparser
import fcntl
import http
import http.client
import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

PUPPET_CONF = Path("/etc/puppet/puppet.conf")
SSL_DIRECTORY = Path("/var/lib/puppet/ssl")
LOCK = Path("/run/lock/deploy-environment.lock")
PORT = 8140
# A cold start of the server takes a minute; twice that on a busy machine.
SERVER_START_SECONDS = 180.0
REQUEST_SECONDS = 30.0


class DeployError(Exception):
    """A deploy that did not come to its end; the message says what and why."""


def run(command: list[str], show: bool = False) -> tuple[int, str]:
    """Run a command; return its exit status and its output, which is also shown as it comes if wanted.

    Raises:
        DeployError: the command is not there.
    """
    output = []
    try:
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            for line in process.stdout or ():
                output.append(line)
                if show:
                    print(line, end="", flush=True)
    except FileNotFoundError as error:
        raise DeployError(f"{command[0]} is not installed") from error
    return process.returncode, "".join(output)


@contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Hold the lock, waiting for a deploy that is under way."""
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another deploy is under way: waiting for it", file=sys.stderr)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def environment_name(branch: str) -> str:
    """Return the name that r10k gives a branch's environment."""
    return re.sub(r"\W", "_", branch)


def certname(puppet_conf: Path) -> str:
    """Return the name in this machine's certificate."""
    settings = configparser.ConfigParser(strict=False, interpolation=None)
    settings.read(puppet_conf, encoding="utf-8")
    return settings.get("main", "certname", fallback=socket.getfqdn())


def deploy(branch: str) -> None:
    """Have r10k deploy the branch's environment.

    Raises:
        DeployError: there is no such branch, or r10k failed for it or for one of its modules.
    """
    environment = environment_name(branch)
    status, output = run(["r10k", "deploy", "environment", environment, "--modules", "--verbose=info"], show=True)
    if "cannot be found in any source" in output:
        raise DeployError(f"the control repository has no branch {branch!r}")
    if status != 0:
        raise DeployError(
            f"r10k failed (exit status {status}): see its messages above."
            f" Puppet Server goes on with what it had read of {environment}."
        )


def forget_environment(environment: str) -> None:
    """Have Puppet Server forget what it has read of an environment, waiting for it if it is starting.

    Raises:
        DeployError: the server can't be reached, or refuses.
    """
    host = certname(PUPPET_CONF)
    try:
        context = ssl.create_default_context(cafile=str(SSL_DIRECTORY / "certs/ca.pem"))
        context.load_cert_chain(SSL_DIRECTORY / f"certs/{host}.pem", SSL_DIRECTORY / f"private_keys/{host}.pem")
    except OSError as error:
        raise DeployError(f"can't read the certificate of {host} in {SSL_DIRECTORY}: {error}") from error

    path = "/puppet-admin-api/v1/environment-cache?" + urlencode({"environment": environment})
    deadline = time.monotonic() + SERVER_START_SECONDS
    waited = False
    while True:
        connection = http.client.HTTPSConnection(host, PORT, timeout=REQUEST_SECONDS, context=context)
        try:
            connection.request("DELETE", path)
            response = connection.getresponse()
            answer = response.read().decode("utf-8", errors="replace").strip()
        except ssl.SSLCertVerificationError as error:
            raise DeployError(f"{host}:{PORT} has a certificate of another authority: {error}") from error
        except (OSError, http.client.HTTPException) as error:
            _, state = run(["systemctl", "is-active", "puppetserver"])
            if time.monotonic() > deadline or state.strip() not in ("active", "activating", "reloading"):
                raise DeployError(
                    f"deployed, but Puppet Server on {host}:{PORT} does not answer ({error}); its unit is"
                    f" {state.strip()}: look at 'systemctl status puppetserver', and deploy again once it runs"
                ) from error
            if not waited:
                print(f"Puppet Server on {host}:{PORT} does not answer yet: waiting for it", file=sys.stderr)
                waited = True
            time.sleep(0.5)
            continue
        finally:
            connection.close()
        if response.status == http.HTTPStatus.NO_CONTENT:
            return
        if response.status == http.HTTPStatus.SERVICE_UNAVAILABLE and time.monotonic() < deadline:
            time.sleep(0.5)
            continue
        raise DeployError(f"deployed, but Puppet Server refuses to read it: {response.status} {answer}")


def main() -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="deploy-environment",
        description="Deploy a branch of the control repository, and have Puppet Server read it.",
    )
    parser.add_argument("branch", metavar="BRANCH", help="branch of the control repository, say production")
    branch: str = parser.parse_args().branch
    try:
        with only_one(LOCK):
            deploy(branch)
            forget_environment(environment_name(branch))
    except DeployError as error:
        print(f"deploy-environment: {error}", file=sys.stderr)
        return 1
    except PermissionError as error:
        print(f"deploy-environment: run it as root: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(f"{environment_name(branch)}: deployed, and Puppet Server has forgotten what it had read of it before")
    return 0


if __name__ == "__main__":
    sys.exit(main())
