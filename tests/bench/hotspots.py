"""Profiles of the service while events come in: py-spy if it is installed, else cProfile of every thread.

As a program, `python -m tests.bench.hotspots FOLDER serve --config FILE` runs the service under cProfile and writes one
`.prof` file per thread, in the thread's CPU time, which excludes waiting. cProfile overestimates small functions: read
the order, not the seconds.
"""

from __future__ import annotations

import asyncio
import cProfile
import io
import pstats
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench import million, payload, subjects
from tests.bench.contest import Contender, Stream
from tests.bench.load import arrivals
from tests.bench.machine import cpu_seconds
from tests.bench.report import milliseconds, percentile
from tests.bench.rows import IDLE_EVERY_S, probes
from tests.bench.subjects import Grouping, Stable, Subject
from tests.bench.wire import Receiver, lanes

SHOWN = 35
SHOWN_ROOMS = 20
LEAST_SECONDS = 0.1
CONNECTIONS = 64
# Functions in which a thread waits; py-spy cannot always tell.
WAITING = ("_worker (concurrent/futures/thread.py", "Condition.wait (threading.py", "Runner.run (asyncio/")


STREAMS: Mapping[str, Stream] = {
    "equal": payload.equal,
    "new": payload.distinct,
    "mixed": lambda: payload.mixed(million.known(million.KNOWN), one_new_in=100),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The load during the profile: events in batches, or (`idle`) single events that are told at once."""

    batch: int
    stream: Stream
    idle: bool
    seconds: float


async def find(stable: Stable, receiver: Receiver, load: Load) -> str:
    """Load the service for some seconds, and return the most expensive functions as text."""
    sampler = shutil.which("py-spy")
    folder = stable.box("profiles")
    wrapper = ("-m", "notifier.cli") if sampler else ("-m", "tests.bench.hotspots", str(folder))
    grouping = Grouping(by_incident=True, wait="0s") if load.idle else Grouping()
    async with subjects.notifier(stable, grouping, wrapper=wrapper) as subject:
        spy = _spy(sampler, subject.process.pid, folder, load.seconds) if sampler else None
        summary = await (_idle if load.idle else _busy)(subject, receiver, load)
        if spy is not None:
            await asyncio.to_thread(spy.wait, load.seconds + 30)
    parts = (
        [_raw(folder / "spy.txt")] if sampler else [_thread(file) for file in sorted(folder.glob("*.prof"))]
    )
    return "\n\n".join([summary, *filter(None, parts)])


async def _busy(subject: Subject, _receiver: Receiver, load: Load) -> str:
    contender = Contender(
        subject=subject,
        connections=CONNECTIONS if load.batch == 1 else 16,
        tokens=load.stream(),
        batch=load.batch,
    )
    await contender.warm_up()
    await contender.slice(load.seconds)
    return f"{contender.measured.rate:,.0f} events a second under the profiler; {contender.measured.words}"


async def _idle(subject: Subject, receiver: Receiver, load: Load) -> str:
    before = cpu_seconds(subject.process.pid)
    count = int(load.seconds / IDLE_EVERY_S)
    async with lanes(subject.port, 8) as pool:
        times = await arrivals(
            pool,
            probes(subject),
            receiver,
            expected=subject.accepted,
            count=count,
            every=IDLE_EVERY_S,
        )
    cpu = (cpu_seconds(subject.process.pid) - before) / count
    return (
        f"{milliseconds(percentile(times, 0.5))} from POST to arrival (p50) under the profiler; "
        f"{milliseconds(cpu)} of server CPU an event"
    )


def _spy(sampler: str, pid: int, folder: Path, seconds: float) -> subprocess.Popen[bytes]:
    out = folder / "spy.txt"
    return subprocess.Popen(
        [
            sampler,
            "record",
            "-p",
            str(pid),
            "-d",
            str(int(seconds)),
            "-r",
            "200",
            "-t",
            "-f",
            "raw",
            "-o",
            str(out),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _raw(file: Path) -> str:
    """py-spy's folded stacks as three lists: by thread, by function (self), and by function (cumulative).

    The event loop's own C code is excluded with its waiting.
    """
    threads, own, total = Counter[str](), Counter[str](), Counter[str]()
    for line in file.read_text(encoding="utf-8").splitlines():
        stack, _, count = line.rpartition(" ")
        thread, *frames = stack.split(";")
        if frames and frames[-1].startswith(WAITING):
            continue
        threads[thread] += int(count)
        own[frames[-1] if frames else thread] += int(count)
        for frame in set(frames):
            total[frame] += int(count)
    everything = max(1, threads.total())
    return "\n".join(
        f"{title}\n" + "\n".join(f"{n / everything:7.1%}  {name}" for name, n in found.most_common(SHOWN))
        for title, found in (("threads", threads), ("self", own), ("with callees", total))
    )


Stat = tuple[int, int, float, float, Any]


def _thread(file: Path) -> str:
    """One thread's profile: by room, and by function."""
    stats: dict[tuple[str, int, str], Stat] = pstats.Stats(str(file), stream=io.StringIO()).stats  # type: ignore[attr-defined]
    everything = sum(stat[2] for stat in stats.values())
    rooms = Counter[str]()
    for (path, _, name), stat in stats.items():
        rooms[_room(path, name)] += stat[2]  # type: ignore[assignment]
    by_room = [f"{seconds / everything:7.1%}  {room}" for room, seconds in rooms.most_common(SHOWN_ROOMS)]
    dearest = sorted(stats.items(), key=lambda item: -item[1][2])[:SHOWN]
    by_function = [
        f"{own / everything:7.1%} {total / everything:7.1%} {calls:>9,}  {_room(path, name)}:{line} {name}"
        for (path, line, name), (_, calls, own, total, _) in dearest
    ]
    if everything < LEAST_SECONDS:
        return ""
    head = f"{file.stem}: {everything:.1f} s of CPU"
    return "\n".join([head, "by room (self)", *by_room, "self, with callees, calls", *by_function])


def _room(path: str, name: str) -> str:
    """`notifier/store/intake.py`, or the package's name."""
    if path == "~":
        return name if name.startswith("<built-in method") else "built-in methods"
    parts = Path(path).parts
    for anchor in ("site-packages", "notifier"):
        if anchor in parts:
            rest = parts[parts.index(anchor) + (anchor == "site-packages") :]
            return rest[0] if anchor == "site-packages" else "/".join(rest)
    return parts[-1]


def _under_profile(folder: Path, arguments: list[str]) -> int:
    """Run the command line with a profile for each thread."""
    profiles: dict[str, cProfile.Profile] = {}

    def watch(*_: object) -> None:
        """Replace this hook, at the first call of a new thread, by the thread's own profile."""
        sys.setprofile(None)
        profile = cProfile.Profile(time.thread_time)
        try:
            profile.enable()
        except ValueError:  # from Python 3.12 on only one thread can be profiled
            return
        profiles[f"{threading.current_thread().name}-{len(profiles)}"] = profile

    from notifier import app  # noqa: F401, PLC0415 - imports are no part of the load
    from notifier.cli import main  # noqa: PLC0415

    threading.setprofile(watch)
    sys.argv = ["notifier", *arguments]
    profile = profiles["event-loop"] = cProfile.Profile(time.thread_time)
    profile.enable()
    try:
        return main()
    finally:
        profile.disable()
        for name, found in profiles.items():
            if found.getstats():
                found.dump_stats(folder / f"{name}.prof")


if __name__ == "__main__":
    sys.exit(_under_profile(Path(sys.argv[1]), sys.argv[2:]))
