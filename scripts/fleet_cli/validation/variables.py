"""What a node has by the name of a variable: Facter's facts, what stands in its certificate, what the server adds."""

import re
from collections.abc import Mapping

from fleet_cli.repository.finding import did_you_mean, nearest

_NAME = re.compile(r"(?:::)?[a-z_]\w*(?:::[a-z_]\w*)*")
_SEGMENT = re.compile(r"\.(?:'[^']+'|\"[^\"]+\"|[^.'\"]+)")
_NEAR = 0.8
_TRUSTED = ("authenticated", "certname", "domain", "extensions", "external", "hostname")
_EXTENSIONS = frozenset(
    f"pp_{name}"
    for name in (
        "uuid", "instance_id", "image_name", "preshared_key", "cost_center", "product", "project", "application",
        "service", "employee", "created_by", "environment", "role", "software_version", "department", "cluster",
        "provisioner", "region", "datacenter", "zone", "network", "securitypolicy", "cloudplatform", "apptier",
        "hostname", "owner", "authorization", "auth_auto_renew", "auth_role", "cli_auth",
    )
)  # fmt: skip
"""The names that Puppet itself gives to extensions; others come from custom_trusted_oid_mapping.yaml."""
_ROOTS = ("facts", "trusted", "server_facts")
_FACTS: Mapping[str, tuple[str, ...]] = {
    "os": ("architecture", "distro", "family", "hardware", "macosx", "name", "release", "selinux", "windows"),
    "os.distro": ("codename", "description", "id", "release", "specification"),
    "os.release": ("branch", "build", "full", "major", "minor", "patchlevel"),
    "networking": ("bindings", "dhcp", "domain", "fqdn", "hostname", "interfaces", "ip", "ip6", "mac", "mtu",
                   "netmask", "netmask6", "network", "network6", "primary", "scope6"),
    "processors": ("cores", "count", "extensions", "isa", "models", "physicalcount", "speed", "threads"),
    "identity": ("gid", "group", "privileged", "uid", "user"),
}  # fmt: skip
"""Of facts that Facter itself has, what is below them; facts of modules may be anything."""


_LEGACY = (
    "architecture", "augeasversion", "blockdevices", "boardmanufacturer", "domain", "fqdn", "hardwareisa",
    "hardwaremodel", "hostname", "interfaces", "ipaddress", "ipaddress6", "lsbdistcodename", "lsbdistdescription",
    "lsbdistid", "lsbdistrelease", "lsbmajdistrelease", "macaddress", "manufacturer", "memoryfree", "memorysize",
    "netmask", "operatingsystem", "operatingsystemmajrelease", "operatingsystemrelease", "osfamily", "processorcount",
    "productname", "rubyversion", "selinux", "serialnumber", "uniqueid", "uptime", "uuid",
    "clientcert", "environment", "is_virtual", "kernel", "kernelrelease", "kernelversion", "timezone", "virtual",
)  # fmt: skip
"""Facts of before Facter 3, of which an ENC or a server of Puppet 7 may still have some, and others of one word."""
_LONG = 6


def misspelt_fact(variable: str) -> str:
    """The fact that was meant, if a variable of one word is all but that: one letter more, less, or another one."""
    name = variable.removeprefix("::")
    if len(name) < _LONG or name in _LEGACY or not name.isalnum():
        return ""
    return next((fact for fact in _LEGACY if _is_one_letter_off(name, fact)), "")


def _is_one_letter_off(name: str, fact: str) -> bool:
    """Whether two words differ in one letter, or in the order of two; one that is another one's plural is meant so."""
    if name in (f"{fact}s", fact.removesuffix("s")) or "_" in fact or name[-1].isdigit():
        return False
    start = next((place for place, (one, other) in enumerate(zip(name, fact, strict=False)) if one != other), None)
    if start is None:
        return abs(len(name) - len(fact)) == 1
    mine, its = name[start:], fact[start:]
    return mine[1:] in (its, its[1:]) or mine == its[1:] or (mine[:2] == its[1::-1] and mine[2:] == its[2:])


def mistake(variable: str) -> tuple[str, str]:
    """What is wrong with the name of a variable in `%{…}`, and what to write; two empty texts if it may be right.

    Whether a variable of a class, of the main manifest, or a fact of a module is there, only a node's run tells.
    """
    if variable[:1] in ("'", '"'):
        return "", ""
    root = _NAME.match(variable)
    if root is None:
        return "is no variable of Puppet: its name would begin with a small letter", ""
    rest = variable[root.end() :]
    if _SEGMENT.sub("", rest):
        return "is neither a variable nor a call that Hiera knows", _dotted(variable)
    name, below = root[0].removeprefix("::"), [part[1:].strip("'\"") for part in _SEGMENT.findall(rest)]
    if below and name not in _ROOTS and (near := nearest(name, _ROOTS)):
        return f"begins with '{name}', which no node has", f"did you mean '{near}'?"
    return _below(name, below)


def _below(name: str, below: list[str]) -> tuple[str, str]:
    if name == "trusted" and below:
        if below[0] not in _TRUSTED:
            return f"asks for trusted.{below[0]}, which no node has", did_you_mean(below[0], _TRUSTED)
        extension = below[1] if below[0] == "extensions" and len(below) > 1 else ""
        near = nearest(extension, _EXTENSIONS, _NEAR) if extension not in _EXTENSIONS else None
        if near or (extension.startswith("pp_") and extension not in _EXTENSIONS):
            return f"asks for the extension '{extension}', which no certificate has", f"did you mean '{near}'?" * bool(
                near
            )
    if name in ("facts", "os", "networking"):
        path = below if name == "facts" else [name, *below]
        for depth in (1, 2):
            parent = ".".join(path[:depth])
            if len(path) > depth and parent in _FACTS and path[depth] not in _FACTS[parent]:
                return f"asks for the fact {parent}.{path[depth]}, which no node has", did_you_mean(
                    path[depth], _FACTS[parent]
                )
        known = {fact.partition(".")[0] for fact in _FACTS}
        if len(path) > 1 and path[0] not in known and (near := nearest(path[0], known, _NEAR)):
            return f"asks for the fact '{path[0]}', of which Facter knows nothing", f"did you mean '{near}'?"
    return "", ""


def _dotted(variable: str) -> str:
    """The same with dots, where it is written with brackets as in Puppet code."""
    dotted = re.sub(r"\[['\"]?([^]'\"]+)['\"]?\]", r".\1", variable)
    return f"write %{{{dotted}}}" if dotted != variable and not _SEGMENT.sub("", _NAME.sub("", dotted, count=1)) else ""
