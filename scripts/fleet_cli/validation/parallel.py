"""Work in child processes, which end with this one, however it ends."""

import ctypes
import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Generic, TypeVar

from fleet_cli.machine.errors import FleetError

Item = TypeVar("Item")
Result = TypeVar("Result")
_PR_SET_PDEATHSIG = 1
_INTERRUPTIONS = {signal.SIGINT, signal.SIGTERM}
MIN_ITEMS = 200
"""Below this many items, starting a process takes longer than the work."""


class Background(Generic[Item, Result]):
    """Calls a function on parts of a list, in processes beside this one. The caller must call end()."""

    def __init__(
        self, function: Callable[[Sequence[Item]], list[Result]], items: Sequence[Item], processes: int
    ) -> None:
        self._function = function
        self._own: Sequence[Item] = items if len(items) < MIN_ITEMS else ()
        self._children: list[tuple[multiprocessing.process.BaseProcess, Connection]] = []
        context = multiprocessing.get_context("fork")
        # Python drops an exception that is raised while it forks: an interruption has to wait for the end of that.
        unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTIONS)
        try:
            for number in range(0 if self._own or not items else processes):
                ours, theirs = context.Pipe(duplex=False)
                part = items[number::processes]
                child = context.Process(target=_work, args=(os.getpid(), function, part, theirs), daemon=True)
                child.start()
                theirs.close()
                self._children.append((child, ours))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)

    def end(self) -> None:
        """End the processes that are still at work."""
        for child, connection in self._children:
            connection.close()
            if child.is_alive():
                child.kill()
            child.join()

    def results(self) -> list[Result]:
        """Wait for the processes, and return what the function returned; for few items it is called here.

        Raises:
            FleetError: a process ended before it was done.
        """
        found = self._function(self._own) if self._own else []
        for _, connection in self._children:
            try:
                found += connection.recv()
            except EOFError:
                raise FleetError("a process of fleet ended before it was done: is there enough memory?") from None
        return found


def _work(
    parent: int, function: Callable[[Sequence[Item]], list[Result]], items: Sequence[Item], answer: Connection
) -> None:
    # Without this one that waits for a parent that was killed would wait for ever.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPTIONS)
    if os.getppid() == parent:
        answer.send(function(items))
