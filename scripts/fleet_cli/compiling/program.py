"""One compiler: a Ruby process that has loaded Puppet, and is asked over its pipes."""

import json
import re
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from subprocess import Popen
from typing import Any

from fleet_cli.machine import paths, steps
from fleet_cli.machine.errors import FleetError
from fleet_cli.puppet import sandboxed
from fleet_cli.puppet.kinds import Puppet
from fleet_cli.sandbox.limits import Limits

SOURCE = Path(__file__).parent
PATCHES = paths.control_repo() / "site/profile/files/puppet_patches"
"""What applies patches of Puppet where they suit it, for the nodes, the server and compilers alike."""
_ON_THE_LOAD_PATH = "/usr/local/lib/site_ruby/puppet_patches"
ENVIRONMENTS = "/environments"
"""Where the compiler has its environments."""
_OF_A_SERVER = "/etc/puppetlabs/code/environments"
"""Where answers have them (server_paths.rb)."""
SECONDS = 120.0
"""What one catalog may take; one of 50 services takes two."""
_ALONE = "in a sandbox, without a network: --puppet host takes this machine's Puppet instead, which contains nothing"
_NETWORK = re.compile(
    r"Resolv(?:::|Error)|getaddrinfo|name resolution|Network is unreachable|Failed to open TCP connection"
)
_PROGRAM = re.compile(r"Execution of '.*' returned \d+|No such file or directory - /?(?:usr/)?\w*bin/")
LIMITS = Limits(memory=3 * 2**30, processes=64, seconds=0.0, scratch=2**28)
"""Of a compiler: what loads more than that is no data of a fleet. Its time is that of each catalog."""

Answer = dict[str, Any]
"""A catalog as compiler.rb describes it."""


@dataclass(frozen=True)
class Request:
    """What a catalog is compiled for.

    Attributes:
        certname: the name in the node's certificate.
        extensions: the trusted extensions in it.
        environment: the name of a directory in the compiler's environments.
        facts: what the node says of itself.
        code: Puppet code in the place of manifests/site.pp.
        exports: the name of the set of exported resources that collectors find; none if empty.
        puppetdb: rows that queries find, by entity, or why PuppetDB does not answer; None: there is no PuppetDB.
        classes: those that an external node classifier would declare.
        parameters: those that it would give, as JSON; none if empty.
        clock: what time it is for code that asks, in seconds since 1970.
    """

    certname: str
    extensions: Mapping[str, str]
    environment: str
    facts: Mapping[str, Any] = field(repr=False)
    code: str = ""
    exports: str = ""
    puppetdb: Mapping[str, Sequence[Mapping[str, Any]]] | str | None = None
    classes: Sequence[str] = ()
    parameters: str = ""
    clock: float = field(default_factory=time.time, repr=False)


class CompilerDiedError(FleetError):
    """The process ended, or did not answer in time, while it compiled; says for whom, and why."""


class Compiler:
    """Talks to one process; from one thread."""

    def __init__(self, child: Popen[str], errors: Path, seconds: float, environments: str) -> None:
        self._child = child
        self._environments = environments
        self._errors = errors
        self._seconds = seconds
        self._exports = ""
        self._late = False

    def export(self, name: str, resources: Sequence[Mapping[str, Any]]) -> None:
        """Define a set of exported resources: each as Puppet serializes it, with the `certname` it came from."""
        if name != self._exports:
            self._send({"exports": name, "resources": resources}, f"{len(resources)} exported resources")
            self._exports = name

    def compile(self, request: Request) -> Answer:
        """Compile one catalog.

        Raises:
            CompilerDiedError: the process is gone, or was ended because it did not answer in time.
        """
        message = {
            "certname": request.certname,
            "extensions": {name: value for name, value in request.extensions.items() if value},
            "environment": f"{self._environments}/{request.environment}",
            "facts": request.facts,
            "clock": request.clock,
            **({"classes": list(request.classes)} if request.classes else {}),
            **({"parameters": json.loads(request.parameters)} if request.parameters else {}),
            **({"code": request.code} if request.code else {}),
            **({"exports": request.exports} if request.exports else {}),
            **({} if request.puppetdb is None else {"puppetdb": request.puppetdb}),
        }
        watch = threading.Timer(self._seconds, self._give_up)
        watch.start()
        try:
            self._send(message, request.certname)
            assert self._child.stdout is not None  # noqa: S101 - a pipe, as process.started opens it
            line = self._child.stdout.readline()
        finally:
            watch.cancel()
        if not line:
            raise self._died(request.certname)
        answer: Answer = json.loads(line)
        _say_once(answer.pop("left_out", []))
        if "error" in answer:
            # The same mistake has the same words on every node.
            plain = answer["error"].replace(f"{_OF_A_SERVER}/{PurePosixPath(request.environment).name}/", "")
            plain = re.sub(rf" (?:on node|for) {re.escape(request.certname)}(?!\S)", "", plain)
            answer["error"] = "; ".join(filter(None, (plain, LIMITS.reached(plain), self._beyond(plain))))
        return answer

    def _beyond(self, error: str) -> str:
        """Say what code asked for that no sandbox has."""
        if "/pdb/query" in error:
            return "code that queries PuppetDB gets no answer here"
        if self._environments == ENVIRONMENTS:
            if _NETWORK.search(error):
                return f"code runs {_ALONE}"
            if _PROGRAM.search(error):
                return f"that program is not in the sandbox, or needs more than it has: code runs {_ALONE}"
        return ""

    def _send(self, message: Mapping[str, Any], what: str) -> None:
        assert self._child.stdin is not None  # noqa: S101 - a pipe, as process.started opens it
        try:
            self._child.stdin.write(json.dumps(message) + "\n")
            self._child.stdin.flush()
        except BrokenPipeError:
            raise self._died(what) from None

    def _give_up(self) -> None:
        self._late = True
        self._child.kill()

    def _died(self, what: str) -> CompilerDiedError:
        if self._late:
            return CompilerDiedError(f"{what}: no catalog after {self._seconds:.0f} s: is there code without end?")
        words = self._errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        complaint = next((line for line in words if "Error" in line or "failed" in line), "\n".join(words[-3:]))
        return CompilerDiedError(
            f"{what}: the compiler ended: {complaint or 'without a word'}; it may need more than {LIMITS.most_memory()}"
        )


def _say_once(messages: Sequence[str]) -> None:
    """Say what all compilers of one call have to say of the Puppet that they have."""
    for message in messages:
        if message not in _said:
            _said.add(message)
            steps.say(f"note: {message}")


_said: set[str] = set()


@contextmanager
def started(
    live: Mapping[Path, str],
    reads: Mapping[Path, str],
    *,
    placeholders: bool,
    lenient: bool = False,
    seconds: float = SECONDS,
    puppet: Puppet = sandboxed.PUPPET,
) -> Iterator[Compiler]:
    """A compiler, ended when the block is left.

    Args:
        live: directories of this machine that may still change, and their agreed places: what is in ENVIRONMENTS.
        reads: what else is to be there.
        placeholders: whether encrypted values stand as names made from their ciphertext, so that no key is needed.
        lenient: whether code is compiled that Puppet 7 takes, and Puppet 8 by its own settings does not.
        seconds: what one catalog may take.
        puppet: where it runs.
    """
    flags = {"--placeholders": placeholders, "--patched": puppet.patched, "--lenient": lenient}
    options = [flag for flag, wanted in flags.items() if wanted]
    given = {SOURCE: "/compiling", **({PATCHES: _ON_THE_LOAD_PATH} if puppet.patched else {}), **reads}
    with (
        tempfile.NamedTemporaryFile("w+", encoding="utf-8") as errors,
        puppet.started(
            "/compiling/compiler.rb", options, stderr=errors, reads=given, live=live, limited=LIMITS
        ) as child,
    ):
        yield Compiler(child, Path(errors.name), seconds, puppet.at(ENVIRONMENTS))
