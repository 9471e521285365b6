"""Sockets of a network of its own, so that one machine has clients at as many addresses as a test wants."""

import json
import socket
import subprocess
import sys
import threading
from types import TracebackType

SERVER, SERVER_6 = "192.0.2.1", "2001:db8::1"
ADDRESSES = ("192.0.2.1/24", *(f"2001:db8:0:{network}::{host}/128" for network in range(3) for host in (1, 2)))
INSIDE = (
    f"ADDRESSES = {ADDRESSES}"
    + """
import json, socket, subprocess
given = socket.socket(fileno=0)
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
for address in ADDRESSES:
    subprocess.run(["ip", "address", "add", address, "dev", "lo"], check=True)
given.send(b"ready")
while asked := given.recv(1000):
    address, target = json.loads(asked)
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    if target is None:
        made = socket.create_server(tuple(address), family=family, backlog=1000, dualstack_ipv6=address[0] == "::")
    else:
        made = socket.socket(family)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        made.settimeout(20)
        try:
            made.bind(tuple(address))
            made.connect(tuple(target))
        except OSError as error:
            given.send(str(error).encode())
            continue
    socket.send_fds(given, [b"."], [made.fileno()])
    made.close()
"""
)


class Network:
    """A network namespace with all addresses of 192.0.2.0/24, and those of ADDRESSES."""

    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._ours, inside = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours.settimeout(30)
        self._process = subprocess.Popen(
            ["unshare", "--user", "--map-root-user", "--net", sys.executable, "-c", INSIDE], stdin=inside.fileno()
        )
        inside.close()
        assert self._ours.recv(100) == b"ready"

    def __enter__(self) -> "Network":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ours.close()
        self._process.wait(10)

    def listen(self, address: str) -> socket.socket:
        """Return a socket that listens at an address, and a port of its own."""
        return self._make([[address, 0], None])

    def connect(self, source: str, address: str, port: int) -> socket.socket:
        """Return a connection from an address to another one.

        Raises:
            OSError: it is refused.
        """
        made = self._make([[source, 0], [address, port]])
        made.settimeout(20)
        return made

    def _make(self, asked: object) -> socket.socket:
        with self._asking:
            self._ours.send(json.dumps(asked).encode())
            said, files, _, _ = socket.recv_fds(self._ours, 1000, 1)
        if not files:
            raise OSError(said.decode())
        return socket.socket(fileno=files[0])
