"""The load generators: closed (each connection sends after each answer), paced, and one request at a time.

An answer with an unexpected status ends the run with a sentence.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.bench.wire import Broken, Lane, Receiver, ask

STALLED_S = 60.0
ARRIVES_WITHIN_S = 20.0
TICK_S = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A measured interval.

    `busy` is the generator's share of its core: near 1, it was the bottleneck, not the server.
    """

    requests: int
    seconds: float
    busy: float

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


class _Closed:
    """Sends the prepared requests over all connections until they run out or the time is up."""

    def __init__(self, lanes: Sequence[Lane], requests: Iterable[bytes], expected: bytes) -> None:
        self._lanes = lanes
        self._requests = iter(requests)
        self._expected = expected
        self._deadline = 0.0
        self._open = 0
        self.answers = 0
        self.done: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def start(self, deadline: float) -> None:
        self._deadline = deadline
        for lane in self._lanes:
            request = next(self._requests, None)
            if request is None:
                break
            lane.answered, lane.lost = self._answered, self._lost
            self._open += 1
            lane.send(request)

    def _answered(self, lane: Lane, status: bytes, body: bytes) -> None:
        now = time.perf_counter()
        if status != self._expected:
            self._fail(refusal(status, body))
            return
        self.answers += 1
        request = next(self._requests, None) if now < self._deadline else None
        if request is not None:
            lane.send(request)
            return
        self._open -= 1
        if not self._open and not self.done.done():
            self.done.set_result(now)

    def _lost(self) -> None:
        self._fail("the server closed a connection that had a request on it")

    def _fail(self, sentence: str) -> None:
        if not self.done.done():
            self.done.set_exception(Broken(sentence))


def refusal(status: bytes, body: bytes) -> str:
    return f"the server answered {status.decode()} where success was expected: {body[:300].decode(errors='replace')}"


async def saturate(
    lanes: Sequence[Lane], requests: Iterable[bytes], *, expected: bytes, seconds: float
) -> Slice:
    """Send as many requests as the server takes, until the time is up or they run out."""
    closed = _Closed(lanes, requests, expected)
    cpu, started = time.process_time(), time.perf_counter()
    closed.start(started + seconds)
    async with asyncio.timeout(seconds + STALLED_S):
        ended = await closed.done
    elapsed = ended - started
    return Slice(requests=closed.answers, seconds=elapsed, busy=(time.process_time() - cpu) / elapsed)


class Background:
    """A steady rate of requests, independent of the answers; those without a free connection are queued and counted."""

    def __init__(
        self, lanes: Sequence[Lane], make: Callable[[], bytes], *, expected: bytes, per_second: float
    ) -> None:
        self._free = list(lanes)
        self._make = make
        self._expected = expected
        self._per_second = per_second
        self._owed = 0
        self.sent = 0
        self.answers = 0
        self.most_owed = 0
        self.problem: str | None = None
        self._idle = asyncio.Event()
        for lane in lanes:
            lane.answered, lane.lost = self._answered, self._lost

    async def run(self) -> None:
        """Run until cancelled. `Broken` is raised at the first unsuccessful answer."""
        started, asked = time.perf_counter(), 0
        while self.problem is None:
            due = int((time.perf_counter() - started) * self._per_second)
            self._owed += due - asked
            asked = due
            self._send()
            self.most_owed = max(self.most_owed, self._owed)
            await asyncio.sleep(TICK_S)
        raise Broken(self.problem)

    async def drain(self) -> None:
        """Wait for outstanding answers."""
        self._owed = 0
        self._idle.clear()
        if self.answers < self.sent:
            async with asyncio.timeout(STALLED_S):
                await self._idle.wait()

    def _send(self) -> None:
        while self._owed and self._free:
            self._free.pop().send(self._make())
            self._owed -= 1
            self.sent += 1

    def _answered(self, lane: Lane, status: bytes, body: bytes) -> None:
        if status != self._expected:
            self.problem = refusal(status, body)
            return
        self.answers += 1
        self._free.append(lane)
        self._send()
        if self.answers == self.sent:
            self._idle.set()

    def _lost(self) -> None:
        self.problem = "the server closed a connection of the background load"


@asynccontextmanager
async def alongside(background: Background | None) -> AsyncIterator[None]:
    """Run the background load during the block; its failure is raised in the block."""
    if background is None:
        yield
        return
    async with asyncio.TaskGroup() as group:
        running = group.create_task(background.run())
        yield
        running.cancel()
    await background.drain()


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """An event that can be recognized when it arrives at the receiver."""

    token: bytes
    request: bytes


async def arrivals(
    lanes: Sequence[Lane],
    probes: Iterator[Probe],
    receiver: Receiver,
    *,
    expected: int,
    count: int,
    every: float,
) -> list[float]:
    """Seconds from each POST to its webhook's arrival, with one POST per `every` seconds regardless of the others."""
    free: asyncio.Queue[Lane] = asyncio.Queue()
    for lane in lanes:
        free.put_nowait(lane)

    async def one(probe: Probe) -> float:
        started = time.perf_counter()  # before a connection is free: waiting for one is part of the time
        lane = await free.get()
        status, body = await ask(lane, probe.request)
        free.put_nowait(lane)
        if status != expected:
            raise Broken(refusal(str(status).encode(), body))
        return await _arrival(receiver, probe.token) - started

    first = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        tasks = []
        for number, probe in zip(range(count), probes, strict=False):
            await asyncio.sleep(max(0.0, first + number * every - time.perf_counter()))
            tasks.append(group.create_task(one(probe)))
    return [task.result() for task in tasks]


async def _arrival(receiver: Receiver, token: bytes) -> float:
    try:
        return await receiver.wait(token, ARRIVES_WITHIN_S)
    except TimeoutError:
        sentence = f"a webhook did not arrive within {ARRIVES_WITHIN_S:.0f} s of its event's answer"
        raise Broken(sentence) from None
