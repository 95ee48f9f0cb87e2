"""Prefixes that a log puts before each line: the name of a container, a time and a process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from notifier.ingest.traces.patterns import LinePattern

_LEAST_LINES: Final = 3
_DIGITS: Final = str.maketrans("123456789", "000000000")
_PREFIX: Final = LinePattern(r"^[^#\s].*[|:\]>)0Z\w] +")


def without_prefixes(lines: Sequence[str]) -> list[str]:
    """The lines without the beginning that they all share, digits aside; as they are where they share none."""
    full = [line for line in lines if line.strip()]
    if len(full) < _LEAST_LINES:
        return list(lines)
    masked = [line.translate(_DIGITS) for line in full]
    first, last = min(masked), max(masked)
    differs = (at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
    prefix = _PREFIX.match(first[: next(differs, len(first))])
    # Letters alone are a word of the trace, `at` or `from`.
    if prefix is None or prefix[0].strip().isalpha():
        return list(lines)
    return [line[len(prefix[0]) :] for line in lines]
