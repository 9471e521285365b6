"""Logs on their way to a collector: a real rsyslog on the bare box, which takes them over TLS only from whom it knows.

The certificates are of an authority of these tests, in the places where a Puppet agent has those of its own.
"""

import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests
from deployed import REPO
from fleet_cli.lab import ssh
from own_authority import Authority
from standalone import PORT, SERVICE, Standalone
from waiting import wait_for

SSL = "/var/lib/puppet/ssl"
COLLECTOR = "/srv/collector"
RESUMED_SECONDS = 150
"""rsyslog waits up to a minute (`action.resumeIntervalMax`) before it tries a collector again that was away."""
UNIT = "test-collector"
"""How long a line may take: a collector that came back is found after five."""

CONFIG = """\
global(defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="{home}/ca.pem"
       defaultNetstreamDriverCertFile="{home}/{who}.pem" defaultNetstreamDriverKeyFile="{home}/{who}.key")
module(load="imtcp" streamDriver.Name="ossl" streamDriver.Mode="1" streamDriver.AuthMode="x509/name"
       permittedPeer=["{peer}"])
input(type="imtcp" port="6514")
"""
OUTPUT = """\
template(name="line" type="string" string="%app-name%|%msg%\\n")
action(type="omfile" file="{home}/received.log" template="line")
"""
MANIFEST = """\
class {{ 'flask_microservice':
  services => {{ '{service}' => {{ 'port' => {port}, 'version' => '1.0.0-1' }} }},
}}
class {{ 'profile::log_shipping':
  ensure    => {ensure},
  collector => '{collector}',
  require   => Class['flask_microservice'],
}}
"""


@dataclass(frozen=True)
class Shipping:
    """A node that ships its logs to a collector on itself."""

    machine: Standalone

    def declare(self, ensure: str) -> bool:
        """Apply the profile; whether that changed anything."""
        code = MANIFEST.format(service=SERVICE, port=PORT, ensure=ensure, collector=self.machine.box.certname)
        return self.machine.apply(code)

    def request(self) -> str:
        """Ask the service for something; return the trace that its log has of it."""
        trace = secrets.token_hex(16)
        url = f"http://{self.machine.box.address}:{PORT}/api/v1/items"
        headers = {"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"}
        assert requests.get(url, headers=headers, timeout=10).status_code == 200
        return trace

    def received(self, sender: str, text: str) -> bool:
        """Whether the collector has a line of a sender with this text in it."""
        log = self.machine.host.run(f"cat {COLLECTOR}/received.log").stdout
        lines = [line.partition("|") for line in log.splitlines()]
        return any(app == sender and text in said for app, _, said in lines)

    def collect(self, who: str = "known") -> None:
        """Run the collector, under the certificate of the known authority or of a stranger."""
        self.stop()
        config = (CONFIG + OUTPUT).format(home=COLLECTOR, who=who, peer=self.machine.box.certname)
        ssh.run(self.machine.box, ["tee", f"{COLLECTOR}/rsyslog.conf"], stdin=config)
        command = f"/usr/sbin/rsyslogd -n -i NONE -f {COLLECTOR}/rsyslog.conf"
        self.machine.host.check_output(f"systemd-run --quiet --collect --unit={UNIT} {command}")
        wait_for(lambda: bool(self.machine.host.socket("tcp://0.0.0.0:6514").is_listening), "the collector listens")

    def said(self, words: str) -> int:
        """How often the shipping rsyslog has said something to the journal."""
        journal: str = self.machine.host.check_output("journalctl --no-pager -q -o cat -u rsyslog.service")
        return journal.count(words)

    def stop(self) -> None:
        self.machine.host.run(f"systemctl stop {UNIT}.service")


@pytest.fixture(scope="module")
def node(bare: Standalone) -> Iterator[Standalone]:
    """The bare box with certificates of two authorities; afterwards it is as before."""
    name = bare.box.certname
    known, stranger = Authority("Puppet CA of the test"), Authority("Someone else")
    certificate, key = known.issue(name)
    other, other_key = stranger.issue(name)
    files = {
        f"{SSL}/certs/ca.pem": known.certificate,
        f"{SSL}/crl.pem": known.revoked(),
        f"{SSL}/certs/{name}.pem": certificate,
        f"{SSL}/private_keys/{name}.pem": key,
        f"{COLLECTOR}/ca.pem": known.certificate,
        f"{COLLECTOR}/known.pem": certificate,
        f"{COLLECTOR}/known.key": key,
        f"{COLLECTOR}/stranger.pem": other,
        f"{COLLECTOR}/stranger.key": other_key,
    }
    bare.host.check_output(f"mkdir -p {SSL}/certs {SSL}/private_keys {COLLECTOR}")
    for path, text in files.items():
        ssh.run(bare.box, ["tee", path], stdin=text)
    bare.add(REPO / "site/profile")
    yield bare
    bare.host.check_output(f"rm -rf {COLLECTOR} {' '.join(files)}")
    bare.clear()


@pytest.fixture(scope="module")
def shipping(node: Standalone) -> Iterator[Shipping]:
    """A service and the profile on it."""
    ship = Shipping(node)
    try:
        ship.declare("present")
        yield ship
    finally:
        ship.stop()
        if node.host.package("rsyslog").is_installed:  # the last test takes it back
            ship.declare("absent")


def test_lines_of_a_service_and_what_it_prints_arrive(shipping: Shipping) -> None:
    shipping.collect()
    trace = shipping.request()
    wait_for(
        lambda: shipping.received(SERVICE, trace), "the line of the request, from the service's log", RESUMED_SECONDS
    )

    host = shipping.machine.host
    running = f"systemctl list-units --state=running --no-legend --plain '{SERVICE}*.service'"
    unit = host.check_output(running).split()[0]
    host.check_output(f"systemctl kill --kill-whom=main --signal=HUP {unit}")
    wait_for(
        lambda: shipping.received(unit, "Handling signal: hup"),
        f"what {unit} printed, from the journal",
        RESUMED_SECONDS,
    )


def test_lines_arrive_after_the_log_was_rotated(shipping: Shipping) -> None:
    shipping.collect()
    shipping.machine.host.check_output(f"logrotate --force /etc/logrotate.d/{SERVICE}")
    trace = shipping.request()
    wait_for(lambda: shipping.received(SERVICE, trace), "the line of a request, from the new file", RESUMED_SECONDS)


# As the service: make a link, to a file that only root reads and to one that those who collect logs read too.
LINK = """
import json, os, sys
directory, log, *targets = sys.argv[1:]
done = []
for number, target in enumerate(targets):
    for step in (
        lambda: os.symlink(target, f"{directory}/link{number}"),
        lambda: os.rename(log, f"{log}.away"),
        lambda: os.unlink(log),
        lambda: os.rename(f"{directory}/link{number}", log),
    ):
        try:
            step()
            done.append(number)
        except OSError:
            pass
print(json.dumps(done))
"""


def test_a_service_leads_rsyslog_to_no_other_file(shipping: Shipping) -> None:
    shipping.collect()
    host, directory = shipping.machine.host, f"/var/log/{SERVICE}"
    first = shipping.request()
    wait_for(lambda: shipping.received(SERVICE, first), "a line before", RESUMED_SECONDS)
    host.check_output(
        f"echo secret-of-root > {COLLECTOR}/secret && chmod 600 {COLLECTOR}/secret"
        f" && install -d -o root -g adm -m 750 {COLLECTOR}/other && echo secret-of-another > {COLLECTOR}/other/log"
        f" && chown root:adm {COLLECTOR}/other/log && chmod 640 {COLLECTOR}/other/log"
    )
    command = ["setpriv", f"--reuid={SERVICE}", f"--regid={SERVICE}", "--clear-groups", "python3", "-c", LINK]
    places = [directory, f"{directory}/{SERVICE}.log", f"{COLLECTOR}/secret", f"{COLLECTOR}/other/log"]
    assert json.loads(ssh.run(shipping.machine.box, [*command, *places]).stdout) == []
    # Its own lines go on, and nothing else came.
    trace = shipping.request()
    wait_for(lambda: shipping.received(SERVICE, trace), "a line after", RESUMED_SECONDS)
    assert not shipping.received(SERVICE, "secret-of")


def test_rsyslog_has_no_privileges_and_reads_the_nodes_key_from_a_copy(shipping: Shipping) -> None:
    host = shipping.machine.host
    pid = host.check_output("systemctl show -P MainPID rsyslog.service")
    status = host.file(f"/proc/{pid}/status").content_string
    account = host.user("_rsyslog").uid
    assert account != 0
    assert re.search(rf"^Uid:\s+{account}\s+{account}\s+{account}\s+{account}$", status, re.M)
    assert re.search(r"^CapEff:\s+0+$", status, re.M)
    name = shipping.machine.box.certname
    keys = f"{SSL}/private_keys/{name}.pem /etc/rsyslog.tls/key.pem"
    assert len(set(host.check_output(f"sha256sum {keys} | cut -d ' ' -f 1").split())) == 1
    copy = host.file("/etc/rsyslog.tls/key.pem")
    assert (copy.user, copy.group, oct(copy.mode)) == ("root", "_rsyslog", "0o640")


def test_lines_wait_for_a_collector_that_is_away(shipping: Shipping) -> None:
    shipping.collect()
    first = shipping.request()
    wait_for(lambda: shipping.received(SERVICE, first), "a line before", RESUMED_SECONDS)
    before = shipping.said("suspended")
    shipping.stop()
    # Syslog acknowledges nothing: what is under way as the connection breaks is lost, and shows that it is broken.
    wait_for(lambda: bool(shipping.request()) and shipping.said("suspended") > before, "the collector is missed")
    traces = [shipping.request() for _ in range(5)]
    shipping.collect()
    wait_for(
        lambda: all(shipping.received(SERVICE, trace) for trace in traces), "the lines of meanwhile", RESUMED_SECONDS
    )


def test_a_collector_without_a_certificate_of_the_authority_gets_nothing(shipping: Shipping) -> None:
    shipping.collect("stranger")
    before = shipping.said("certificate")
    trace = shipping.request()
    wait_for(lambda: shipping.said("certificate") > before, "the refusal in the journal")
    assert not shipping.received(SERVICE, trace)
    shipping.collect()
    wait_for(
        lambda: shipping.received(SERVICE, trace), "the line, once the collector is the right one", RESUMED_SECONDS
    )


def test_a_second_apply_changes_nothing_and_shipping_can_be_taken_back(shipping: Shipping) -> None:
    assert not shipping.declare("present")
    assert shipping.declare("absent")
    host = shipping.machine.host
    assert not host.package("rsyslog").is_installed
    assert not host.file("/etc/rsyslog.conf").exists
    assert not host.file("/etc/rsyslog.tls").exists
    assert not host.user("_rsyslog").exists
    assert not shipping.declare("absent")
