"""The delay before the next attempt, a pure function."""

from __future__ import annotations

from collections.abc import Callable, Sequence

BASE = 1.0
CAP = 60.0
JITTER = 0.2
MAX_DELAY_S = 31_536_000.0
"""A year. The interpreter's timers fail at somewhat longer delays."""

Backoff = float | Sequence[float] | Callable[[int], float]
"""Seconds before the first retry, doubled for each further one; or a sequence; or a function of the retry's number."""


def delay(backoff: Backoff, failures: int, *, jitter: float) -> float:
    """Seconds to wait after the `failures`-th failure (from 1). `jitter` from -1 to 1 shifts it by up to 20 %.

    A number doubles up to 60 s. The last item of a sequence repeats. Items and a function's results are used as they
    are, without cap or jitter. Never negative.
    """
    if callable(backoff):
        return _within(backoff(failures))
    if isinstance(backoff, Sequence):
        return _within(backoff[min(failures, len(backoff)) - 1]) if backoff else 0.0
    doubled: float = backoff * 2.0 ** min(failures - 1, 32)
    return max(0.0, min(doubled, CAP) * (1 + JITTER * jitter))


def _within(seconds: float) -> float:
    return max(0.0, min(float(seconds), MAX_DELAY_S))
