"""The row of reads: lists, searches, statistics, metrics and pages with a million incidents and task runs."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from tests.bench import reading_data, subjects
from tests.bench.machine import resident
from tests.bench.report import Line, Verdict, megabytes, milliseconds, percentile, within
from tests.bench.rows import Bench
from tests.bench.subjects import NOTIFIER, Grouping, Subject
from tests.bench.wire import HOST, Broken, get
from tests.browser import Browser

EACH_WITHIN_S = 0.150
MEMORY_LIMIT = 300_000_000
ROUNDS = 40
SLOW_S = 2.0
SLOW_ROUNDS = 3
SETTLES_S = 10.0

CALLS: Mapping[str, str] = {
    "list": "/v1/incidents",
    "list, unresolved": "/v1/incidents?state=unresolved",
    "list, unresolved by severity": "/v1/incidents?state=unresolved&sort=severity",
    "list, unresolved by count": "/v1/incidents?state=unresolved&sort=count",
    "list, unresolved by last_seen": "/v1/incidents?state=unresolved&sort=last_seen",
    "list by severity": "/v1/incidents?sort=severity",
    "list by count": "/v1/incidents?sort=count",
    "list by last_seen": "/v1/incidents?sort=last_seen",
    "search, a word of many": "/v1/incidents?q=upstream",
    "search, a word of one": "/v1/incidents?q=ref000777",
    "search, a word of nobody": "/v1/incidents?q=zyzzyva",
    "search, two words": "/v1/incidents?q=upstream+flux",
    "search, a phrase": "/v1/incidents?q=%22could+not+charge%22",
    "search, a label": "/v1/incidents?q=service%3D%22service-3%22",
    "search, a label of nobody": "/v1/incidents?q=service%3D%22nobody%22",
    "search, unresolved": "/v1/incidents?q=upstream&state=unresolved&sort=severity",
    "groups": "/v1/groups",
    "statistics of 24 h": "/v1/stats?since=24h",
    "statistics of 7 d": "/v1/stats?since=7d",
    "task runs": "/v1/task-runs",
    "task runs of a task": "/v1/task-runs?task=billing.task_7",
    "task runs of a rare task": "/v1/task-runs?task=billing.rare",
    "task runs that failed": "/v1/task-runs?state=failed",
    "task runs that retry": "/v1/task-runs?state=retrying",
    "deliveries": "/v1/deliveries",
    "deliveries, delivered": "/v1/deliveries?state=delivered",
    "deliveries, dead": "/v1/deliveries?state=dead",
    "deliveries of a channel": "/v1/deliveries?channel=rare",
    "dead letters": "/v1/dead-letters",
    "metrics": "/metrics",
}
# With a session, as a person opens them.
PAGES: Mapping[str, str] = {
    "the page of incidents": "/incidents",
    "the same, acknowledged ones": "/incidents?state=acknowledged",
    "the same, a search": "/incidents?q=upstream",
    "the same, a search for a word of nobody": "/incidents?q=zyzzyva",
    "the page of an incident": "/incidents/{newest}",
    "the page of a group": "/groups/group-00007",
    "the page of tasks": "/tasks",
    "the page of a task": "/tasks/runs?task=billing.rare",
    "the page of statistics": "/stats",
    "the preview of a silence": "/silences/new?matchers=service%3D%22service-3%22",
}


async def row(bench: Bench) -> None:
    """Fill a database by SQL, then query a service that uses it."""
    box, count = bench.stable.box("reading"), bench.options.distinct
    async with subjects.notifier(bench.stable, Grouping(), box=box) as made:
        key = made.key
    file = box / "notifier.db"
    bench.report.notes.append(await asyncio.to_thread(_fill, file, count))
    async with subjects.notifier(bench.stable, Grouping(), box=box) as subject:
        subject.key = key
        await asyncio.sleep(SETTLES_S)
        for what, path in CALLS.items():
            _line(bench, f"{what}, beside {count:,}", await _ask(subject, path), whole=count >= 1_000_000)
        cookie = await _signed_in(subject)
        for what, path in PAGES.items():
            times = await _ask(subject, path.format(newest=count), cookie=cookie)
            _line(bench, f"{what}, beside {count:,}", times, whole=count >= 1_000_000)
        _memory(bench, count, resident(subject.process.pid))


def _fill(file: Path, count: int) -> str:
    started = time.perf_counter()
    reading_data.fill(file, count, now=int(time.time() * 1000))
    return f"reading: {count:,} incidents and runs filled in {time.perf_counter() - started:.0f} s"


async def _signed_in(subject: Subject) -> str:
    """The cookies of a session."""
    async with httpx.AsyncClient(base_url=f"http://{HOST}:{subject.port}") as http:
        signed_in = await Browser(http).signs_in(subject.key)
        if signed_in.status != 200:
            raise Broken(f"signing in was answered with {signed_in.status}")
        return "; ".join(f"{name}={value}" for name, value in http.cookies.items())


async def _ask(subject: Subject, path: str, *, cookie: str = "") -> list[float]:
    times: list[float] = []
    while len(times) < ROUNDS and (len(times) < SLOW_ROUNDS or statistics.median(times) < SLOW_S):
        started = time.perf_counter()
        status, body = await get(subject.port, path, "" if cookie else subject.key, cookie=cookie)
        times.append(time.perf_counter() - started)
        if status != 200:
            raise Broken(f"{path} was answered with {status}: {body[:200]!r}")
    return times


def _line(bench: Bench, what: str, times: list[float], *, whole: bool) -> None:
    p95 = percentile(times, 0.95)
    verdict: Verdict = within(p95, EACH_WITHIN_S) if whole else "not compared"
    figures = {NOTIFIER: f"p50 {milliseconds(statistics.median(times))}, p95 {milliseconds(p95)}"}
    goal = f"p95 {milliseconds(EACH_WITHIN_S)}"
    bench.report.lines.append(Line(what=what, figures=figures, goal=goal, verdict=verdict))


def _memory(bench: Bench, count: int, size: int) -> None:
    verdict: Verdict = within(size, MEMORY_LIMIT) if count >= 1_000_000 else "not compared"
    bench.report.lines.append(
        Line(
            what=f"resident after all of that, beside {count:,}",
            figures={NOTIFIER: megabytes(size)},
            goal=f"at most {megabytes(MEMORY_LIMIT)}",
            verdict=verdict,
        )
    )
