"""The row with a million distinct fingerprints: their cost in memory and in ingest rate."""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack

from tests.bench import payload, subjects
from tests.bench.contest import Contender, Stream, reconcile
from tests.bench.load import saturate
from tests.bench.machine import cpu_seconds, resident
from tests.bench.report import Line, Verdict, megabytes, rate, within
from tests.bench.rows import Bench
from tests.bench.subjects import ALERTMANAGER, NOTIFIER, Grouping, Subject
from tests.bench.wire import Broken, lanes

FILL_BATCH = 1_000
FILL_LANES = 4
FILL_CHUNK = 40
BATCH = 100
CONNECTIONS = 16
KNOWN = 1_000
MEMORY_LIMIT = 250_000_000
QUIET_SHARE = 0.15
SETTLES_WITHIN_S = 600.0
FILLS_WITHIN_S = 600.0

MIXED = "1 % new"
ALL_NEW = "all new"


def _token(number: int) -> bytes:
    return f"one-{number:09d}".encode()


def known(count: int) -> Iterator[bytes]:
    """A thousand of the fingerprints, spread evenly, repeated for ever."""
    step = max(1, count // KNOWN)
    return itertools.cycle([_token(number) for number in range(0, count, step)])


def _anywhere(count: int) -> Iterator[bytes]:
    dice = random.Random(1)
    while True:
        yield _token(dice.randrange(count))


async def row(bench: Bench) -> None:
    """Fill one database, then measure it beside an empty one, slice by slice."""
    count = bench.options.distinct // FILL_BATCH * FILL_BATCH
    streams: dict[str, Stream] = {
        MIXED: lambda: payload.mixed(known(count), one_new_in=100),
        ALL_NEW: payload.distinct,
    }
    full_rates: dict[str, list[float]] = {}
    empty_rates: dict[str, list[float]] = {}
    memory: dict[str, int] = {}
    fresh = 0
    async with subjects.notifier(bench.stable, Grouping()) as full:
        bench.report.notes.append(await _fill(full, count))
        memory[NOTIFIER] = resident(full.process.pid)
        for _ in range(bench.options.rounds):
            async with subjects.notifier(bench.stable, Grouping()) as empty:
                fresh = resident(empty.process.pid)
                await _post_known(empty, count)
                for name, stream in streams.items():
                    empty_rates.setdefault(name, []).append(await _rate(bench, empty, stream))
                    full_rates.setdefault(name, []).append(await _rate(bench, full, stream))
                await reconcile(empty)
        harsh = await _rate(bench, full, lambda: payload.mixed(_anywhere(count), one_new_in=100))
        memory[NOTIFIER] = max(memory[NOTIFIER], resident(full.process.pid))
        bench.report.notes.append(await reconcile(full))
    if bench.with_alertmanager:
        async with AsyncExitStack() as stack:
            other = await stack.enter_async_context(subjects.alertmanager(bench.stable, Grouping()))
            bench.report.notes.append(await _fill(other, count))
            memory[ALERTMANAGER] = resident(other.process.pid)
    _memory_line(bench, count, memory)
    medians = {name: statistics.median(rates) for name, rates in empty_rates.items()}
    for name, goal in ((MIXED, 0.7), (ALL_NEW, 0.3)):
        _ratio_line(bench, count, name, statistics.median(full_rates[name]), medians[name], goal)
    bench.report.notes.append(f"a new notifier without any event: {megabytes(fresh)} resident")
    bench.report.notes.append(
        f"{count:,} fingerprints: with 1 % new and the known ones anywhere among them {rate(harsh)}, "
        f"{harsh / medians[MIXED]:.2f} x an empty database's {MIXED}"
    )


async def _fill(subject: Subject, count: int) -> str:
    """Post distinct events, then wait until the server is idle."""
    tokens = (_token(number) for number in range(count))
    left, busy = count // FILL_BATCH, 0.0
    started = time.perf_counter()
    async with lanes(subject.port, FILL_LANES) as pool:
        while left:
            requests = subject.requests(tokens, batch=FILL_BATCH, count=min(left, FILL_CHUNK))
            one = await saturate(pool, requests, expected=subject.expected, seconds=FILLS_WITHIN_S)
            if one.requests < len(requests) or time.perf_counter() - started > FILLS_WITHIN_S:
                raise Broken(f"{subject.name} takes more than {FILLS_WITHIN_S:.0f} s for {count:,} events")
            left -= one.requests
            busy += one.seconds
    subject.sent += count
    settled = await _settle(subject)
    return (
        f"{subject.name} took {count:,} distinct events in batches of {FILL_BATCH:,} at {rate(count / busy)}, "
        f"then {settled}"
    )


async def _settle(subject: Subject) -> str:
    """Wait until the server's CPU is idle, when everything is routed and told."""
    started = time.perf_counter()
    while (passed := time.perf_counter() - started) < SETTLES_WITHIN_S:
        before = cpu_seconds(subject.process.pid)
        await asyncio.sleep(1)
        if cpu_seconds(subject.process.pid) - before < QUIET_SHARE:
            return f"was busy for another {passed:.0f} s"
    return f"was still busy after {SETTLES_WITHIN_S:.0f} s"


async def _post_known(subject: Subject, count: int) -> None:
    """Post the recurring fingerprints to the empty database."""
    async with lanes(subject.port, FILL_LANES) as pool:
        requests = subject.requests(known(count), batch=BATCH, count=max(1, min(count, KNOWN) // BATCH))
        one = await saturate(pool, requests, expected=subject.expected, seconds=30)
    subject.sent += one.requests * BATCH


async def _rate(bench: Bench, subject: Subject, stream: Stream) -> float:
    contender = Contender(subject=subject, connections=CONNECTIONS, tokens=stream(), batch=BATCH)
    await contender.warm_up()
    await contender.slice(bench.options.seconds)
    return contender.measured.rate


def _memory_line(bench: Bench, count: int, memory: dict[str, int]) -> None:
    ratio = (
        f"{memory[NOTIFIER] / memory[ALERTMANAGER]:.2f} x Alertmanager's" if ALERTMANAGER in memory else ""
    )
    whole = count >= 1_000_000
    verdict: Verdict = within(memory[NOTIFIER], MEMORY_LIMIT) if whole else "not compared"
    bench.report.lines.append(
        Line(
            what=f"{count:,} distinct fingerprints: resident",
            figures={name: megabytes(size) for name, size in memory.items()},
            ratio=ratio,
            goal=f"at most {megabytes(MEMORY_LIMIT)} for a million",
            verdict=verdict,
        )
    )


def _ratio_line(bench: Bench, count: int, name: str, full: float, empty: float, goal: float) -> None:
    verdict: Verdict = "reached" if full / empty >= goal else "missed"
    bench.report.lines.append(
        Line(
            what=f"ingest beside {count:,} fingerprints, batches of {BATCH}, {name}",
            figures={NOTIFIER: f"{rate(full)} (empty: {rate(empty)})"},
            ratio=f"{full / empty:.2f} x an empty database",
            goal=f"{goal:g} x",
            verdict=verdict if count >= 1_000_000 else "not compared",
        )
    )
