"""The client's rows (RULES.md#speed): the same application bare, with notifier, sentry-sdk and fastapi-taskflow."""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

from tests.bench.machine import cpu_seconds
from tests.bench.report import percentile, within
from tests.bench.subjects import Stable, running
from tests.bench.wire import Lane, Receiver, ask, get, lanes
from tests.sockets import free_port

BARE = "bare"
PACKAGES = {"notifier": "notifier-alerting", "sentry": "sentry-sdk", "taskflow": "fastapi-taskflow"}
TASK_GOAL_S = 20e-6
CAPTURE_GOAL_S = 200e-6
STARTS_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The amount of work: rounds, requests per slice, captures per slice, failures in the outage."""

    rounds: int
    requests: int
    captures: int
    failures: int


@dataclass(slots=True, kw_only=True)
class Figures:
    """The figures of one subject, in seconds and megabytes, each beside the bare subject's of the same round."""

    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    capture: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    before: float = 0.0
    after: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """An application that answers on one connection."""

    lane: Lane
    pid: int


async def compare(stable: Stable, receiver: Receiver, work: Work) -> str:
    """The table as Markdown, without subjects that are not installed."""
    names = [BARE, *(name for name, package in PACKAGES.items() if _installed(package))]
    found = {name: Figures() for name in names}
    async with AsyncExitStack() as stack:
        apps = {
            name: await stack.enter_async_context(_application(stable, name, receiver.port)) for name in names
        }
        for turn in range(work.rounds):
            # The first of a round runs on a cold core.
            first = turn % len(names)
            for name in names[first:] + names[:first]:
                await _slice(found[name], apps[name], work)
    for name in names:
        if name in {"notifier", "sentry"}:
            await _outage(found[name], stable, name, work)
    return table(found, work)


async def _slice(figures: Figures, app: Running, work: Work) -> None:
    lane, request = app.lane, _post("/task")
    times = []
    before = cpu_seconds(app.pid)
    for _ in range(work.requests):
        started = time.perf_counter()
        status, _body = await ask(lane, request)
        assert status == 200
        times.append(time.perf_counter() - started)
    figures.cpu.append((cpu_seconds(app.pid) - before) / work.requests)
    figures.p50.append(statistics.median(times))
    figures.p99.append(percentile(times, 0.99))
    answer = await _captures(lane, work.captures)
    figures.capture.append(answer["seconds"] / work.captures)


async def _outage(figures: Figures, stable: Stable, name: str, work: Work) -> None:
    """Measure captures while nothing listens at the reports' address."""
    async with _application(stable, name, free_port()) as app:
        lane = app.lane
        figures.before = (await _captures(lane, 1))["megabytes"]
        for _ in range(work.failures // 1_000):
            figures.after = (await _captures(lane, 1_000))["megabytes"]
            await asyncio.sleep(0.01)


async def _captures(lane: Lane, count: int) -> Mapping[str, float]:
    status, body = await ask(lane, _post(f"/captures/{count}"))
    assert status == 200
    answer: Mapping[str, float] = json.loads(body)
    return answer


def _post(path: str) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Length: 0\r\n\r\n".encode()


@asynccontextmanager
async def _application(stable: Stable, name: str, sink: int) -> AsyncIterator[Running]:
    """A running application with one connection, so that a request waits for the previous task."""
    folder = stable.box(name)
    command = [sys.executable, "-m", "tests.bench.application", name, str(sink)]
    async with running(command, folder, stable.core, spool=folder / "spool") as (process, started):
        port = 0
        while time.perf_counter() - started < STARTS_WITHIN_S:
            line = (folder / "stdout").read_text(encoding="ascii")
            try:
                port = int(line)
                await get(port, "/openapi.json")
            except (ValueError, OSError):
                await asyncio.sleep(0.02)
            else:
                break
        async with lanes(port, 1) as (lane,):
            for _ in range(200):
                await ask(lane, _post("/task"))
            yield Running(lane=lane, pid=process.pid)


def table(found: Mapping[str, Figures], work: Work) -> str:
    """Figures beside the goals; differences are medians over the rounds, each against the bare slice of its round."""
    heads = ["what", *(_head(name) for name in found), "to reach", ""]
    rows = [heads, ["---"] * len(heads)]
    for words, pick in (("p50", "p50"), ("p99", "p99")):
        added = {name: _added(getattr(one, pick), getattr(found[BARE], pick)) for name, one in found.items()}
        cells = [f"{statistics.median(getattr(found[BARE], pick)) * 1e6:,.0f} us"]
        cells += [f"{added[name] * 1e6:+,.0f} us" for name in found if name != BARE]
        goal = (
            [f"+{TASK_GOAL_S * 1e6:.0f} us", within(added["notifier"], TASK_GOAL_S)]
            if pick == "p50"
            else ["-", "-"]
        )
        rows.append([f"a request with a task that succeeds, {words}", *cells, *goal])
    cpu = {name: statistics.mean(one.cpu) for name, one in found.items()}
    cells = [
        f"{cpu[BARE] * 1e6:,.0f} us",
        *(f"{(cpu[n] - cpu[BARE]) * 1e6:+,.0f} us" for n in found if n != BARE),
    ]
    rows.append(["the same, processor time, all threads", *cells, "-", "-"])
    capture = {name: statistics.median(one.capture) for name, one in found.items()}
    rows.append(
        [
            "an exception captured",
            *(f"{capture[name] * 1e6:,.0f} us" if name in {"notifier", "sentry"} else "-" for name in found),
            f"{CAPTURE_GOAL_S * 1e6:.0f} us",
            within(capture["notifier"], CAPTURE_GOAL_S),
        ]
    )
    grown = (f"+{one.after - one.before:,.0f} MB" if one.after else "-" for one in found.values())
    rows.append([f"resident memory after {work.failures:,} failures, nobody listening", *grown, "-", "-"])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _added(slices: Sequence[float], bare: Sequence[float]) -> float:
    return statistics.median(one - other for one, other in itertools.zip_longest(slices, bare))


def _head(name: str) -> str:
    if name not in PACKAGES:
        return name
    return name if name == "notifier" else f"{PACKAGES[name]} {version(PACKAGES[name])}"


def _installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
