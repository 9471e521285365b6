"""Ask a balancer in a sandbox, with a service of its own behind it, and print what it answers as JSON.

Its argument is HAProxy's configuration, which has orders at port 7001, on machines of which 127.0.0.1 is one.
"""

import http.client
import json
import ssl
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

PATHS = (
    "/", "/metrics", "/metrics?x=1", "/metrics/", "/metrics/x", "//metrics", "/%6detrics", "/%2Fmetrics",
    "/%2f/%6Detrics", "http://lb.example.test/metrics", "/openapi.json", "/%6fpenapi.json", "/metricsx", "/x/metrics",
    "/health/ready",
)  # fmt: skip


class Service(BaseHTTPRequestHandler):
    """Says which path it was asked for, as an application sees it."""

    server_version = "gunicorn"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("X-Release", "1.0-1.abc")
        self.end_headers()
        self.wfile.write(unquote(self.path).encode())

    do_HEAD = do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """It says nothing."""


def context(ciphers: str = "", version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """A client that takes any certificate, and of TLS only what is said."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    if version:
        made.minimum_version = made.maximum_version = version
    if ciphers:
        made.set_ciphers(ciphers)
    return made


def connection(of: ssl.SSLContext) -> http.client.HTTPSConnection:
    return http.client.HTTPSConnection("127.0.0.1", 7001, timeout=10, context=of)


def spoken(of: ssl.SSLContext) -> str:
    """The cipher that a connection has, or `refused`."""
    made = connection(of)
    try:
        made.connect()
        assert isinstance(made.sock, ssl.SSLSocket)
        return str((made.sock.cipher() or ("none",))[0])
    except (ssl.SSLError, ConnectionError):
        return "refused"
    finally:
        made.close()


def asked(path: str, method: str = "GET") -> tuple[int, dict[str, str]]:
    made = connection(context())
    made.request(method, path)
    answer = made.getresponse()
    answer.read()
    made.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}


def main() -> None:
    threading.Thread(target=ThreadingHTTPServer(("127.0.0.1", 7101), Service).serve_forever, daemon=True).start()
    balancer = subprocess.Popen(["haproxy", "-db", "-f", sys.argv[1]], stdout=sys.stderr)
    try:
        for _ in range(100):
            try:
                if asked("/")[0] == 200:
                    break
            except OSError:
                pass
            time.sleep(0.1)
        old = "DEFAULT@SECLEVEL=0"
        said = {
            "paths": {path: asked(path)[0] for path in PATHS},
            "methods": {method: asked("/metrics", method)[0] for method in ("HEAD", "POST")},
            "headers": asked("/")[1],
            "refusal": asked("/metrics")[1],
            "tls": {
                "1.1": spoken(context(old, ssl.TLSVersion.TLSv1_1)),
                "RSA": spoken(context("AES128-SHA:AES128-GCM-SHA256", ssl.TLSVersion.TLSv1_2)),
                "CBC": spoken(context("ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES256-SHA384", ssl.TLSVersion.TLSv1_2)),
                "DHE": spoken(context("DHE-RSA-AES256-GCM-SHA384", ssl.TLSVersion.TLSv1_2)),
                "1.2": spoken(context("ECDHE-RSA-AES256-GCM-SHA384", ssl.TLSVersion.TLSv1_2)),
                "1.3": spoken(context("", ssl.TLSVersion.TLSv1_3)),
            },
        }
        print(json.dumps(said))
    finally:
        balancer.terminate()
        balancer.wait()


main()
