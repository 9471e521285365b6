"""Where things are on the machine that runs fleet."""

from pathlib import Path

STATE = Path("/var/lib/fleet-lab")
"""All that the lab keeps on this machine; one lab a machine, whichever checkout asks for it."""

RUN = Path("/run/fleet-lab")
"""What is gone after a reboot: pid files, the mount namespace of the boxes."""

BASE = STATE / "base"
LAYERS = STATE / "layers"
WORK = STATE / "work"
FORGE = STATE / "forge"
PACKAGES = STATE / "packages"
SERVICES = STATE / "services"
SSH_KEY = STATE / "ssh" / "id_ed25519"
SSH_CONFIG = STATE / "ssh-config"
VAGRANT_HOME = STATE / "vagrant-home"
VAGRANT_DOTFILES = STATE / "vagrant"
LXC = Path("/var/lib/lxc")
"""Where LXC keeps its containers."""

CONTAINER_PREFIX = "fleet-"
"""Container names of the lab start so: no other container of this machine is ever touched."""


def control_repo() -> Path:
    """The checkout that this fleet belongs to."""
    return Path(__file__).resolve().parents[3]
