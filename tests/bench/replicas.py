"""Three replicas on one PostgreSQL, beside one: the cost of a notified event, and the total rate."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from tests.bench import payload, subjects
from tests.bench.machine import cpu_seconds
from tests.bench.report import Line, rate, within
from tests.bench.rows import Bench
from tests.bench.subjects import NOTIFIER, ROOT, Grouping, Subject
from tests.bench.telling import post_all
from tests.bench.wire import Receiver, lanes
from tests.postgres import running_cluster

REPLICAS = 3
DELAY_S = 0.1
COST = 1.25
GAIN = 2.4
BATCH = 100
ARRIVES_WITHIN_S = 120.0
_TOLD_ALONE = Grouping(by_incident=True, wait="0s")


async def replicas(bench: Bench) -> None:
    """One replica and three take turns, each set on its own database."""
    groups = bench.options.groups
    cost: dict[int, list[float]] = {1: [], REPLICAS: []}
    slow: dict[int, list[float]] = {1: [], REPLICAS: []}
    with running_cluster() as cluster:
        async with AsyncExitStack() as stack:
            who: dict[int, list[Subject]] = {}
            for count in cost:
                cluster.sql(f"CREATE DATABASE bench_{count}")
                who[count] = await start_replicas(bench, stack, cluster.url(f"bench_{count}"), count)
            for number in range(bench.options.rounds + 1):
                for count, subjects_ in who.items():
                    cpu = sum(cpu_seconds(one.process.pid) for one in subjects_)
                    await burst_over(subjects_, bench.receiver, groups)
                    cpu = sum(cpu_seconds(one.process.pid) for one in subjects_) - cpu
                    if number:  # warm-up
                        cost[count].append(cpu / groups)
            bench.receiver.delay = DELAY_S
            try:
                for count, subjects_ in who.items():
                    slow[count].append(await burst_over(subjects_, bench.receiver, groups // 2))
            finally:
                bench.receiver.delay = 0.0
    each = {count: statistics.median(found) for count, found in cost.items()}
    rates = {count: groups // 2 / statistics.median(found) for count, found in slow.items()}
    dearer, faster = each[REPLICAS] / each[1], rates[REPLICAS] / rates[1]
    bench.report.lines += [
        Line(
            what=f"processor time of a told event, {REPLICAS} replicas on PostgreSQL",
            figures={NOTIFIER: f"{each[REPLICAS] * 1e6:,.0f} us"},
            ratio=f"{dearer:.2f} x that of one",
            goal=f"at most {COST:g} x",
            verdict=within(dearer, COST),
        ),
        Line(
            what=f"told to a receiver that takes 100 ms, {REPLICAS} replicas on PostgreSQL",
            figures={NOTIFIER: rate(rates[REPLICAS])},
            ratio=f"{faster:.2f} x that of one",
            goal=f"{GAIN:g} x",
            verdict="reached" if faster >= GAIN else "missed",
        ),
    ]


async def start_replicas(bench: Bench, stack: AsyncExitStack, url: str, count: int) -> list[Subject]:
    """Replicas of one database; the first prints the key that all accept."""
    changes = {"database": {"url": url}}
    await asyncio.to_thread(_upgrade, bench.stable.box("upgrade"), url)
    started: list[Subject] = []
    for _ in range(count):
        one = await stack.enter_async_context(subjects.notifier(bench.stable, _TOLD_ALONE, changes=changes))
        one.key = started[0].key if started else one.key
        started.append(one)
    return started


def _upgrade(folder: Path, url: str) -> None:
    config = folder / "notifier.yaml"
    config.write_text(
        f"database: {{url: '{url}'}}\nchannels: {{c: {{type: console}}}}\nroute: {{channels: [c]}}\n"
    )
    command = [sys.executable, "-m", "notifier.cli", "db", "upgrade", "--config", str(config)]
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


async def burst_over(replicas_: Sequence[Subject], receiver: Receiver, groups: int) -> float:
    """Seconds from the first post of new causes, spread over all replicas, until each has arrived."""
    tokens = [payload.fresh() for _ in range(groups)]
    stream = iter(tokens)
    async with AsyncExitStack() as stack:
        posts = []
        began = time.perf_counter()
        for number, one in enumerate(replicas_):
            count = groups // BATCH
            mine = len(range(number, count, len(replicas_)))
            requests = one.requests(stream, batch=BATCH, count=mine)
            pool = await stack.enter_async_context(lanes(one.port, 2))
            posts += [
                post_all(lane, itertools.islice(requests, place, None, len(pool)), one.accepted)
                for place, lane in enumerate(pool)
            ]
        await asyncio.gather(*posts)
        last = max([await receiver.wait(token, ARRIVES_WITHIN_S) for token in tokens])
    return last - began
