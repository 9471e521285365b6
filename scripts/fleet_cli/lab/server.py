"""The lab's Puppet server: what it gets before it configures itself, and its own bootstrap."""

from pathlib import Path

import jinja2

from fleet_cli.fleet.description import BRANCH
from fleet_cli.lab import remote, ssh
from fleet_cli.machine import steps
from fleet_cli.machine.errors import CommandFailedError, FleetError
from fleet_cli.repository.labfile import Lab
from fleet_cli.roots import forge, forge_server

FORGE_PORT = 8085
FORGE_DIRECTORY = "/srv/forge"
FORGE_UNIT = """\
[Unit]
Description=Forge mirror of the lab

[Service]
ExecStart=/usr/bin/python3 {{ directory }}/forge_server.py {{ directory }} {{ port }}
DynamicUser=yes
ProtectSystem=strict
ProtectHome=yes
NoNewPrivileges=yes
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""
READY = "/var/lib/fleet-bootstrapped"


def bootstrapped(lab: Lab) -> bool:
    """Whether the server has configured itself to the end."""
    return ssh.run(lab.server, ["test", "-e", READY], check=False).returncode == 0


def wait_until_up(lab: Lab) -> None:
    """Wait for the starts that are under way, as after a reboot of the box.

    Raises:
        FleetError: a service does not start.
    """
    for unit in ("puppetdb", "puppetserver"):
        try:
            ssh.run(lab.server, ["systemctl", "start", unit])
        except CommandFailedError as error:
            raise FleetError(
                f"box {lab.server.name}: {unit} does not start: {error}\n"
                f"see: fleet lab ssh {lab.server.name} -- journalctl -u {unit}"
            ) from None


def bootstrap(lab: Lab, repo: Path) -> None:
    """Give the bare box the control repository and a Forge, and let it make itself the Puppet server.

    Raises:
        FleetError: a step of the bootstrap failed; a new call takes it up again.
    """
    box = lab.server
    with steps.step(f"{box.name}: Forge mirror and git remote"):
        ssh.upload(box, forge.ensure(), FORGE_DIRECTORY)
        ssh.upload(box, Path(forge_server.__file__), f"{FORGE_DIRECTORY}/forge_server.py")
        unit = jinja2.Template(FORGE_UNIT, autoescape=False, undefined=jinja2.StrictUndefined)
        text = unit.render(directory=FORGE_DIRECTORY, port=FORGE_PORT) + "\n"
        ssh.run(box, ["tee", "/etc/systemd/system/lab-forge.service"], stdin=text)
        ssh.run(box, ["systemctl", "enable", "--quiet", "--now", "lab-forge.service"])
        ssh.run(
            box,
            ["sh", "-c", "command -v git >/dev/null || apt-get -q -y --no-install-recommends install git"],
        )
        ssh.run(
            box,
            ["git", "init", "--quiet", "--bare", f"--initial-branch={BRANCH}", remote.PATH],
        )
    remote.push(lab, repo, remote.first_commit(lab, repo), BRANCH)
    script = "/var/lib/fleet-bootstrap/bootstrap-puppetserver"
    ssh.run(box, ["mkdir", "-p", str(Path(script).parent)])
    ssh.upload(box, repo / "scripts/bootstrap-puppetserver", script)
    with steps.step(f"{box.name}: bootstrap of the Puppet server"):
        try:
            ssh.run(
                box,
                ["env", f"FORGE_BASEURL=http://127.0.0.1:{FORGE_PORT}", "bash", script, remote.PATH,
                 BRANCH],
                on_line=lambda line: steps.say(f"{box.name}: {line[3:]}") if line.startswith("== ") else None,
            )  # fmt: skip
        except CommandFailedError as error:
            raise FleetError(
                f"box {box.name}: the Puppet server did not come up:\n{error}\na new `fleet lab up` goes on from there"
            ) from None
    ssh.run(box, ["touch", READY])
