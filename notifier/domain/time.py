"""Instants and durations as integers of milliseconds, and their text forms."""

from __future__ import annotations

from datetime import UTC, datetime

Instant = int
Duration = int

SECOND: Duration = 1_000
MINUTE: Duration = 60 * SECOND
HOUR: Duration = 60 * MINUTE
DAY: Duration = 24 * HOUR


def rfc3339(at: Instant) -> str:
    """`2026-11-22T05:00:00.123Z`, always UTC; the milliseconds are left out where they are zero."""
    seconds, millis = divmod(at, SECOND)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{millis:03d}Z" if millis else f"{text}Z"


def parse_rfc3339(text: str) -> Instant:
    """Read an RFC 3339 date-time; one without an offset is taken as UTC. `ValueError` if it is none."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * SECOND)


def words(duration: Duration) -> str:
    """`45s`, `12m`, `3h 5m`, `2d 4h`: at most two units, for people."""
    seconds = max(0, duration) // SECOND
    units = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
    parts: list[str] = []
    for name, size in units:
        value, seconds = divmod(seconds, size)
        if value:
            parts.append(f"{value}{name}")
        if len(parts) == 2 or (parts and name in {"m"}):
            break
    return " ".join(parts) or "0s"
