"""Refuse, before a file is written, what would not build or run: with one message for the first thing found."""

import json
import keyword
import re
import sys
from collections.abc import Iterator

ANSWERS = json.loads(r"""{{ cookiecutter | tojson }}""")

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
# Python and Debian order releases of this form alike; of a suffix such as rc1 they think differently.
VERSION = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))*")
# What stands unquoted in control files, INI and reStructuredText without a meaning of its own there.
LINE = re.compile(r"(?=.{1,80}\Z)[^\W_](([^\W_]|[ ,.;:()/'&+-])*([^\W_]|[.)]))?")
EMAIL = re.compile(r"[\w.+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")

# Import names beside which a service's package would live in its virtualenv, its build or its tests.
TAKEN = frozenset(
    [
        "alembic",
        "aniso8601",
        "apispec",
        "blinker",
        "certifi",
        "charset_normalizer",
        "click",
        "conftest",
        "contracts",
        "docutils",
        "flask",
        "flask_marshmallow",
        "flask_migrate",
        "flask_restful",
        "flask_sqlalchemy",
        "gunicorn",
        "hypothesis",
        "idna",
        "itsdangerous",
        "jinja2",
        "mako",
        "markupsafe",
        "marshmallow",
        "marshmallow_sqlalchemy",
        "packaging",
        "pact",
        "pip",
        "pkg_resources",
        "prometheus_client",
        "prometheus_flask_exporter",
        "psycopg",
        "psycopg_binary",
        "pytest",
        "pytz",
        "requests",
        "schemathesis",
        "setuptools",
        "six",
        "sphinx",
        "sqlalchemy",
        "test",
        "tests",
        "tox",
        "typing_extensions",
        "urllib3",
        "werkzeug",
        "wheel",
        "xmltodict",
        "yaml",
    ]
)

# The service's account and package have its name. These accounts are Debian's (base-passwd) or of the packages that
# nodes and servers of the fleet have; a package in the place of one of these would break the machine.
SYSTEM = frozenset(
    [
        "apt",
        "aptly",
        "backup",
        "base-files",
        "base-passwd",
        "bash",
        "bin",
        "ca-certificates",
        "coreutils",
        "cron",
        "curl",
        "daemon",
        "dash",
        "dbus",
        "debconf",
        "dpkg",
        "facter",
        "games",
        "git",
        "gnats",
        "grep",
        "gzip",
        "haproxy",
        "init",
        "irc",
        "libc-bin",
        "list",
        "login",
        "logrotate",
        "lp",
        "mail",
        "man",
        "messagebus",
        "mount",
        "news",
        "nftables",
        "nginx",
        "nobody",
        "openssh-server",
        "openssl",
        "passwd",
        "perl",
        "postgres",
        "postgresql",
        "proxy",
        "puppet",
        "puppet-agent",
        "puppetdb",
        "puppetserver",
        "python3",
        "r10k",
        "root",
        "rsyslog",
        "ruby",
        "sed",
        "ssh",
        "sshd",
        "staff",
        "sudo",
        "sync",
        "sys",
        "syslog",
        "systemd",
        "tar",
        "tzdata",
        "udev",
        "users",
        "util-linux",
        "uucp",
        "www-data",
    ]
)


def name_fault(name: str) -> str:
    """Why NAME can not be the name of a service, or an empty string."""
    package = name.replace("-", "_")
    if not NAME.fullmatch(name) or not 2 <= len(name) <= 32:
        return (
            "is no Debian package name fit for a service: use 2 to 32 lower-case letters, digits and single dashes,"
            " beginning with a letter, not ending with a dash"
        )
    if not package.isidentifier() or keyword.iskeyword(package):
        return f"gives the Python package {package!r}, which is a keyword of Python: choose another name"
    if name in SYSTEM:
        return "is that of an account or a package that Debian has: choose another name"
    if package in sys.stdlib_module_names:
        return f"gives the Python package {package!r}, which would hide Python's own module: choose another name"
    if package in TAKEN:
        return f"gives the Python package {package!r}, which would hide a library of that name: choose another name"
    return ""


def faults(answers: dict[str, str]) -> Iterator[str]:
    """A message for each answer that can not be used."""
    name, upstream, version = answers["name"], answers["upstream"], answers["version"]
    if fault := name_fault(name):
        yield f"name {name!r} {fault}"
    if not VERSION.fullmatch(version):
        yield f"version {version!r} means different things to Debian and Python: use numbers and dots, as 1.0.0"
    if upstream and (fault := name_fault(upstream)):
        yield f"upstream {upstream!r} {fault}"
    if upstream == name:
        yield f"upstream {upstream!r} is the service itself: name another service, or leave it empty"
    for field in ("description", "maintainer"):
        if not LINE.fullmatch(answers[field]):
            yield f"{field} {answers[field]!r} must be one line of 80 plain letters, digits and punctuation at most"
    if not EMAIL.fullmatch(answers["email"]):
        yield f"email {answers['email']!r} is no e-mail address"


for message in faults(ANSWERS):
    sys.exit(f"error: {message}")
