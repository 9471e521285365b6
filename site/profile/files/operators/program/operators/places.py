"""Where things are on a machine."""

from pathlib import Path

CONFIG = Path("/etc/fleet-operators.ini")
"""What Puppet says of the machine."""

STATE = Path("/var/cache/puppet/state")
"""Puppet's `statedir`."""

RUN_LOCK = Path("/run/fleet-run/lock")
"""Held by a fleet-run from before the agent's run to its end."""

SUMMARY = Path("/var/cache/puppet/public/last_run_summary.yaml")
SSL = Path("/var/lib/puppet/ssl")
UNITS = Path("/etc/systemd/system")
RELEASES = Path("/opt/releases")
RUN = Path("/run/flask-microservice")
"""A directory for each service, with a socket for each of its releases that run."""

HAPROXY = Path("/run/haproxy/root.sock")
JOURNAL = Path("/run/systemd/journal/socket")
PROCESSES = Path("/proc")

AUTHORITY = Path("/etc/puppet/puppetserver/ca/ca_crt.pem")
"""The certificates of Puppet's CA, as agents get them."""

SIGNED = Path("/etc/puppet/puppetserver/ca/signed")
"""A file for each certificate, CERTNAME.pem."""

ENROLMENT = Path("/run/fleet-enrolment/socket")
"""Where fleet-enrolment.service answers."""

PUPPET_RUN = Path("/usr/local/sbin/puppet-run")
PUPPET = Path("/usr/bin/puppet")
PUPPETSERVER = Path("/usr/bin/puppetserver")
RUBY = Path("/usr/bin/ruby")
FLASK_MICROSERVICE = Path("/usr/local/sbin/flask-microservice")
DEPLOY_ENVIRONMENT = Path("/usr/local/sbin/deploy-environment")
PUBLISH_PACKAGE = Path("/usr/local/sbin/publish-package")

INBOX = Path("/var/cache/fleet-inbox")
"""Where packages are unpacked that somebody sends."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where other programs are looked up, whatever the caller's PATH is."""
