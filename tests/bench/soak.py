"""A soak test: 100,000 deliveries, each exactly once, on SQLite and on three replicas with PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack

from tests.bench import subjects
from tests.bench.machine import resident
from tests.bench.replicas import BATCH, REPLICAS, burst_over, start_replicas
from tests.bench.report import Line, rate
from tests.bench.rows import Bench
from tests.bench.subjects import NOTIFIER, Grouping, Subject
from tests.bench.wire import Broken
from tests.postgres import running_cluster

BURSTS = 50
_TOLD_ALONE = Grouping(by_incident=True, wait="0s")


async def soak(bench: Bench) -> None:
    """Bursts of new causes on each engine; none may be lost or delivered twice."""
    async with subjects.notifier(bench.stable, _TOLD_ALONE) as one:
        await _soak(bench, [one], "SQLite")
    with running_cluster() as cluster:
        cluster.sql("CREATE DATABASE bench_soak")
        async with AsyncExitStack() as stack:
            three = await start_replicas(bench, stack, cluster.url("bench_soak"), REPLICAS)
            await _soak(bench, three, f"{REPLICAS} replicas of PostgreSQL")


async def _soak(bench: Bench, replicas: Sequence[Subject], where: str) -> None:
    groups, repeats = bench.options.groups, bench.receiver.repeats
    seconds = [await burst_over(replicas, bench.receiver, groups) for _ in range(BURSTS)]
    if bench.receiver.repeats != repeats:
        raise Broken(f"{bench.receiver.repeats - repeats} alerts came twice from {where}")
    sent = groups // BATCH * BATCH * BURSTS
    memory = max(resident(one.process.pid) for one in replicas) / 2**20
    slowest, fastest = max(seconds), min(seconds)
    bench.report.lines.append(
        Line(
            what=f"soak, {sent:,} deliveries on {where}: none lost, none twice",
            figures={NOTIFIER: rate(sent / sum(seconds))},
            ratio=f"the slowest burst {slowest / fastest:.2f} x the fastest",
        )
    )
    bench.report.notes.append(f"soak on {where}: at most {memory:.0f} MB resident at its end")
