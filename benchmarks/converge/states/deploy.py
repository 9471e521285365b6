"""The services in pyinfra."""

import json
from pathlib import Path

from pyinfra.operations import apt, files, server, systemd

SERVICES = json.loads(Path("services.json").read_text(encoding="utf-8"))["services"]

packages = apt.packages(
    name="Packages, in one transaction", packages=[f"{service['name']}={service['version']}" for service in SERVICES]
)
for service in SERVICES:
    name = service["name"]
    server.group(name=f"{name}: group", group=name, system=True)
    server.user(  # noqa: S604 - `shell` is the user's
        name=f"{name}: user", user=name, group=name, system=True, home=f"/var/lib/{name}", ensure_home=False,
        shell="/usr/sbin/nologin",
    )  # fmt: skip
    for directory in ("/etc", "/var/log"):
        files.directory(name=f"{name}: {directory}", path=f"{directory}/{name}", user="root", group=name, mode="770")
    config = files.template(
        name=f"{name}: config", src="config.j2", dest=f"/etc/{name}/default_config.ini", user="root", group=name,
        mode="640", service=service,
    )  # fmt: skip
    files.template(
        name=f"{name}: log rotation", src="logrotate.j2", dest=f"/etc/logrotate.d/{name}", user="root", group="root",
        mode="644", service=service,
    )  # fmt: skip
    unit = files.template(
        name=f"{name}: unit", src="unit.j2", dest=f"/etc/systemd/system/{name}.service", user="root", group="root",
        mode="644", service=service,
    )  # fmt: skip
    systemd.daemon_reload(name=f"{name}: unit is read again", _if=unit.did_change)
    systemd.service(name=f"{name}: runs", service=f"{name}.service", running=True, enabled=True)
    changed = [config, unit, *([packages] if service["version"] != "1.0-1" else [])]
    systemd.service(
        name=f"{name}: runs anew", service=f"{name}.service", restarted=True,
        _if=[lambda changed=changed: any(one.did_change() for one in changed)],
    )  # fmt: skip
