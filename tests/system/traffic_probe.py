"""Ask HAProxy in a sandbox, with bad machines behind it, and print what clients got and what its counters say, as JSON.

Its argument is the start of HAProxy's configuration, up to the backends, with its socket at /run/haproxy.sock.
"""

import http.client
import json
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, "/operators")
from operators import balancing, places

REQUESTS = 6
CONFIG, SOCKET = Path("/run/haproxy.cfg"), Path("/run/haproxy.sock")
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
MACHINES: Mapping[str, bytes | None] = {
    "fine": WHOLE,
    "fails": b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno",
    "dead": None,
    "dies": b"",
    "breaks": b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\nno",
    "hangs": b"HTTP",
}
"""What a machine answers, by its kind: None if nothing listens there, `HTTP` and no more if it takes too long."""


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads = True, True


def machine(answer: bytes) -> type[socketserver.BaseRequestHandler]:
    class Machine(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            said = b""
            while b"\r\n\r\n" not in said:
                more = self.request.recv(65536)
                if not more:
                    return
                said += more
            if answer == b"HTTP":
                time.sleep(5)
            else:
                self.request.sendall(answer)

    return Machine


def lost(port: int, method: str) -> bool:
    """Whether the client of a request gets no whole answer below 500."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, "/", body=b"x" if method == "POST" else None)
        answer = connection.getresponse()
        answer.read()
        return answer.status >= 500
    except (OSError, http.client.HTTPException):
        return True
    finally:
        connection.close()


def main() -> None:
    config = Path(sys.argv[1]).read_text(encoding="utf-8")
    ports = {kind: 7100 + number for number, kind in enumerate(MACHINES)}
    entries: dict[str, int] = {}
    for number, (kind, answer) in enumerate(MACHINES.items()):
        if answer is not None:
            server = Server(("127.0.0.1", ports[kind]), machine(answer))
            threading.Thread(target=server.serve_forever, daemon=True).start()
        for beside in (False, True):
            name = f"{kind}-beside-fine" if beside else kind
            entries[name] = 8000 + 2 * number + beside
            config += (
                f"frontend {name}\n    bind 127.0.0.1:{entries[name]}\n    default_backend {name}\nbackend {name}\n"
            )
            config += "    http-request disable-l7-retry unless { method GET HEAD OPTIONS }\n"
            config += f"    server machine 127.0.0.1:{ports[kind]} maxconn 4\n"
            config += f"    server fine 127.0.0.1:{ports['fine']} maxconn 4\n" if beside else ""
    CONFIG.write_text(config, encoding="utf-8")
    balancer = subprocess.Popen(["haproxy", "-db", "-f", str(CONFIG)], stdout=sys.stderr)
    while not SOCKET.exists():
        assert balancer.poll() is None, "HAProxy does not start"
        time.sleep(0.05)
    got = dict.fromkeys(entries, 0)

    def ask(name: str) -> None:
        got[name] = sum(lost(entries[name], method) for method in ("GET", "POST") for _ in range(REQUESTS))

    threads = [threading.Thread(target=ask, args=[name]) for name in entries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    places.HAPROXY = SOCKET
    time.sleep(0.2)  # counters of the last requests are written when their streams end
    print(json.dumps({"lost": got, "counted": balancing.counts(3)}))
    balancer.kill()


main()
