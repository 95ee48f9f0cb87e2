"""Measurements of processor time that tolerate a busy, slow or stalled machine."""

from __future__ import annotations

import time
from collections.abc import Callable

TRIES = 5


def costs_less_than(seconds: float, work: Callable[[], object]) -> bool:
    """Whether one of a few calls takes less of this thread's processor time.

    The limit is far above the expected time and far below that of the fault, so slow machines and other threads do not
    matter, and a stall affects one call only.
    """
    return any(_cost(work) < seconds for _ in range(TRIES))


def _cost(work: Callable[[], object]) -> float:
    began = time.thread_time()
    work()
    return time.thread_time() - began
