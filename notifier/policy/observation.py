"""The period for which this service could observe its senders: their silence means nothing while it was down."""

from __future__ import annotations

from notifier.domain.time import MINUTE, Duration, Instant
from notifier.domain.value import Value

LONGEST_GAP: Duration = MINUTE
"""A longer gap between two checks means that the process stood still, or the database was unavailable."""


class ObservationPeriod(Value, frozen=True, kw_only=True):
    """The last check, and since when there was no gap in observation; `since` is None before the first check."""

    since: Instant | None = None
    checked_at: Instant = 0
    held: bool = False

    def checked(self, now: Instant, *, held: bool) -> ObservationPeriod:
        """The period after a check at `now`. `held` says whether a hold is in force."""
        interrupted = self.since is None or held or self.held or now - self.checked_at > LONGEST_GAP
        return ObservationPeriod(since=now if interrupted else self.since, checked_at=now, held=held)
