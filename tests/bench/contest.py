"""The same stream of events to several servers in turn, slice by slice, so that all meet the same conditions."""

from __future__ import annotations

import asyncio
import gc
import itertools
import re
import sqlite3
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import payload
from tests.bench.load import Slice, saturate
from tests.bench.machine import core_seconds, cpu_seconds
from tests.bench.subjects import ALERTMANAGER, NOTIFIER, Subject
from tests.bench.wire import Broken, get, lanes

WARM_UP_EVENTS = 3_000
SPARE = 1.6
"""The factor by which prepared requests exceed the warm-up's rate, so that they do not run out."""

REUSED = 500
DISTURBED = 0.1
"""The share of the server's core used by other processes above which the report mentions it."""

Stream = Callable[[], Iterator[bytes]]

_ACCEPTED = {
    NOTIFIER: re.compile(
        rb'^notifier_events_total\{format="native",result="accepted"\} ([0-9.e+]+)$', re.MULTILINE
    ),
    ALERTMANAGER: re.compile(
        rb'^alertmanager_alerts_received_total\{status="firing",version="v2"\} ([0-9.e+]+)$', re.MULTILINE
    ),
}


@dataclass(slots=True, kw_only=True)
class Measured:
    """All slices of one subject. Rates are events per second; CPU is the server's, `others` that of other processes."""

    slices: list[Slice] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    cpu_share: list[float] = field(default_factory=list)
    cpu_us_per_event: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    @property
    def load_busy(self) -> float:
        return statistics.median(one.busy for one in self.slices)

    @property
    def words(self) -> str:
        return (
            f"server {statistics.median(self.cpu_share):.0%}, load {self.load_busy:.0%} busy, "
            f"{statistics.median(self.cpu_us_per_event):.0f} us of server CPU an event{self._disturbed}"
        )

    @property
    def _disturbed(self) -> str:
        others = statistics.median(self.others)
        return f" (other processes had {others:.0%} of its core)" if others > DISTURBED else ""


@dataclass(slots=True, kw_only=True)
class Contender:
    """A subject, and the stream that it gets over its connections.

    Connections are opened for each slice, before its time starts: servers close idle ones while others have their turn.
    """

    subject: Subject
    connections: int
    tokens: Iterator[bytes]
    batch: int
    measured: Measured = field(default_factory=Measured)
    _guess: float = 0.0

    async def warm_up(self) -> None:
        """Run a short uncounted slice, which determines the number of requests of the next."""
        count = max(self.connections, WARM_UP_EVENTS // self.batch)
        self._guess = (await self._run(count, seconds=5.0))[0].rate

    async def slice(self, seconds: float) -> None:
        one, cpu, core = await self._run(
            int(self._guess * seconds * SPARE) + self.connections, seconds=seconds
        )
        events = one.requests * self.batch
        self.measured.slices.append(one)
        self.measured.rates.append(events / one.seconds)
        self.measured.cpu_share.append(cpu / one.seconds)
        self.measured.cpu_us_per_event.append(cpu / events * 1e6)
        self.measured.others.append(max(0.0, core - cpu) / one.seconds)
        self._guess = max(self._guess, one.rate)

    async def _run(self, count: int, *, seconds: float) -> tuple[Slice, float, float]:
        """The slice, the server's CPU time, and the total CPU time of its core."""
        requests = self._prepared(count)
        gc.collect()
        async with lanes(self.subject.port, self.connections) as opened:
            cpu, core = cpu_seconds(self.subject.process.pid), core_seconds(self.subject.core)
            one = await saturate(opened, requests, expected=self.subject.expected, seconds=seconds)
            cpu = cpu_seconds(self.subject.process.pid) - cpu
            core = core_seconds(self.subject.core) - core
        self.subject.sent += one.requests * self.batch
        return one, cpu, core

    def _prepared(self, count: int) -> Iterable[bytes]:
        if not self.subject.forgetful:
            return self.subject.requests(self.tokens, batch=self.batch, count=count)
        few = self.subject.requests(self.tokens, batch=self.batch, count=min(count, REUSED))
        return itertools.islice(itertools.cycle(few), count)


async def alone(subject: Subject, *, connections: int, rounds: int, seconds: float) -> Measured:
    """Measure one subject with distinct events, one per request."""
    contender = Contender(subject=subject, connections=connections, tokens=payload.distinct(), batch=1)
    await contender.warm_up()
    for _ in range(rounds):
        await contender.slice(seconds)
    return contender.measured


async def contest(
    subjects: Sequence[Subject],
    stream: Stream,
    *,
    batch: int,
    connections: int,
    rounds: int,
    seconds: float,
) -> Mapping[str, Measured]:
    """Interleaved slices; the order rotates with every round."""
    contenders = [
        Contender(subject=subject, connections=connections, tokens=stream(), batch=batch)
        for subject in subjects
    ]
    for contender in contenders:
        await contender.warm_up()
    for number in range(rounds):
        turn = number % len(contenders)
        for contender in contenders[turn:] + contenders[:turn]:
            await contender.slice(seconds)
    return {contender.subject.name: contender.measured for contender in contenders}


async def reconcile(subject: Subject) -> str:
    """A sentence that compares the server's count of events with the expected one.

    `Broken` is raised if they differ.
    """
    pattern = _ACCEPTED.get(subject.name)
    if pattern is None:
        return ""
    _, text = await get(subject.port, "/metrics", subject.key)
    found = pattern.search(text)
    if found is None:
        raise Broken(f"{subject.name} does not show at /metrics how many events it has accepted")
    counts = {"counts": int(float(found[1]))}
    if subject.database is not None:
        counts |= await asyncio.to_thread(_on_disk, subject.database)
    told = ", ".join(f"{verb} {count:,}" for verb, count in counts.items())
    sentence = f"{subject.name} answered for {subject.sent:,} events: {told}"
    if any(count != subject.sent for count in counts.values()):
        raise Broken(f"{sentence}; they must be the same")
    return sentence


def _on_disk(database: Path) -> dict[str, int]:
    """The database's counts, read over a separate connection."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        accepted = connection.execute("SELECT sum(n) FROM ledger WHERE name = 'accepted'").fetchone()[0]
        counted = connection.execute("SELECT sum(count) FROM incidents").fetchone()[0]
    return {"its ledger has": accepted or 0, "its incidents count": counted or 0}
