"""A rate limit on attempts to sign in, for each client address."""

from __future__ import annotations

from notifier.domain.time import Instant
from notifier.policy.bucket import TokenBucket

_ADDRESSES_AT_MOST = 10_000


class AttemptLimit:
    """A token bucket for each address."""

    def __init__(self, bucket: TokenBucket) -> None:
        self._bucket = bucket
        self._addresses: dict[str, tuple[float, Instant]] = {}

    def left(self, address: str, now: Instant) -> bool:
        """Whether the address has an attempt left."""
        return self._tokens(address, now) >= 1

    def take(self, address: str, now: Instant) -> bool:
        """Whether the address had an attempt left, which this call uses up."""
        tokens = self._tokens(address, now)
        if tokens < 1:
            return False
        if len(self._addresses) >= _ADDRESSES_AT_MOST:
            self._addresses.clear()
        self._addresses[address] = (tokens - 1, now)
        return True

    def _tokens(self, address: str, now: Instant) -> float:
        tokens, at = self._addresses.get(address, (float(self._bucket.size), now))
        return self._bucket.refilled(tokens, at, now)
