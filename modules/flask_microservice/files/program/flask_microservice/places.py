"""Where things are on a node."""

from pathlib import Path

UNITS = Path("/etc/systemd/system")
CHECK_UNITS = Path("/run/systemd/system")
RELEASES = Path("/opt/releases")
RUN = Path("/run/flask-microservice")
LOCKS = RUN / ".locks"
"""No service can have that name."""
KEY = Path("/var/lib/flask-microservice/key")
UNDECLARED = Path("/var/lib/flask-microservice/undeclared")
"""A file for each service that Puppet's last run found here and not in the catalog."""
GUNICORN_CONFIG = Path("/usr/local/lib/flask-microservice/gunicorn.conf.py")
PROGRAM = Path("/usr/local/sbin/flask-microservice")
RESOLVER = Path("/etc/resolv.conf")
PROCESSES = Path("/proc")
SOCKETS = Path("/proc/net")
