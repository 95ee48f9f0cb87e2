"""Quotas by key: token buckets in memory, separate in each replica."""

from __future__ import annotations

from dataclasses import dataclass

from notifier.domain.time import Duration, Instant
from notifier.policy.bucket import TokenBucket


@dataclass(slots=True)
class _Level:
    tokens: float
    at: Instant


class KeyQuota:
    """At most `count` in every `per` milliseconds, for each key."""

    def __init__(self, count: int, per: Duration) -> None:
        self._levels: dict[str, _Level] = {}
        self.allow(count, per)

    def allow(self, count: int, per: Duration) -> None:
        """Changes the limits. What was used stays used."""
        self._bucket = TokenBucket(size=count, count=count, per=per)

    def remaining(self, key: str, now: Instant) -> int:
        """The number that the key may take now."""
        return max(0, int(self._level(key, now).tokens))

    def take(self, key: str, count: int, now: Instant) -> Duration | None:
        """Takes `count` and returns None, or returns the milliseconds until the bucket holds them.

        More than the whole quota is allowed once the bucket is full, because it would never fit.
        """
        level = self._level(key, now)
        needed = min(count, self._bucket.size)
        if level.tokens < needed:
            return self._bucket.earns(needed - level.tokens)
        level.tokens -= count
        return None

    def _level(self, key: str, now: Instant) -> _Level:
        level = self._levels.get(key)
        if level is None:
            level = self._levels[key] = _Level(float(self._bucket.size), now)
        elif now > level.at:
            level.tokens = self._bucket.refilled(level.tokens, level.at, now)
            level.at = now
        return level
