"""What work costs the processor, asked so that a machine which is busy, slow or stalled for a moment is no failure."""

from __future__ import annotations

import time
from collections.abc import Callable

TRIES = 5


def costs_less_than(seconds: float, work: Callable[[], object]) -> bool:
    """Whether one of a few calls takes less of this thread's processor time.

    The limit stands far above what the work takes and far below what the fault takes: neither a slow machine nor other
    threads count, and what the machine loses in a stall it loses in one call.
    """
    return any(_cost(work) < seconds for _ in range(TRIES))


def _cost(work: Callable[[], object]) -> float:
    began = time.thread_time()
    work()
    return time.thread_time() - began
