"""Several compilers, one a core, that share the requests."""

import os
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet_cli.compiling import program
from fleet_cli.compiling.program import Answer, Compiler, CompilerDiedError, Request
from fleet_cli.puppet import sandboxed
from fleet_cli.puppet.kinds import Puppet

REQUESTS_A_COMPILER = 12
"""For fewer, a further process would still be loading Puppet when the others are done."""


@dataclass(frozen=True)
class Exports:
    """Exported resources that collectors find: each as Puppet serializes it, with the `certname` it came from."""

    name: str
    resources: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class _Job:
    number: int
    request: Request
    exports: Exports | None


class Pool:
    """Compilers that are started when there is work for them, and stay until the pool is closed."""

    def __init__(self, start: Callable[[], AbstractContextManager[Compiler]]) -> None:
        """See class; `start`: starts a compiler."""
        self._start = start
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[tuple[int, Answer | BaseException]] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def compile(self, requests: Sequence[Request], exports: Exports | None = None) -> Iterator[tuple[int, Answer]]:
        """Compile catalogs; yields the number of a request and its answer, in the order they are done.

        A request over which a compiler dies has `{"error": …, "died": true}`.

        Raises:
            FleetError: compilers can't be started.
        """
        wanted = min(os.cpu_count() or 1, -(-len(requests) // REQUESTS_A_COMPILER))
        for _ in range(len(self._threads), wanted):
            thread = threading.Thread(target=self._work, daemon=True)
            thread.start()
            self._threads.append(thread)
        for number, request in enumerate(requests):
            self._jobs.put(_Job(number, request, exports))
        for _ in requests:
            number, answer = self._answers.get()
            if isinstance(answer, BaseException):
                raise answer
            yield number, answer

    def close(self) -> None:
        """End the compilers."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _work(self) -> None:
        try:
            while self._work_with_one_process():
                pass
        except BaseException as error:
            self._answers.put((-1, error))

    def _work_with_one_process(self) -> bool:
        """Answer requests until there are no more (false), or the process died over one (true)."""
        with self._start() as compiler:
            while job := self._jobs.get():
                try:
                    if job.exports:
                        compiler.export(job.exports.name, job.exports.resources)
                    self._answers.put((job.number, compiler.compile(job.request)))
                except CompilerDiedError as error:
                    self._answers.put(
                        (job.number, {"error": str(error).removeprefix(f"{job.request.certname}: "), "died": True})
                    )
                    return True
        return False


@contextmanager
def opened(
    live: Mapping[Path, str],
    *,
    placeholders: bool,
    lenient: bool = False,
    seconds: float = program.SECONDS,
    puppet: Puppet = sandboxed.PUPPET,
) -> Iterator[Pool]:
    """A pool that is closed when the block is left; see program.started for the arguments."""
    pool = Pool(
        lambda: program.started(live, {}, placeholders=placeholders, lenient=lenient, seconds=seconds, puppet=puppet)
    )
    try:
        yield pool
    finally:
        pool.close()
