"""A quota for each key: token buckets in memory. Each replica counts for itself."""

from __future__ import annotations

from dataclasses import dataclass

from notifier.domain.time import Duration, Instant


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: Instant


class KeyQuota:
    """At most `count` in every `per`, for each key."""

    def __init__(self, count: int, per: Duration) -> None:
        self._count = count
        self._per = per
        self._buckets: dict[str, _Bucket] = {}

    def allow(self, count: int, per: Duration) -> None:
        """Set other limits; what was used stays used."""
        self._count = count
        self._per = per

    def remaining(self, key: str, now: Instant) -> int:
        """The number that the key may still take now."""
        return max(0, int(self._refilled(key, now).tokens))

    def take(self, key: str, count: int, now: Instant) -> Duration | None:
        """Take `count`; None: taken. Otherwise the milliseconds until the bucket holds them.

        More than the whole quota is let through once the bucket is full: it would never fit.
        """
        bucket = self._refilled(key, now)
        wanted = min(count, self._count)
        if bucket.tokens < wanted:
            return int((wanted - bucket.tokens) * self._per / self._count) + 1
        bucket.tokens -= count
        return None

    def _refilled(self, key: str, now: Instant) -> _Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(float(self._count), now)
        elif now > bucket.at:
            bucket.tokens = min(
                float(self._count), bucket.tokens + (now - bucket.at) * self._count / self._per
            )
            bucket.at = now
        return bucket
