"""Where things are on a node."""

from pathlib import Path

UNITS = Path("/etc/systemd/system")
TRIAL_UNITS = Path("/run/systemd/system")
RELEASES = Path("/opt/releases")
RUN = Path("/run/flask-microservice")
KEY = Path("/var/lib/flask-microservice/key")
DECLARED = Path("/usr/local/lib/flask-microservice/declared")
"""A file for each service of the node's catalog; there if Puppet knows all services of the node."""
GUNICORN_CONFIG = Path("/usr/local/lib/flask-microservice/gunicorn.conf.py")
PROGRAM = Path("/usr/local/sbin/flask-microservice")
RESOLVER = Path("/etc/resolv.conf")
SOCKETS = Path("/proc/net")
