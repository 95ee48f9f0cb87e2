"""Since when senders have been heard: whoever was away, or on hold, cannot judge their silence."""

from __future__ import annotations

from notifier.domain.time import MINUTE, Duration, Instant
from notifier.domain.value import Value

DEAF_AFTER: Duration = MINUTE
"""Whoever has not looked for so long has not listened either: the process stood still, or the database was away."""


class Hearing(Value, frozen=True, kw_only=True):
    """The last look, and since when everything has been heard; `since` is None before the first look."""

    since: Instant | None = None
    looked_at: Instant = 0
    held: bool = False

    def looked(self, now: Instant, *, held: bool) -> Hearing:
        """The state after a look now; `held` says that a hold stands."""
        deaf = self.since is None or held or self.held or now - self.looked_at > DEAF_AFTER
        return Hearing(since=now if deaf else self.since, looked_at=now, held=held)
