"""Removes prefixes that a log puts before each line, such as a container's name, a time and a process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from notifier.ingest.traces.patterns import LinePattern

_SAMPLE: Final = 4
"""Lines that are compared: a trace's header and first frames, which start alike only if they have a prefix."""
_DIGITS: Final = str.maketrans("123456789", "000000000")
_PREFIX: Final = LinePattern(r"^[^#\s].*[|:\]>)0Z\w] +")


def without_prefixes(lines: Sequence[str], first: int) -> list[str]:
    """The lines without the prefix that those from `first` on share, ignoring digits."""
    masked = [line.translate(_DIGITS) for line in lines[first : first + _SAMPLE] if line.strip()]
    if len(masked) < _SAMPLE - 1:
        return list(lines)
    least, most = min(masked), max(masked)
    differs = (at for at, (left, right) in enumerate(zip(least, most, strict=False)) if left != right)
    prefix = _PREFIX.match(least[: next(differs, len(least))])
    # Letters alone are part of the trace, such as `at` or `from`.
    if prefix is None or prefix[0].replace(" ", "").isalpha():
        return list(lines)
    shared, length = prefix[0], len(prefix[0])
    return [line[length:] if line[:length].translate(_DIGITS) == shared else line for line in lines]
