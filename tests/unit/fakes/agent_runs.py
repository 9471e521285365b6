"""Runs of the Puppet agent in a Debian 13 of its own, against a Puppet server that is made here: what comes of each."""

import datetime
import hashlib
import json
import re
import ssl
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import preloaded
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fleet_cli.roots import rootfs

ENVIRONMENT = "c_0123456789"
NODE = "node.test"
STEADY_FACTS = ("kernel", "kernelrelease", "os", "processors", "disks", "virtual", "hypervisors", "tested")
SYSTEMD = Path(__file__).resolve().parents[2] / "system/preloaded_agent.rb"
PLUGINS = {
    "facter/tested.rb": "Facter.add(:tested) { setcode { Facter.value(:kernel) + ' ' + Facter.value('os.name') } }\n",
    "puppet/type/tested.rb": (
        "Puppet::Type.newtype(:tested) do\n  newparam(:name)\n"
        "  newproperty(:text) do\n    def retrieve = File.exist?('/tested') ? File.read('/tested') : :absent\n"
        "    def set(value) = File.write('/tested', value)\n  end\nend\n"
    ),
    # Of a type that Puppet brings: it is loaded before the plugins are.
    "puppet/provider/package/tested.rb": (
        "Puppet::Type.type(:package).provide(:tested) do\n"
        "  def properties = { ensure: File.exist?(\"/#{@resource[:name]}\") ? 'present' : :absent }\n"
        "  def install = File.write(\"/#{@resource[:name]}\", '')\nend\n"
    ),
}
SYSTEMCTL = """#!/bin/sh
question=$1; shift
[ "$1" = -- ] && shift
for unit in "$@"; do
  case $question in
    is-active) cat "/units/$unit"; grep -qx active "/units/$unit" ;;
    is-enabled) echo enabled ;;
    start) echo active > "/units/$unit" ;;
  esac
done
"""
RUNS = r"""
mkdir -p /sys/block /units /var/lib/puppet-run; echo active > /units/a; echo inactive > /units/b; echo active > /units/c
cat > /usr/bin/systemctl < /out/systemctl; chmod 755 /usr/bin/systemctl
cp -r /out/puppet/. /etc/puppet/
# Without a /sys the real one knows nothing, which threads of Facter's say in an order of their own.
printf '#!/bin/sh\necho "Thread(s) per core: 1"\necho "Core(s) per socket: 2"\n' > /usr/bin/lscpu
%s
for run in 1 2 3; do
  %s --color=false > /out/printed$run 2>&1; echo $? > /out/status$run
  cp /var/cache/puppet/client_data/catalog/node.test.json /out/catalog$run
  cp /var/cache/puppet/state/last_run_report.* /out/report$run
  ls -l --time-style=+ /managed /tested /package /var/cache/puppet/state > /out/there$run
done
"""
PLAIN, PRELOADED = "puppet agent --test", "timeout 300 ruby --disable=gems /puppet_agent/puppet-run"


@dataclass
class Server:
    """A Puppet server: what it has been told, and its port."""

    port: int
    catalogs: int = 0
    reports: list[dict[str, Any]] = field(default_factory=list)
    facts: list[dict[str, Any]] = field(default_factory=list)


def _resource(kind: str, title: str, **parameters: Any) -> dict[str, Any]:
    of = "class" if kind == "Class" else "compilable_type"
    return {
        "type": kind, "title": title, "kind": of, "tags": [kind.lower()], "exported": False, "parameters": parameters,
    }  # fmt: skip


def _catalog(number: int) -> dict[str, Any]:
    """The first and the second are the same; the third has what fails."""
    resources = [
        _resource("File", "/managed", ensure="file", content="managed\n", mode="0640"),
        _resource("Package", "dpkg", ensure="installed"),
        _resource("Package", "tar", ensure="installed"),
        _resource("Package", "package", ensure="present", provider="tested"),
        *(_resource("Service", unit, ensure="running", enable=True, provider="systemd") for unit in ("a", "b", "c")),
        _resource("Tested", "tested", text="tested"),
        *([_resource("Exec", "/bin/false", before="Service[c]")] if number == 3 else []),
    ]
    names = [f"{one['type']}[{one['title']}]" for one in resources]
    return {
        "name": NODE, "version": str(number), "environment": ENVIRONMENT, "code_id": None, "catalog_uuid": "uuid",
        "catalog_format": 2, "tags": ["settings"], "classes": ["main"],
        "resources": [_resource("Stage", "main"), _resource("Class", "Main", name="main"), *resources],
        "edges": [
            {"source": "Stage[main]", "target": "Class[Main]"},
            *({"source": "Class[Main]", "target": name} for name in names),
        ],
    }  # fmt: skip


def _metadata(name: str, kind: str, checksum: str) -> dict[str, Any]:
    type_, _, value = checksum.partition(":")
    return {
        "path": "/plugins", "relative_path": name, "links": "follow", "owner": 0, "group": 0,
        "mode": 0o644 if kind == "file" else 0o755,
        "checksum": {"type": type_, "value": f"{{{type_}}}{value}"}, "type": kind, "destination": None,
    }  # fmt: skip


def _files(mount: str, *, recurse: bool) -> list[dict[str, Any]]:
    found = [_metadata(".", "directory", "ctime:2026-11-28 00:00:00 +0000")]
    if mount == "plugins" and recurse:
        folders = sorted({str(parent) for name in PLUGINS for parent in Path(name).parents} - {"."})
        found += [_metadata(name, "directory", "ctime:2026-11-28 00:00:00 +0000") for name in folders]
        found += [
            _metadata(name, "file", f"sha256:{hashlib.sha256(text.encode()).hexdigest()}")
            for name, text in PLUGINS.items()
        ]
    return found


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None: ...

        def _answer(self, body: bytes, kind: str = "application/json") -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("X-Puppet-Version", "8.7.0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            what, _, rest = url.path.removeprefix("/puppet/v3/").partition("/")
            if what == "node":
                node = {"name": NODE, "parameters": {}, "environment": ENVIRONMENT}
                self._answer(json.dumps(node).encode())
            elif what == "file_metadatas":
                recurse = parse_qs(url.query).get("recurse") == ["true"]
                self._answer(json.dumps(_files(rest, recurse=recurse)).encode())
            else:
                self._answer(PLUGINS[unquote(rest).partition("/")[2]].encode(), "application/octet-stream")

        def do_POST(self) -> None:
            sent = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            server.facts.append(json.loads(unquote(sent["facts"][0]))["values"])
            server.catalogs += 1
            self._answer(json.dumps(_catalog(server.catalogs)).encode(), "application/vnd.puppet.rich+json")

        def do_PUT(self) -> None:
            server.reports.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self._answer(b"[]")

    return Handler


def _certificates(directory: Path) -> tuple[Path, Path]:
    """Write what an agent has below its ssldir; return the certificate and the key of the server."""
    made: dict[str, tuple[x509.Certificate, ec.EllipticCurvePrivateKey]] = {}
    now = datetime.datetime.now(datetime.UTC)
    for name in ("ca", "localhost", NODE):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer, signer = (made["ca"][0].subject, made["ca"][1]) if made else (subject, key)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=90))
            .add_extension(x509.BasicConstraints(ca=name == "ca", path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(signer, hashes.SHA256())
        )
        made[name] = (certificate, key)
        for folder, data in (
            ("certs", certificate.public_bytes(serialization.Encoding.PEM)),
            ("private_keys", key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
            )),
        ):  # fmt: skip
            (directory / folder).mkdir(parents=True, exist_ok=True)
            (directory / folder / f"{name}.pem").write_bytes(data)
    return directory / "certs/localhost.pem", directory / "private_keys/localhost.pem"


@contextmanager
def _served(out: Path) -> Iterator[Server]:
    """A Puppet server until the block is left; an agent's configuration for it is written."""
    certificate, key = _certificates(out / "puppet/ssl")
    server = Server(0)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(server)) as http:
        http.socket = context.wrap_socket(http.socket, server_side=True)
        server.port = http.server_address[1]
        (out / "puppet/puppet.conf").write_text(
            f"[main]\ncertname = {NODE}\nserver = localhost\nserverport = {server.port}\nssldir = /etc/puppet/ssl\n"
            "certificate_revocation = false\n[agent]\nmanage_internal_file_permissions = false\n"
            "route_file = /etc/puppet/agent-routes.yaml\n"
        )
        routes = preloaded.FILES / "puppet_agent/agent-routes.yaml"
        (out / "puppet/agent-routes.yaml").write_bytes(routes.read_bytes())
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield server
        http.shutdown()
        thread.join()


def _plain(value: Any) -> Any:
    """A report, or a part of one, without what is another one in each run."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items() if not re.search(r"time|uuid|^pid$", key)}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, str):
        return re.sub(r"\d+\.\d+ seconds|(?<=localhost:)\d+", "…", value)
    return value


def comes_of(
    out: Path, used: Collection[str] | None, *, before: str = "true", tested_with: dict[str, str] | None = None
) -> tuple[list[dict[str, Any]], list[str]]:
    """Three runs, the first with changes, the third with a failure: what comes of each, and what the journal says.

    Args:
        out: an empty directory.
        used: the patches of the preloaded agent; None for the agent as Debian has it.
        before: shell commands that are done before the agent is started.
        tested_with: digests of files that the patches are to take for those that they were tested with.
    """
    programs = preloaded.install(out / "programs", used or ())
    preloaded.tested_with(programs, tested_with or {})
    (out / "systemctl").write_text(SYSTEMCTL)
    script = RUNS % (before, PLAIN if used is None else PRELOADED)
    with _served(out) as server:
        binds = {programs: "/puppet_agent", SYSTEMD: "/preloaded_agent.rb", out: "/out"}
        said = rootfs.run("toolbox", ["ruby", "/preloaded_agent.rb"], binds=binds, stdin=script).stderr
    found = []
    for number in (1, 2, 3):
        catalog = json.loads((out / f"catalog{number}").read_text())
        kept = json.loads((out / f"report{number}").read_text())
        resources = sorted([one["type"], one["title"], one.get("parameters", {})] for one in catalog["resources"])
        found.append({
            "status": (out / f"status{number}").read_text().strip(),
            "printed": [_plain(line) for line in (out / f"printed{number}").read_text().splitlines()],
            "report": _plain(server.reports[number - 1]),
            "kept report": _plain(kept),
            "catalog": [catalog["environment"], resources],
            "there": (out / f"there{number}").read_text().split("\n")[:4],
            "facts": {name: server.facts[number - 1].get(name) for name in STEADY_FACTS},
        })  # fmt: skip
    return found, [line for line in said.splitlines() if line.startswith("<4>")]
