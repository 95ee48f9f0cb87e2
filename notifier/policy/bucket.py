"""The token bucket behind every rate limit."""

from __future__ import annotations

from dataclasses import dataclass

from notifier.domain.time import Duration, Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBucket:
    """A bucket that holds at most `size` tokens and earns `count` tokens every `per` milliseconds."""

    size: int
    count: int
    per: Duration

    def refilled(self, tokens: float, at: Instant, now: Instant) -> float:
        """The tokens at `now` of a bucket that held `tokens` at `at`. A clock that goes back removes none."""
        return min(float(self.size), tokens + max(0, now - at) * self.count / self.per)

    def earns(self, tokens: float) -> Duration:
        """The milliseconds until the bucket has earned so many tokens, rounded up."""
        return int(tokens * self.per / self.count) + 1
