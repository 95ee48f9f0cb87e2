"""Many targets with one that hangs, a critical alert behind a backlog, and many rules: what they cost others."""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics
from collections.abc import Iterator, Mapping
from typing import Any

from tests.bench import payload, subjects
from tests.bench.load import Probe, arrivals
from tests.bench.machine import cpu_seconds
from tests.bench.report import Line, milliseconds, rate, within
from tests.bench.rows import Bench
from tests.bench.subjects import NOTIFIER, Grouping, Subject
from tests.bench.telling import burst
from tests.bench.wire import HOST, Broken, Receiver, ask, lanes, receiving

TARGETS = 20
KEEPS = 0.9
CRITICALS = 5
CRITICAL_EVERY_S = 0.5
CRITICAL_WITHIN_S = 1.0
ROUTES = 1_000
SILENCES = 5_000
WITHOUT_EQUALITY = 20
"""One in this many routes and silences has no equality matcher."""
RULES_COST = 1.1
SILENCE_LANES = 16

_TOLD_ALONE = Grouping(by_incident=True, wait="0s")
_CRITICAL = payload.form({**payload.EVENT, "severity": "critical"})


async def targets(bench: Bench) -> None:
    """Groups over twenty targets: the delay at nineteen of them while one hangs."""
    groups = bench.options.groups
    async with receiving() as hanging:
        changes = _targets(bench, hanging)
        async with subjects.notifier(bench.stable, _TOLD_ALONE, changes=changes) as one:
            await _burst_over_targets(one, bench.receiver, groups // 10)
            rounds = range(bench.options.rounds)
            free = [await _burst_over_targets(one, bench.receiver, groups) for _ in rounds]
            hanging.hangs = True
            beside = [await _burst_over_targets(one, bench.receiver, groups) for _ in rounds]
    others = groups * (TARGETS - 1) // TARGETS
    kept = statistics.median(free) / statistics.median(beside)
    bench.report.lines.append(
        Line(
            what=f"told, {groups:,} groups over {TARGETS} targets of which one hangs: the others",
            figures={NOTIFIER: rate(others / statistics.median(beside))},
            ratio=f"{kept:.2f} x their rate when none hangs",
            goal=f"{KEEPS:g} x",
            verdict="reached" if kept >= KEEPS else "missed",
        )
    )


async def _burst_over_targets(subject: Subject, receiver: Receiver, groups: int) -> float:
    return await burst(subject, receiver, groups, awaited=lambda token: int(token[-2:]) % TARGETS != 0)


def _targets(bench: Bench, hanging: Receiver) -> Mapping[str, Any]:
    """A channel for each remainder of an event's number; the first one's receiver is the one that may hang."""
    ports = [hanging.port, *itertools.repeat(bench.stable.receiver_port, TARGETS - 1)]
    names = [f"sink-{number}" for number in range(TARGETS)]
    routes = [
        {
            "match": [f'region=~".*({"|".join(f"{n:02d}" for n in range(number, 100, TARGETS))})"'],
            "channels": [name],
        }
        for number, name in enumerate(names)
    ]
    return {
        "channels": {
            name: {"type": "webhook", "url": f"http://{HOST}:{port}/{name}"}
            for name, port in zip(names, ports, strict=True)
        },
        "route": {"channels": [names[1]], "group_by": ["incident"], "group_wait": "0s", "routes": routes},
    }


async def critical(bench: Bench) -> None:
    """Critical alerts that arrive while ten times the usual number of groups waits for their target."""
    waiting = bench.options.groups * 10
    async with subjects.notifier(bench.stable, _TOLD_ALONE) as one:
        await burst(one, bench.receiver, bench.options.groups // 10)
        tokens = [payload.fresh() for _ in range(waiting)]
        requests = one.requests(iter(tokens), batch=100, count=waiting // 100)
        async with lanes(one.port, 1) as pool:
            for request in requests:
                status, _ = await ask(pool[0], request)
                if status != one.accepted:
                    raise Broken(f"a post was answered with {status}")
        behind = sum(token not in bench.receiver.arrived for token in tokens)
        one.form = _CRITICAL
        async with lanes(one.port, CRITICALS) as pool:
            times = await arrivals(
                pool,
                _probes(one),
                bench.receiver,
                expected=one.accepted,
                count=CRITICALS,
                every=CRITICAL_EVERY_S,
            )
    bench.report.lines.append(
        Line(
            what=f"a critical alert behind {behind:,} that wait, the slowest of {CRITICALS}",
            figures={NOTIFIER: milliseconds(max(times))},
            goal=f"at most {milliseconds(CRITICAL_WITHIN_S)}",
            verdict=within(max(times), CRITICAL_WITHIN_S),
        )
    )


def _probes(subject: Subject) -> Iterator[Probe]:
    while True:
        token = payload.fresh()
        yield Probe(token=token, request=subject.requests(iter([token]), batch=1, count=1)[0])


async def rules(bench: Bench) -> None:
    """Processor time per notified event, with a thousand routes and five thousand silences, and without."""
    groups = bench.options.groups
    cost: dict[str, list[float]] = {"few": [], "many": []}
    async with (
        subjects.notifier(bench.stable, _TOLD_ALONE) as few,
        subjects.notifier(bench.stable, _TOLD_ALONE, changes=_many_routes()) as many,
    ):
        await _silence(many)
        for number in range(bench.options.rounds + 1):
            for name, one in (("few", few), ("many", many)):
                before = cpu_seconds(one.process.pid)
                await burst(one, bench.receiver, groups)
                if number:  # warm-up
                    cost[name].append((cpu_seconds(one.process.pid) - before) / groups)
    ratio = statistics.median(cost["many"]) / statistics.median(cost["few"])
    bench.report.lines.append(
        Line(
            what=f"processor time of a told event with {ROUTES:,} routes and {SILENCES:,} silences",
            figures={NOTIFIER: f"{statistics.median(cost['many']) * 1e6:,.0f} us"},
            ratio=f"{ratio:.2f} x that without",
            goal=f"at most {RULES_COST:g} x",
            verdict=within(ratio, RULES_COST),
        )
    )


def _matcher(number: int) -> str:
    """Matchers of which 19 in 20 have an equality; none matches the bench's event."""
    return f'team=~"t-{number}-.*"' if number % WITHOUT_EQUALITY == 0 else f'service="service-{number}"'


def _many_routes() -> Mapping[str, Any]:
    routes = [{"match": [_matcher(number)]} for number in range(ROUTES)]
    return {"route": {"channels": ["sink"], "group_by": ["incident"], "group_wait": "0s", "routes": routes}}


async def _silence(subject: Subject) -> None:
    """Create the silences over the API."""
    numbers = iter(range(SILENCES))

    async def create(lane: Any) -> None:
        for number in numbers:
            silence = {"matchers": [_matcher(number)], "ends_at": "2100-01-01T00:00:00Z", "comment": "bench"}
            body = json.dumps(silence).encode()
            status, answer = await ask(
                lane, payload.head(subject.port, "/v1/silences", subject.key, len(body)) + body
            )
            if status != 201:
                raise Broken(f"a silence was answered with {status}: {answer[:200].decode(errors='replace')}")

    async with lanes(subject.port, SILENCE_LANES) as pool:
        await asyncio.gather(*map(create, pool))
