"""Lists the processes of this machine with their spools and counts. Read-only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from notifier.client.dispatch.counters import SIZE, Counters
from notifier.client.dispatch.spool import default_folder
from notifier.client.transport import Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process that reports, or that died with unsent reports, which a later process of the service sends."""

    service: str
    name: str
    alive: bool
    counts: Counts


def processes(folder: Path) -> list[Process]:
    """The processes in one service's folder."""
    return list(_found(folder)) if folder.is_dir() else []


def all_processes() -> list[Process]:
    """The processes of all services with a spool in the default place."""
    root = default_folder("_").parent
    return [process for folder in sorted(root.glob("*")) for process in processes(folder)]


def _found(folder: Path) -> Iterator[Process]:
    for path in sorted(folder.glob("*.tally")):
        try:
            # A file that is just being made must not be filled by a reader.
            counters = Counters(path) if path.stat().st_size >= SIZE else None
        except OSError:
            continue
        if counters is not None:
            captured, dropped = counters.totals()
            captured, sent = captured + counters.unwritten, counters.get("sent")
            waiting = captured - sent - sum(dropped.values())
            counters.close()
            counts = Counts(captured=captured, sent=sent, spooled=max(0, waiting), dropped=dropped)
            yield Process(service=folder.name, name=path.stem, alive=_locked(path), counts=counts)


def _locked(path: Path) -> bool:
    """Whether the owner is alive, which alone holds the file's lock."""
    import fcntl  # noqa: PLC0415 - POSIX alone has it

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
