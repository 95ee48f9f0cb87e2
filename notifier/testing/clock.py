"""A clock that stands still until it is moved."""

from __future__ import annotations

from notifier.domain.time import Duration, Instant, parse_rfc3339


class ManualClock:
    """Tells the time that it was given: milliseconds since 1970, by default 2026-11-22 05:00 UTC."""

    def __init__(self, now: Instant | None = None) -> None:
        self._now = parse_rfc3339("2026-11-22T05:00:00Z") if now is None else now

    def now(self) -> Instant:
        return self._now

    def advance(self, by: Duration) -> Instant:
        """Let `by` milliseconds pass."""
        self._now += by
        return self._now
