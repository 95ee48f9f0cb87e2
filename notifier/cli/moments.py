"""Moments to come as people type them: an instant, or how long from now."""

from __future__ import annotations

import argparse
import re
import time

from notifier.cli.options import Arguments, Parser
from notifier.domain.time import DAY, HOUR, MINUTE, SECOND, Duration, rfc3339

_SPAN = re.compile(r"(?:([0-9]{1,5})d)?(?:([0-9]{1,5})h)?(?:([0-9]{1,5})m)?(?:([0-9]{1,6})s)?")
_UNITS = (DAY, HOUR, MINUTE, SECOND)


def add_until(parser: Parser, *, required: bool) -> None:
    """`--until` and `--for`, of which at most one is given."""
    group = parser.add_mutually_exclusive_group(required=required)
    group.add_argument(
        "--until", metavar="WHEN", help="an RFC 3339 time with its offset: 2026-11-22T09:00:00+01:00"
    )
    group.add_argument(
        "--for", dest="span", type=span, metavar="SPAN", help="how long from now: 30m, 2h, 1d12h"
    )


def until_of(arguments: Arguments, now: float | None = None) -> str | None:
    """When it ends, as the API takes it; None where neither was given. `now` is in seconds."""
    if arguments.span is None:
        return None if arguments.until is None else str(arguments.until)
    whole_seconds = int(time.time() if now is None else now) * SECOND
    return rfc3339(whole_seconds + arguments.span)


def span(text: str) -> Duration:
    """Milliseconds from `30m`, `2h` or `1d12h`."""
    parts = _SPAN.fullmatch(text)
    total = 0
    if parts is not None:
        total = sum(int(part or 0) * unit for part, unit in zip(parts.groups(), _UNITS, strict=True))
    if total == 0:
        raise argparse.ArgumentTypeError("a span is written like 30m, 2h or 1d12h")
    return total
