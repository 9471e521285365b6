"""Requests at a steady rate, whatever becomes of the earlier ones; and clients that upload slowly."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

GIVE_UP_SECONDS = 60.0
MOST = 8000
"""How many requests are under way at a time, at most: there are only so many file descriptors."""


@dataclass
class Answers:
    """What became of the requests to one service.

    Attributes:
        seconds: for how long requests were sent.
        statuses: how many were answered with each status; 0: not answered, or not sent.
        in_time: how many were answered 200 while requests were sent.
        took: how long each answer of 200 took, in seconds.
        unexplained: how many answers of 503 had no Retry-After.
    """

    seconds: float
    statuses: Counter[int] = field(default_factory=Counter)
    in_time: int = 0
    took: list[float] = field(default_factory=list)
    unexplained: int = 0

    @property
    def goodput(self) -> float:
        """Answers of 200 a second, while requests were sent."""
        return self.in_time / self.seconds

    @property
    def good(self) -> float:
        """The part of the requests that was answered 200."""
        return self.statuses[200] / max(1, self.statuses.total())

    def percentile(self, of: float) -> float:
        """How long an answer of 200 took, in seconds."""
        ordered = sorted(self.took)
        return ordered[min(len(ordered) - 1, int(len(ordered) * of))] if ordered else float("nan")


async def steady(host: str, port: int, path: str, *, rate: float, seconds: float) -> Answers:
    """Send so many requests a second, for so long, and wait for what becomes of them."""
    answers = Answers(seconds)
    start = time.monotonic()
    tasks: set[asyncio.Task[None]] = set()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, start + number / rate - time.monotonic()))
        if len(tasks) >= MOST:
            answers.statuses[0] += 1
            continue
        task = asyncio.create_task(_ask(host, port, path, answers, start + seconds))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    return answers


async def _ask(host: str, port: int, path: str, answers: Answers, end: float) -> None:
    began = time.monotonic()
    request = f"GET {path} HTTP/1.1\r\nHost: benchmark\r\nConnection: close\r\n\r\n".encode()
    try:
        async with asyncio.timeout(GIVE_UP_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(request)
            said = await reader.read()
            writer.close()
        status = int(said.split(b" ", 2)[1])
    except (OSError, TimeoutError, IndexError, ValueError):
        answers.statuses[0] += 1
        return
    now = time.monotonic()
    answers.statuses[status] += 1
    if status == 200:
        answers.took.append(now - began)
        answers.in_time += now <= end
    if status == 503 and b"\r\nretry-after:" not in said.lower():
        answers.unexplained += 1


async def uploads(
    host: str, port: int, sources: Iterable[str], *, count: int, at_once: int, seconds: float
) -> Counter[int]:
    """Upload for so long at one byte a second, after so many bytes at once; return with what it was answered."""
    addresses = list(sources)
    end = time.monotonic() + seconds
    one = [_upload(host, port, addresses[number % len(addresses)], at_once, end) for number in range(count)]
    return Counter(await asyncio.gather(*one))


async def _upload(host: str, port: int, source: str, at_once: int, end: float) -> int:
    status = 0
    while not status and time.monotonic() < end:
        try:
            reader, writer = await asyncio.open_connection(host, port, local_addr=(source, 0))
            head = "POST /upload HTTP/1.1\r\nHost: benchmark\r\nContent-Length: 100000\r\n\r\n"
            writer.write(head.encode() + b"x" * at_once)
            answer = asyncio.create_task(reader.read(64))
            while time.monotonic() < end and not answer.done():
                writer.write(b"x")
                await asyncio.wait([answer], timeout=1)
            if answer.done():
                status = int(answer.result().split(b" ", 2)[1])
            answer.cancel()
            writer.close()
        except (OSError, IndexError, ValueError):
            await asyncio.sleep(0.1)
    return status
