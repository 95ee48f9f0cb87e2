"""The cost of the disk: flushes per notified event, slow flushes, and reports as large as SDKs send them."""

from __future__ import annotations

import mmap
import shutil
import statistics
import struct
import subprocess
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from notifier.domain.value import replace
from tests.bench import payload, subjects
from tests.bench.contest import Contender, Measured, alone
from tests.bench.report import Line, rate, within
from tests.bench.rows import Bench
from tests.bench.subjects import NOTIFIER, Grouping, Subject
from tests.bench.telling import burst

SLOWER_US = 2_000
SLOW_DISK_COST = 1.5
FLUSHES_A_TOLD_EVENT = 0.1
LARGE_BYTES = 40_000
FRAMES = 60
BUGSINK = 30
"""Events a second that Bugsink publishes for two cores (https://www.bugsink.com/scalable-and-reliable/)."""
WITH_TASK = 1.1

_COUNTER = struct.Struct("<Q")
_TOLD_ALONE = Grouping(by_incident=True, wait="0s")

# Counts the flushes of a process in a mapped file, and delays each.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t *counter;
static useconds_t slower;

__attribute__((constructor)) static void begin(void) {
    const char *file = getenv("BENCH_FLUSHES"), *delay = getenv("BENCH_FLUSH_US");
    int fd = file ? open(file, O_RDWR) : -1;
    void *mapped = fd < 0 ? MAP_FAILED : mmap(0, 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    counter = mapped == MAP_FAILED ? 0 : mapped;
    slower = delay ? (useconds_t)atoi(delay) : 0;
}

static void flushed(void) {
    if (counter) __sync_fetch_and_add(counter, 1);
    if (slower) usleep(slower);
}

int fdatasync(int fd) { flushed(); return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd); }
int fsync(int fd) { flushed(); return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd); }
"""


async def disk(bench: Bench) -> None:
    """A burst on this disk, and on one whose flushes take two milliseconds longer."""
    library = _shim(bench.stable.box("shim"))
    if library is None:
        bench.report.notes.append("the slow disk was not measured: there is no C compiler")
        return
    groups = bench.options.groups
    seconds: dict[str, list[float]] = {"plain": [], "slow": []}
    async with AsyncExitStack() as stack:
        who = {}
        for name, delay in (("plain", 0), ("slow", SLOWER_US)):
            counter = library.with_name(name)
            counter.write_bytes(bytes(_COUNTER.size))
            environ = {
                "LD_PRELOAD": str(library),
                "BENCH_FLUSHES": str(counter),
                "BENCH_FLUSH_US": str(delay),
            }
            who[name] = await stack.enter_async_context(
                subjects.notifier(bench.stable, _TOLD_ALONE, environ=environ)
            )
        flushes = 0
        for number in range(bench.options.rounds + 1):
            for name, one in who.items():
                before = _flushes(library.with_name(name))
                took = await burst(one, bench.receiver, groups)
                if number:  # warm-up
                    seconds[name].append(took)
                    flushes += _flushes(library.with_name(name)) - before if name == "plain" else 0
    each = flushes / (groups * bench.options.rounds)
    ratio = statistics.median(seconds["slow"]) / statistics.median(seconds["plain"])
    bench.report.lines += [
        Line(
            what=f"flushes (fdatasync) a told event, {groups:,} groups",
            figures={NOTIFIER: f"{each:.3f}"},
            goal=f"below {FLUSHES_A_TOLD_EVENT:g}",
            verdict=within(each, FLUSHES_A_TOLD_EVENT),
        ),
        Line(
            what="the same burst where each flush takes 2 ms longer",
            figures={NOTIFIER: f"{statistics.median(seconds['slow']):.2f} s"},
            ratio=f"{ratio:.2f} x its time",
            goal=f"at most {SLOW_DISK_COST:g} x",
            verdict=within(ratio, SLOW_DISK_COST),
        ),
    ]


def _shim(folder: Path) -> Path | None:
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    source, library = folder / "shim.c", folder / "shim.so"
    source.write_text(SHIM, encoding="ascii")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True)
    return library


def _flushes(counter: Path) -> int:
    with counter.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        return int(_COUNTER.unpack_from(mapped)[0])


async def large(bench: Bench) -> None:
    """Distinct reports of 40 KB, one per request, with sixty frames, context and breadcrumbs."""
    async with subjects.notifier(bench.stable, Grouping()) as one:
        one.form = payload.form(_large())
        await beside_bugsink(bench, one, "reports of 40 KB")


async def beside_bugsink(bench: Bench, subject: Subject, what: str) -> Measured:
    """The rate of distinct requests, beside the rate that Bugsink publishes."""
    measured = await alone(
        subject, connections=16, rounds=bench.options.rounds, seconds=bench.options.seconds
    )
    bench.report.lines.append(
        Line(
            what=f"ingest, {what}, all distinct, durable",
            figures={NOTIFIER: rate(measured.rate)},
            ratio=f"{measured.rate / BUGSINK:.0f} x what Bugsink publishes",
        )
    )
    bench.report.notes.append(f"{what}: {measured.words}")
    return measured


def _large() -> dict[str, Any]:
    """The bench's event with what an SDK reports from a FastAPI application."""
    frames = [
        {
            "file": f"{'billing' if number % 4 == 0 else 'site-packages/fastapi'}/module_{number}.py",
            "function": f"handle_request_{number}",
            "line": 40 + number,
            "code": f"    response_{number} = await call_next(request_{number})",
            "in_app": number % 4 == 0,
        }
        for number in range(FRAMES)
    ]
    crumbs = [
        {
            "at": "2026-11-22T05:00:00Z",
            "category": "httplib",
            "message": f"GET https://api.example.com/v1/orders/{number}",
            "data": {"status_code": 200, "reason": "OK", "duration_ms": 12 + number},
        }
        for number in range(20)
    ]
    event = {
        **payload.EVENT,
        "exception": {**payload.EVENT["exception"], "frames": frames},
        "context": {"breadcrumbs": crumbs, "modules": {f"package-{n}": f"1.{n}.0" for n in range(90)}},
    }
    short = LARGE_BYTES - len(payload.form(event).fill(b"new-000000001"))
    # Text as in locals of frames, which does not affect grouping.
    context = {**event["context"], **{f"local_{n}": "value " * 60 for n in range(max(0, short) // 380)}}
    return {**event, "context": context}


async def tasks(bench: Bench) -> None:
    """The cost of a task id: events with a task run each, beside events without."""
    document = {name: value for name, value in payload.EVENT.items() if name != "task"}
    with_task = {**document, "task": {**payload.EVENT["task"], "id": payload.ID}}
    async with subjects.notifier(bench.stable, Grouping()) as one:
        contenders = {
            name: Contender(
                subject=replace(one, form=payload.form(event)),
                connections=bench.options.connections,
                tokens=payload.equal(),
                batch=1,
            )
            for name, event in (("without", document), ("with", with_task))
        }
        for contender in contenders.values():
            await contender.warm_up()
        for _ in range(bench.options.rounds):
            for contender in contenders.values():
                await contender.slice(bench.options.seconds)
    cost = {name: statistics.median(one.measured.cpu_us_per_event) for name, one in contenders.items()}
    ratio = cost["with"] / cost["without"]
    bench.report.lines.append(
        Line(
            what="processor time of an event with a task id, one event a request",
            figures={NOTIFIER: f"{cost['with']:.0f} us"},
            ratio=f"{ratio:.2f} x one without",
            goal=f"at most {WITH_TASK:g} x",
            verdict=within(ratio, WITH_TASK),
        )
    )
