"""Refuse, before a file is written, what would not build or run: with one message for the first thing found.

cookiecutter has made the service's folder by then, and removes it after a refusal. `__folder` in cookiecutter.json sees to it
that this is a folder of its own: of the name a/b it would leave `a`, and of .. it would remove what is there.
"""

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

# The service's account, units, directories and package have its name. Debian, and the packages that nodes and servers of the
# fleet have, have these: the module flask_microservice refuses them too, by its data types System_*, which a test compares.
SYSTEM = frozenset(
    """
    acpid adm admin alternatives apache2 apparmor apt apt-daily apt-daily-upgrade apt-listchanges apt-signing
    aptly audio auditd autovt backup base-files base-passwd bash bin bind blk-availability btmp ca-certificates
    ca-certificates-java capsule cdrom chrony clock cloud cloud-config cloud-final cloud-init cloud-init-local
    console-getty console-setup container-getty containerd coreutils credstore cron crontab cryptdisks
    cryptdisks-early curl daemon dash dbus dbus-1 debconf debian debianutils debug-shell default
    deploy-environment dhcp dialout diffutils dip disk dm-event dnsmasq docker dovecot dovenull dpkg
    dpkg-db-backup e2fsprogs e2scrub e2scrub-all e2scrub-reap emacs emergency environment ethertypes facter
    faillog fax findutils floppy fonts fstab fstrim games gems getty getty-static git gnats gnupg gnutls grep
    group grub grub-common gshadow gss gzip haproxy hiera-eyaml hostname hosts hwclock ifup ifupdown-pre init
    initramfs-tools input inputrc installer iproute2 irc issue java-21-openjdk journal kernel kexec
    keyboard-setup kmem kmod kmod-static-nodes kvm lastlog ldap ldconfig less libc-bin libc6 list localtime
    logcheck login logrotate lp lvm2-lvmpolld lvm2-monitor lxd magic mail man man-db memcache messagebus mime
    misc modprobe modules motd mount mtab multipathd mysql nano nanorc ncurses-base ncurses-bin netconfig netdev
    network networking networks news nftables nginx nginx-light nobody nogroup ntpsec openssh-client
    openssh-server openssl operator opt os-release pam passwd perl perl-base plugdev polkit polkit-1 polkitd
    portables postdrop postfix postgres postgresql postgresql-common ppp private procps profile protocols proxy
    publish-package puppet puppet-agent puppet-deploys puppet-refused-requests puppet-run puppet-run-periodic
    puppet-terminus-puppetdb puppetdb puppetserver python python3 python3-cryptography python3-minimal quotaon
    quotaon-root r10k rabbitmq rc-local redis render rescue resolvconf rmt root rpc rpcbind rsync rsyslog
    rsyslog-openssl ruby runit sasl security sed selinux serial-getty services sgx shadow shells skel smartd
    socat src ssh sshd sshd-keygen ssl ssl-cert staff subgid subuid sudo sudoers supercat sv sync sys syslog
    system-update-cleanup systemd systemd-sysv sysvinit-utils tape tar tcpdump terminfo timezone tss tty tzdata
    ucf udev ufw unattended-upgrades unbound user user-runtime-dir users util-linux utmp uucp uuidd vagrant
    video vim voice wget wgetrc wheel wtmp wtmpdb www-data x11-common xdg xml xml-core
    """.split()
)
SYSTEM_FORM = re.compile(r"systemd(-.*)?|initrd-.*|flask-microservice(-.*)?")


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
    if name in SYSTEM or SYSTEM_FORM.fullmatch(name):
        return "is that of an account or a package that Debian has, or of a unit or directory: choose another name"
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
