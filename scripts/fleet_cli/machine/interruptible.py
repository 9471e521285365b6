"""Work that an interruption leaves at once, wherever it is."""

import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")
_WAIT_SECONDS = 0.5


def call(work: Callable[[], Result]) -> Result:
    """Do work in a thread of its own, and return what it returns, or raise what it raises.

    An interruption comes to the main thread, which only waits here. In the middle of a pool of threads it would leave
    locks behind that nobody opens again. Whoever is interrupted has to end the process: the work goes on until then.
    """
    results: list[Result] = []
    errors: list[BaseException] = []

    def do() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=do, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_WAIT_SECONDS)
    if errors:
        raise errors[0]
    return results[0]
