"""The rows of the table (RULES.md#speed): what each starts, sends and reports."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from tests.bench import payload, subjects
from tests.bench.contest import Measured, Stream, contest, reconcile
from tests.bench.load import Background, Probe, alongside, arrivals
from tests.bench.report import Goal, Line, Report, compared, milliseconds, percentile, rate, within
from tests.bench.subjects import ALERTMANAGER, BARE, NOTIFIER, VALIDATING, Grouping, Stable, Subject
from tests.bench.wire import Receiver, lanes

BATCH_CONNECTIONS = 16
PROBE_LANES = 32
STORM_LANES = 64
STORM_PER_SECOND = 2_000
STORM_EVERY_S = 0.1
IDLE_EVERY_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How long and how much. Times in seconds; `distinct` is the number of fingerprints of the last row,
    `groups` that of those told in a burst."""

    rounds: int
    seconds: float
    connections: int
    idle_probes: int
    storm_seconds: float
    distinct: int
    groups: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The environment of a row."""

    options: Options
    stable: Stable
    receiver: Receiver
    with_alertmanager: bool
    report: Report = field(default_factory=Report)


Row = Callable[[Bench], Awaitable[None]]


async def alerting_pair(bench: Bench, stack: AsyncExitStack, grouping: Grouping) -> list[Subject]:
    """notifier, and Alertmanager if it is installed."""
    opened = [await stack.enter_async_context(subjects.notifier(bench.stable, grouping))]
    if bench.with_alertmanager:
        opened.append(await stack.enter_async_context(subjects.alertmanager(bench.stable, grouping)))
    return opened


async def _all(bench: Bench, stack: AsyncExitStack) -> list[Subject]:
    pair = await alerting_pair(bench, stack, Grouping())
    baselines = [
        await stack.enter_async_context(subjects.baseline(bench.stable, name)) for name in (BARE, VALIDATING)
    ]
    return [*pair, *baselines]


async def reconcile_all(bench: Bench, who: Sequence[Subject]) -> None:
    said = [await reconcile(subject) for subject in who]
    bench.report.notes.extend(filter(None, said))


def _ingest_line(bench: Bench, what: str, found: Mapping[str, Measured], goals: Sequence[Goal]) -> None:
    rates = {name: one.rate for name, one in found.items()}
    ratio, goal, verdict = compared(rates, goals)
    figures = {name: rate(value) for name, value in rates.items()}
    bench.report.lines.append(Line(what=what, figures=figures, ratio=ratio, goal=goal, verdict=verdict))
    told = "; ".join(f"{name}: {one.words}" for name, one in found.items())
    bench.report.notes.append(f"{what}: {told}")
    if BARE in found:
        ceiling = found[BARE].rate / found[BARE].load_busy
        bench.report.notes.append(
            f"{what}: the load itself could send about {rate(ceiling)} (to the bare callable, over its busy share)"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A row of ingest: what is sent, events per request, and goals."""

    what: str
    stream: Stream
    batch: int
    goals: Sequence[Goal]


async def _ingest(bench: Bench, *works: Work) -> None:
    async with AsyncExitStack() as stack:
        who = await _all(bench, stack)
        for work in works:
            found = await contest(
                who,
                work.stream,
                batch=work.batch,
                connections=bench.options.connections if work.batch == 1 else BATCH_CONNECTIONS,
                rounds=bench.options.rounds,
                seconds=bench.options.seconds,
            )
            _ingest_line(bench, work.what, found, work.goals)
        await reconcile_all(bench, who)


async def single(bench: Bench) -> None:
    """One event a request."""
    goals = (Goal(against=ALERTMANAGER, at_least=1.0), Goal(against=VALIDATING, at_least=1.5))
    what = "ingest, one event a request, durable"
    await _ingest(bench, Work(what=what, stream=payload.equal, batch=1, goals=goals))


async def batches(bench: Bench) -> None:
    """A hundred a request: all equal, and all distinct."""
    await _ingest(
        bench,
        Work(
            what="ingest, batches of 100, equal events",
            stream=payload.equal,
            batch=100,
            goals=(Goal(against=ALERTMANAGER, at_least=1.5),),
        ),
        Work(
            what="ingest, batches of 100, all distinct",
            stream=payload.distinct,
            batch=100,
            goals=(Goal(against=ALERTMANAGER, at_least=0.8),),
        ),
    )


def probes(subject: Subject) -> Iterator[Probe]:
    """New events, each identified by its token."""
    while True:
        token = payload.fresh()
        yield Probe(token=token, request=subject.requests(itertools.repeat(token), batch=1, count=1)[0])


async def _arrivals(
    bench: Bench, subject: Subject, *, count: int, every: float, background: Background | None = None
) -> list[float]:
    async with lanes(subject.port, PROBE_LANES) as pool, alongside(background):
        times = await arrivals(
            pool,
            probes(subject),
            bench.receiver,
            expected=subject.accepted,
            count=count,
            every=every,
        )
    subject.sent += len(times)
    return times


async def idle(bench: Bench) -> None:
    """The time from POST to the webhook's arrival on an idle service."""
    share = max(1, bench.options.idle_probes // bench.options.rounds)
    times: dict[str, list[float]] = {}
    async with AsyncExitStack() as stack:
        who = await alerting_pair(bench, stack, Grouping(by_incident=True, wait="0s"))
        for subject in who:
            await _arrivals(bench, subject, count=20, every=IDLE_EVERY_S)
        for _ in range(bench.options.rounds):
            for subject in who:
                times.setdefault(subject.name, []).extend(
                    await _arrivals(bench, subject, count=share, every=IDLE_EVERY_S)
                )
        await reconcile_all(bench, who)
    for name, share_of, limit in (("p50", 0.5, 0.010), ("p99", 0.99, 0.050)):
        _latency_line(bench, f"`POST` to the webhook's arrival, idle, {name}", times, share_of, limit)


async def storm(bench: Bench) -> None:
    """The same with 2,000 equal events per second, one per request."""
    times: dict[str, list[float]] = {}
    count = int(bench.options.storm_seconds / STORM_EVERY_S)
    async with AsyncExitStack() as stack:
        who = await alerting_pair(bench, stack, Grouping(by_incident=True, wait="0s"))
        for _ in range(bench.options.rounds):
            for subject in who:
                times.setdefault(subject.name, []).extend(await _in_a_storm(bench, subject, count))
        await reconcile_all(bench, who)
    what = "the same, a new fingerprint every 100 ms among 2,000 equal events a second, p99"
    _latency_line(bench, what, times, 0.99, 0.250)


async def _in_a_storm(bench: Bench, subject: Subject, count: int) -> list[float]:
    tokens = payload.equal()
    async with lanes(subject.port, STORM_LANES) as pool:
        background = Background(
            pool,
            lambda: subject.requests(tokens, batch=1, count=1)[0],
            expected=subject.expected,
            per_second=STORM_PER_SECOND,
        )
        times = await _arrivals(bench, subject, count=count, every=STORM_EVERY_S, background=background)
    subject.sent += background.answers
    if background.most_owed:
        bench.report.notes.append(
            f"storm: {subject.name} fell behind; {background.most_owed} requests waited for a free connection at worst"
        )
    return times


def _latency_line(
    bench: Bench, what: str, times: Mapping[str, list[float]], share: float, limit: float
) -> None:
    values = {name: percentile(found, share) for name, found in times.items()}
    figures = {name: milliseconds(value) for name, value in values.items()}
    ratio = (
        f"{values[NOTIFIER] / values[ALERTMANAGER]:.1f} x Alertmanager's" if ALERTMANAGER in values else ""
    )
    bench.report.lines.append(
        Line(
            what=what,
            figures=figures,
            ratio=ratio,
            goal=f"at most {milliseconds(limit)}",
            verdict=within(values[NOTIFIER], limit),
        )
    )


async def ready(bench: Bench) -> None:
    """The time from the start of the process to its first successful readiness check."""
    times: dict[str, list[float]] = {}
    again: list[float] = []
    async with subjects.notifier(bench.stable, Grouping()):
        pass  # the first start compiles the modules
    for _ in range(bench.options.rounds):
        box = bench.stable.box(NOTIFIER)
        async with subjects.notifier(bench.stable, Grouping(), box=box) as one:
            times.setdefault(one.name, []).append(one.ready_seconds)
        async with subjects.notifier(bench.stable, Grouping(), box=box) as one:
            again.append(one.ready_seconds)
        for name in (BARE, VALIDATING):
            async with subjects.baseline(bench.stable, name) as one:
                times.setdefault(name, []).append(one.ready_seconds)
        if bench.with_alertmanager:
            async with subjects.alertmanager(bench.stable, Grouping()) as one:
                times.setdefault(one.name, []).append(one.ready_seconds)
    values = {name: statistics.median(found) for name, found in times.items()}
    bench.report.lines.append(
        Line(
            what="ready after `notifier serve`, new database",
            figures={name: f"{value:.2f} s" for name, value in values.items()},
            goal="3 s",
            verdict=within(values[NOTIFIER], 3.0),
        )
    )
    bench.report.notes.append(f"ready again on its existing database: {statistics.median(again):.2f} s")
