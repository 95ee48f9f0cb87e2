"""The machine of the bench: its cores, the memory and CPU time of a process, and the cost of fsync."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
FSYNCS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Cores:
    """The core of the server and that of the load; equal if there is only one."""

    server: int
    load: int

    @property
    def words(self) -> str:
        if self.server == self.load:
            return f"server and load share core {self.server}: there is no other, ratios are blurred"
        return f"server on core {self.server}, load on core {self.load}"


def cores() -> Cores:
    """The first two cores that this process may use."""
    usable = sorted(os.sched_getaffinity(0))
    return Cores(server=usable[0], load=usable[-1] if len(usable) < 3 else usable[1])


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Pin this process to a core; processes started inside the block inherit that."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def resident(pid: int) -> int:
    """Resident memory in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(pid)


def cpu_seconds(pid: int) -> float:
    """CPU time of all threads so far, with a resolution of 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def core_seconds(core: int) -> float:
    """The time for which a core has been busy, with any process."""
    for line in Path("/proc/stat").read_text(encoding="ascii").splitlines():
        name, _, rest = line.partition(" ")
        if name == f"cpu{core}":
            user, nice, system, _idle, _iowait, *interrupts = map(int, rest.split()[:8])
            return (user + nice + system + sum(interrupts)) / _TICKS
    raise ProcessLookupError(core)


def fsync_seconds(folder: Path) -> float:
    """The median time of a 4 KiB write with fdatasync."""
    times = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(FSYNCS):
            started = time.perf_counter()
            file.write(bytes(4096))
            file.flush()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - started)
    return statistics.median(times)
