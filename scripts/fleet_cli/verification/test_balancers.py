"""Each balancer serves the services that it has a port for, to whoever may connect to it from here."""

import ssl as tls
from pathlib import Path
from typing import Any

import pytest
import urllib3

from fleet_cli.fleet.description import Fleet
from fleet_cli.machine import process
from fleet_cli.verification.expecting import SILENT, Differs, same
from fleet_cli.verification.subjects import Balanced

SECONDS = 5.0
_OTHER_NAMES = 62
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH."""


def test_port_of_the_balancer_listens(balanced: Balanced) -> None:
    inspection = balanced.node.inspection
    if inspection.error:
        pytest.skip(SILENT)
    same("listens on port", balanced.port, balanced.port if balanced.port in (inspection.ports or ()) else None)


def test_balancer_serves_it(balanced: Balanced, fleet: Fleet) -> None:
    name = balanced.node.certname
    scheme = "https" if balanced.https else "http"
    url = f"{scheme}://{_address(fleet, name)}:{balanced.port}{balanced.health_path}"
    trusted = _trusted(balanced, fleet) if balanced.https else None
    # The machine is asked by its address; its certificate has the name.
    names: dict[str, Any] = {"server_hostname": name} if trusted else {}
    with urllib3.PoolManager(ssl_context=trusted, **names) as asking:
        try:
            answer = asking.request("GET", url, timeout=SECONDS, retries=False)
        except urllib3.exceptions.SSLError as error:
            reason = error.args[0] if error.args else error
            if getattr(reason, "verify_code", 0) == _OTHER_NAMES:
                pytest.skip(f"the certificate of {balanced} is one of your own, for other names than {name}")
            raise Differs(f"certificate at {url}", "one that the fleet's CA has signed", reason) from None
        except (urllib3.exceptions.TimeoutError, urllib3.exceptions.NewConnectionError) as error:
            pytest.skip(f"{balanced.node} is not reachable from here at port {balanced.port}: {_short(error)}")
        except urllib3.exceptions.HTTPError as error:
            raise Differs(url, "200", _short(error)) from None
    same(url, 200, answer.status)


def _address(fleet: Fleet, host: str) -> str:
    """Where ssh would connect to: this machine may know the name by its ssh configuration alone."""
    config = ["-F", str(fleet.ssh_config)] if fleet.ssh_config else []
    said = process.run(["ssh", "-G", *config, "--", host], check=False).stdout
    found = [line.partition(" ")[2] for line in said.splitlines() if line.startswith("hostname ")]
    address = found[0] if found else host
    return f"[{address}]" if ":" in address else address


def _trusted(balanced: Balanced, fleet: Fleet) -> tls.SSLContext:
    """What trusts the fleet's CA, and those that this machine trusts anyway."""
    trusted = tls.create_default_context()
    certificate = balanced.node.inspection.ca_certificate
    if fleet.puppetdb and not certificate:
        certificate = Path(fleet.puppetdb.ca_file).read_text(encoding="ascii")
    if not certificate:
        pytest.skip(f"{balanced.node} does not say which CA the fleet has")
    trusted.load_verify_locations(cadata=certificate)
    return trusted


def _short(error: Exception) -> str:
    return str(error).rpartition(": ")[2] or type(error).__name__
