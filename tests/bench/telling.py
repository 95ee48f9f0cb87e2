"""The speed of notifications: many groups of one event each, from the first post to the last arrival."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack

from tests.bench import payload
from tests.bench.report import Goal, Line, compared, rate
from tests.bench.rows import Bench, alerting_pair, reconcile_all
from tests.bench.subjects import ALERTMANAGER, NOTIFIER, Grouping, Subject
from tests.bench.wire import Broken, Lane, Receiver, ask, lanes

BATCH = 100
ARRIVES_WITHIN_S = 120.0
LINEAR = 1.3


async def telling(bench: Bench) -> None:
    """Groups of one event each to one webhook: against Alertmanager, and the cost of a delivery in a longer queue."""
    groups = bench.options.groups
    seconds: dict[str, list[float]] = {}
    async with AsyncExitStack() as stack:
        who = await alerting_pair(bench, stack, Grouping(by_incident=True, wait="0s"))
        for _ in range(bench.options.rounds):
            for subject in who:
                seconds.setdefault(subject.name, []).append(await burst(subject, bench.receiver, groups))
        few = [await burst(who[0], bench.receiver, groups // 10) for _ in range(bench.options.rounds)]
        many = await burst(who[0], bench.receiver, groups * 10)
        await reconcile_all(bench, who)
    rates = {name: groups / statistics.median(found) for name, found in seconds.items()}
    goal = Goal(against=ALERTMANAGER, at_least=1 / 5)
    ratio, wanted, verdict = compared(rates, [goal])
    bench.report.lines.append(
        Line(
            what=f"told, {groups:,} groups of one event to one webhook",
            figures={name: rate(value) for name, value in rates.items()},
            ratio=ratio,
            goal=wanted,
            verdict=verdict,
        )
    )
    each = {groups // 10: statistics.median(few) / (groups // 10), groups * 10: many / (groups * 10)}
    each[groups] = 1 / rates[NOTIFIER]
    told = ", ".join(f"{n:,} groups {cost * 1000:.2f} ms" for n, cost in sorted(each.items()))
    spread = max(each.values()) / min(each.values())
    bench.report.lines.append(
        Line(
            what="the same, the dearest delivery over the cheapest",
            figures={NOTIFIER: f"{spread:.2f}"},
            goal=f"at most {LINEAR:g}",
            verdict="reached" if spread <= LINEAR else "missed",
        )
    )
    bench.report.notes.append(f"a delivery costs, from the first post to the last arrival: {told}")


async def burst(
    subject: Subject, receiver: Receiver, groups: int, *, awaited: Callable[[bytes], bool] = lambda _: True
) -> float:
    """Seconds from the first post of `groups` new causes, in batches, until each awaited one has arrived."""
    tokens = [payload.fresh() for _ in range(groups)]
    stream = iter(tokens)
    batch = min(BATCH, groups)
    requests = subject.requests(stream, batch=batch, count=groups // batch)
    async with lanes(subject.port, 2) as pool:
        began = time.perf_counter()
        shares = (itertools.islice(requests, i, None, len(pool)) for i in range(len(pool)))
        posts = [post_all(lane, share, subject.accepted) for lane, share in zip(pool, shares, strict=True)]
        await asyncio.gather(*posts)
        last = max([await receiver.wait(token, ARRIVES_WITHIN_S) for token in tokens if awaited(token)])
    subject.sent += groups
    return last - began


async def post_all(lane: Lane, requests: Iterable[bytes], accepted: int) -> None:
    for request in requests:
        status, _ = await ask(lane, request)
        if status != accepted:
            raise Broken(f"a post was answered with {status}")
