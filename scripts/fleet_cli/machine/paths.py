"""Where things are on the machine that runs fleet."""

import os
from pathlib import Path

LAB = Path("/var/lib/fleet-lab")
"""All that the lab keeps on this machine; one lab a machine, whichever checkout asks for it."""

LAB_FLEET = LAB / "fleet.yaml"
"""The lab as a fleet, for as long as it stands."""


def _own_state() -> Path:
    """Where an ordinary user's state is, as the XDG base directory specification has it."""
    given = os.environ.get("XDG_STATE_HOME", "")
    return (Path(given) if given.startswith("/") else Path.home() / ".local/state") / "fleet"


STATE = LAB if os.geteuid() == 0 else _own_state()
"""What is kept between two calls; for root it is the lab's, which needs root."""

RUN = Path("/run/fleet-lab")
"""What is gone after a reboot: pid files, the mount namespace of the boxes."""

CACHE = STATE / "cache"
"""What only saves time: see cache.py."""

BASE = STATE / "base"
LAYERS = STATE / "layers"
"""Root file systems, of cache.py's kind, but at a fixed place: boxes stand on the base."""

WORK = STATE / "work"
"""Temporary directories."""

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
