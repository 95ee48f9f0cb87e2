"""How long to wait before the next attempt: one pure function."""

from __future__ import annotations

from collections.abc import Callable, Sequence

BASE = 1.0
CAP = 60.0
JITTER = 0.2
LONGEST_S = 31_536_000.0
"""A year: beyond some more, the interpreter's own timers refuse."""

Backoff = float | Sequence[float] | Callable[[int], float]
"""Seconds before the first retry, doubled for each further one; or each retry's own; or a function of its number."""


def delay(backoff: Backoff, failures: int, *, jitter: float) -> float:
    """Seconds to wait after the `failures`-th failure (from 1). `jitter` from -1 to 1 shifts it by up to 20 %.

    A number doubles up to 60 s. Of a sequence the last one repeats, and like a function's answer it is taken as it is:
    neither capped nor spread. Never negative.
    """
    if callable(backoff):
        return _within(backoff(failures))
    if isinstance(backoff, Sequence):
        return _within(backoff[min(failures, len(backoff)) - 1]) if backoff else 0.0
    doubled: float = backoff * 2.0 ** min(failures - 1, 32)
    return max(0.0, min(doubled, CAP) * (1 + JITTER * jitter))


def _within(seconds: float) -> float:
    return max(0.0, min(float(seconds), LONGEST_S))
