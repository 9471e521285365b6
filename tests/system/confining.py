"""In a sandbox with a network of its own, as root: services of a node, and whom their accounts reach there.

Prints JSON: whom each account reached, state by state.
"""

import encodings.idna  # noqa: F401 - a child that is another account can't load it
import errno
import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

PLACES = (("127.0.0.1", 2222), ("127.0.0.1", 7002), ("127.0.0.1", 7003), ("::1", 2222))
ACCOUNTS = {"root": 0, "orders": 1234, "inventory": 1235}
UNITS, CHECKS = Path("/etc/systemd/system"), Path("/run/systemd/system")
RELEASES = Path("/opt/releases/orders")
# In the place of systemd: each unit is in the state that a file of its name says.
SYSTEMCTL = """\
#!/usr/bin/python3
import pathlib, sys
if sys.argv[2] == "show":
    for unit in sys.argv[sys.argv.index("--") + 1 :]:
        print(f"Id={unit}\\nSubState={pathlib.Path('/states', unit).read_text()}\\n")
"""


def release(name: str, unit: str, state: str, *, checking: bool = False) -> None:
    """Have a release of orders, in a state."""
    text = f"[Service]\nUser=orders\n{unit}"
    (RELEASES / name).mkdir(parents=True, exist_ok=True)
    (RELEASES / name / "unit").write_text(text)
    place, instance = (CHECKS, f"orders-check@{name}") if checking else (UNITS, f"orders@{name}")
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{instance}.service").write_text(text)
    Path("/states").mkdir(exist_ok=True)
    Path(f"/states/{instance}.service").write_text(state)


def confine() -> list[object]:
    """Have the program do it; return its status, and what it said."""
    code = "import sys; sys.path.insert(0, '/program'); from flask_microservice.commands import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, "confine", "orders"], capture_output=True, text=True, check=False
    )
    return [done.returncode, done.stderr]


def reached(account: str) -> list[object]:
    """Return which ports an account reaches, and what it was told of others but that there is no way."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(ACCOUNTS[account])
        os.setuid(ACCOUNTS[account])
        found: list[object] = []
        for address, port in PLACES:
            try:
                with socket.create_connection((address, port), timeout=3) as connection:
                    assert connection.recv(1) == b"x"
                    found.append(f"{address} {port}")
            except OSError as error:
                found += [] if error.errno == errno.EHOSTUNREACH else [repr(error)]
        os.write(write, json.dumps(found).encode())
        os._exit(0)
    os.waitpid(child, 0)
    answer: list[object] = json.loads(os.read(read, 1 << 16))
    return answer


def serve(address: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.create_server((address, port), family=family)

    def answer() -> None:
        while True:
            connection, _ = listener.accept()
            connection.sendall(b"x")
            connection.close()

    threading.Thread(target=answer, daemon=True).start()


def answers_its_clients() -> bool:
    """Whether a client of orders gets an answer, from a process of its account on a socket that root opened."""
    listener = socket.create_server(("127.0.0.1", 7001))
    child = os.fork()
    if child == 0:
        os.setgid(ACCOUNTS["orders"])
        os.setuid(ACCOUNTS["orders"])
        connection, _ = listener.accept()
        connection.sendall(b"y" * 1_000_000)
        connection.close()
        os._exit(0)
    said = b""
    with socket.create_connection(("127.0.0.1", 7001), timeout=5) as connection:
        while more := connection.recv(1 << 16):
            said += more
    os.waitpid(child, 0)
    listener.close()
    return len(said) == 1_000_000


def loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS: up, running


def main() -> None:
    loopback_up()
    for name in ("orders", "inventory"):
        subprocess.run(["useradd", "--system", "--uid", str(ACCOUNTS[name]), name], check=True)
        (UNITS / f"{name}@.service").write_text("[X-Flask-Microservice]\n")
    Path("/usr/local/bin/systemctl").write_text(SYSTEMCTL)
    Path("/usr/local/bin/systemctl").chmod(0o755)
    os.environ["PATH"] = f"/usr/local/bin:{os.environ['PATH']}:/usr/sbin"
    for address, port in PLACES:
        serve(address, port)
    own = "IPAddressDeny=any\nIPAddressAllow=127.0.0.1\n[X-Flask-Microservice]\nPeers={}\n"
    found: dict[str, object] = {"before": reached("orders")}

    def tell(what: str) -> None:
        found[what] = [*confine(), *reached("orders")]

    release("1.00000001", own.format("127.0.0.1:7002"), "running")
    tell("one release")
    found["others"] = [reached("inventory") == reached("root") == found["before"], answers_its_clients()]
    release("2.00000002", own.format("127.0.0.1:7003"), "start-pre", checking=True)
    tell("another is tried")
    release("2.00000002", own.format("127.0.0.1:7003"), "stop-post", checking=True)
    tell("its trial ends")
    release("1.00000001", own.format("127.0.0.1:7002 127.0.0.1 [::1]:2222").replace("Allow=", "Allow=::1 "), "running")
    tell("a whole address")
    release("1.00000001", "IPAddressDeny=any\n[X-Flask-Microservice]\nPeers=\n", "stop-sigterm")
    tell("nobody")
    release("2.00000002", "IPAddressDeny=any\nIPAddressAllow=localhost\n[X-Flask-Microservice]\n", "running")
    tell("one of before")
    release("2.00000002", own.format("127.0.0.1:7003") + "[Service]\nIPAddressAllow=any\n", "running")
    tell("one that may all")
    release("1.00000001", own.format("127.0.0.1:7002"), "dead")
    release("2.00000002", own.format("127.0.0.1:7003"), "failed")
    tell("none runs")
    release("1.00000001", own.format("127.0.0.1:7002"), "running")
    confine()
    sys.path.insert(0, "/program")
    from flask_microservice import confining  # noqa: PLC0415 - it is there by now
    from flask_microservice.service import Service  # noqa: PLC0415

    confining.forget(Service("orders"))
    confining.forget(Service("orders"))
    table = subprocess.run(
        ["nft", "list", "table", *confining.TABLE.split()], capture_output=True, text=True, check=True
    )
    found["forgotten"] = ["orders" in table.stdout, "1234" in table.stdout, *reached("orders")]
    Path(str(shutil.which("nft"))).unlink()
    tell("no nft")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
