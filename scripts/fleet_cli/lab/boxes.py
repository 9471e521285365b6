"""The Vagrant boxes: the box file they come from, up, down, and how to reach them."""

import io
import shutil
import tarfile
from collections.abc import Sequence
from importlib import resources

import jinja2

from fleet_cli.lab import cgroups, description, network
from fleet_cli.machine import paths, process
from fleet_cli.machine.errors import CommandFailedError, FleetError
from fleet_cli.repository.labfile import Box, Lab

BOX = "fleet-trixie"
LXC_CONFIG = """\
lxc.include = /usr/share/lxc/config/common.conf
lxc.arch = x86_64
lxc.apparmor.profile = unconfined
lxc.mount.auto = proc:mixed sys:mixed cgroup:rw:force
lxc.signal.halt = SIGRTMIN+4
lxc.cap.drop = sys_time sys_module sys_rawio
lxc.net.0.type = veth
lxc.net.0.link = {{ bridge }}
lxc.net.0.flags = up
lxc.net.0.mtu = {{ mtu }}
"""

SHARED = """\
# All commands share one connection to a box, which stays a minute longer: each of its own would cost half a second.
Host *
  ControlMaster auto
  ControlPath {sockets}/%h.sock
  ControlPersist 60
  ServerAliveInterval 15
"""
NOT_SHARED = "Host *\n  ControlPath none\n\n"
"""Before such a configuration: each command has a connection of its own."""


class Boxes:
    """The boxes of a lab, through Vagrant's LXC provider."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def up(self, boxes: Sequence[Box]) -> None:
        """Start those boxes that do not run, and write the ssh configuration of them all.

        Raises:
            FleetError: a box does not boot; the message names it.
        """
        wanted = [box for box in boxes if not self.running(box)]
        if wanted:
            self._add_box()
            for box in wanted:
                self._clear_leftover(box)
            try:
                self._vagrant("up", "--provider=lxc", "--parallel", *(box.name for box in wanted))
            except CommandFailedError as error:
                dead = [box.name for box in wanted if not self.running(box)]
                raise FleetError(
                    f"{error}\nbox {', '.join(dead) or 'of the above'} did not boot: the reason is above;"
                    " `fleet lab down` and a new `fleet lab up` start from a clean machine"
                ) from None
        known = paths.SSH_CONFIG.read_text(encoding="utf-8") if paths.SSH_CONFIG.exists() else ""
        if wanted or any(f"Host {box.name} " not in known for box in boxes):
            self._write_ssh_config()

    def down(self) -> None:
        """Destroy every box, those too whose processes were killed."""
        for socket in paths.SSH_KEY.parent.glob("*.sock"):
            process.run(["ssh", "-o", f"ControlPath={socket}", "-O", "exit", socket.stem], check=False)
            socket.unlink(missing_ok=True)
        for container in sorted(paths.LXC.glob(paths.CONTAINER_PREFIX + "*")):
            # Nothing on them is kept: Vagrant would wait until each has ended all its services.
            self._lxc("lxc-stop", "--kill", "--name", container.name, check=False)
        if paths.VAGRANT_DOTFILES.exists() and shutil.which("vagrant"):
            self._vagrant("destroy", "--force", "--parallel", check=False)
        for container in sorted(paths.LXC.glob(paths.CONTAINER_PREFIX + "*")):
            self._lxc("lxc-destroy", "--force", "--name", container.name, check=False)
            shutil.rmtree(container, ignore_errors=True)
        shutil.rmtree(paths.VAGRANT_DOTFILES, ignore_errors=True)
        paths.SSH_CONFIG.unlink(missing_ok=True)
        paths.LAB_FLEET.unlink(missing_ok=True)

    def remove(self, boxes: Sequence[Box]) -> None:
        """Destroy some of the boxes. What others know of them, such as the Puppet server, stays."""
        for box in boxes:
            socket = paths.SSH_KEY.parent / f"{box.address}.sock"
            process.run(["ssh", "-o", f"ControlPath={socket}", "-O", "exit", box.address], check=False)
            name = paths.CONTAINER_PREFIX + box.name
            self._lxc("lxc-stop", "--kill", "--name", name, check=False)
            self._lxc("lxc-destroy", "--force", "--name", name, check=False)
            shutil.rmtree(paths.LXC / name, ignore_errors=True)
            shutil.rmtree(paths.VAGRANT_DOTFILES / "machines" / box.name, ignore_errors=True)

    def made(self, box: Box) -> bool:
        """Whether the box has a container, running or not."""
        return (paths.LXC / (paths.CONTAINER_PREFIX + box.name)).exists()

    def running(self, box: Box) -> bool:
        """Whether the box's container runs."""
        name = paths.CONTAINER_PREFIX + box.name
        if not self.made(box) or shutil.which("lxc-info") is None:
            return False
        return (
            self._lxc("lxc-info", "--name", name, "--state", "--no-humanize", check=False).stdout.strip() == "RUNNING"
        )

    def _clear_leftover(self, box: Box) -> None:
        """Remove a container that Vagrant does not know of, or that is only half made."""
        container = paths.LXC / (paths.CONTAINER_PREFIX + box.name)
        known = (paths.VAGRANT_DOTFILES / "machines" / box.name / "lxc" / "id").exists()
        if container.exists() and not (known and (container / "config").exists()):
            self._lxc("lxc-destroy", "--force", "--name", container.name, check=False)
            shutil.rmtree(container, ignore_errors=True)
            shutil.rmtree(paths.VAGRANT_DOTFILES / "machines" / box.name, ignore_errors=True)

    def _add_box(self) -> None:
        """Make the box file, which holds no file system: its template mounts an overlay on the base."""
        if not paths.SSH_KEY.exists():
            paths.SSH_KEY.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            process.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "fleet lab", "-f", paths.SSH_KEY])
        template = resources.files("fleet_cli.lab").joinpath("lxc_template.sh").read_text(encoding="utf-8")
        config = jinja2.Template(
            LXC_CONFIG, keep_trailing_newline=True, undefined=jinja2.StrictUndefined, autoescape=False
        )
        files = {
            "metadata.json": ('{"provider": "lxc", "version": "1.0.0"}\n', 0o644),
            "lxc-config": (config.render(bridge=network.BRIDGE, mtu=network.outside_mtu()), 0o644),
            "lxc-template": (
                jinja2.Template(template, autoescape=False, undefined=jinja2.StrictUndefined).render(
                    base=paths.BASE,
                    authorized_key=paths.SSH_KEY.with_suffix(".pub").read_text(encoding="utf-8").strip(),
                    gateway=self.lab.gateway,
                ),
                0o755,
            ),
        }
        empty = io.BytesIO()
        with tarfile.open(fileobj=empty, mode="w:gz"):
            pass
        box_file = paths.STATE / "lab.box"
        with tarfile.open(box_file, "w") as archive:
            for name, (text, mode) in files.items():
                _add(archive, name, text.encode(), mode)
            _add(archive, "rootfs.tar.gz", empty.getvalue(), 0o644)  # vagrant-lxc wants to see one
        self._vagrant("box", "add", "--force", "--name", BOX, str(box_file))

    def _write_ssh_config(self) -> None:
        text = self._vagrant("ssh-config", *(box.name for box in self.lab.boxes if self.running(box))).stdout
        # A node is known by the name in its certificate, as well.
        for box in self.lab.boxes:
            text = text.replace(f"Host {box.name}\n", f"Host {box.name} {box.certname}\n")
        shared = SHARED.format(sockets=paths.SSH_KEY.parent)
        paths.SSH_CONFIG.write_text(f"{text.rstrip()}\n\n{shared}", encoding="utf-8")
        description.write(self.lab)

    def _vagrant(self, *arguments: str, check: bool = True) -> process.Result:
        return process.run(
            cgroups.enter(["vagrant", *arguments], paths.control_repo()),
            env={
                # In a locale of ASCII only, as a cron job has, it ends with a traceback below a path with an umlaut.
                "LC_ALL": "C.UTF-8",
                "VAGRANT_HOME": str(paths.VAGRANT_HOME),
                "VAGRANT_DOTFILE_PATH": str(paths.VAGRANT_DOTFILES),
                "VAGRANT_CHECKPOINT_DISABLE": "1",
                "FLEET_STATE": str(paths.STATE),
                "FLEET_BOX": BOX,
                "FLEET_GATEWAY": self.lab.gateway,
            },
            cwd=paths.control_repo(),
            check=check,
        )

    def _lxc(self, *argv: str, check: bool = True) -> process.Result:
        return process.run(cgroups.enter(list(argv)), check=check)


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    member.mode = mode
    archive.addfile(member, io.BytesIO(content))
