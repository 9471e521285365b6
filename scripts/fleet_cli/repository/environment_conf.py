"""environment.conf: where an environment has its modules and its manifests.

A path in it may be the server's absolute one of the environment itself, and is the repository's then:
`/etc/puppetlabs/code/environments/production/site`, `$environmentpath/$environment/site`.
"""

import posixpath
import re
from dataclasses import dataclass

NAME = "environment.conf"
_ENVIRONMENT = re.compile(
    r"(?:\$\{?environmentpath\}?|(?:\$\{?(?:code|conf)dir\}?|/[^$%:\s\"']*)/environments)"
    r"/(?:\$\{?environment\}?|%\{\s*(?:::)?(?:server_facts\.)?environment\s*\}|production)(?=/|[\s\"':]|\Z)/*"
)
"""A server's path of an environment, as environment.conf and hiera.yaml write it."""
_USUAL = re.compile(r"basemodulepath|^/(?:etc/puppet(?:labs)?/code|usr/share/puppet|opt/puppetlabs/puppet)/modules/?$")
"""Directories of modules that every server has, and that seldom have something in them."""
_SETTING = re.compile(r"\s*([a-z_]+)\s*=\s*(.*?)\s*\Z")


@dataclass(frozen=True)
class EnvironmentConf:
    """What environment.conf says.

    Attributes:
        modulepath: the directories of modules that are the repository's own, `.` for its top.
        manifest: the file or the directory of manifests in the repository; None where it is the server's.
        elsewhere: the directories of modules that are neither the repository's nor Puppet's usual ones.
        is_said: whether there is such a file: without it the server or a command line may say all.
    """

    modulepath: tuple[str, ...] = ("modules",)
    manifest: str | None = "manifests"
    elsewhere: tuple[str, ...] = ()
    is_said: bool = False


def parse(text: str) -> EnvironmentConf:
    """Read the text of an environment.conf; what it does not say is as Puppet has it."""
    said = {match[1]: match[2].strip("\"'") for line in text.splitlines() if (match := _SETTING.match(line))}
    modulepath = (
        tuple(dict.fromkeys(path for part in said["modulepath"].split(":") if (path := own(part)) is not None))
        if "modulepath" in said
        else EnvironmentConf.modulepath
    )
    manifest = own(said["manifest"]) if said.get("manifest") else EnvironmentConf.manifest
    parts = [part.strip() for part in said.get("modulepath", "").split(":")]
    elsewhere = tuple(part for part in parts if part and own(part) is None and not _USUAL.search(part))
    return EnvironmentConf(modulepath, manifest, elsewhere, is_said=True)


def own(path: str) -> str | None:
    """Return where a path is in the repository, without dots and slashes too many; None if it is not in there."""
    path = relative(path.strip())
    if not path or path.startswith(("/", "$", "~")):
        return None
    path = posixpath.normpath(path)
    return None if path == ".." or path.startswith("../") else path


def relative(text: str) -> str:
    """Replace each path of the environment on a server by one from the top of the repository."""
    return _ENVIRONMENT.sub(lambda found: "" if found[0].endswith("/") else ".", text)


def laid_out(text: str) -> str:
    """Return the text for an environment that is no server's: its paths its own, and no program run for a version."""
    lines = []
    for line in text.splitlines(keepends=True):
        setting = _SETTING.match(line)
        name = setting[1] if setting else ""
        lines.append("#" + line if name == "config_version" else relative(line) if name else line)
    return "".join(lines)
