"""Timekeeping: what waits goes on waiting as long as it should, whatever becomes of the clock or of this service."""

from __future__ import annotations

import time
from collections.abc import Callable

from notifier.domain.time import HOUR, SECOND, Duration, Instant
from notifier.policy.timekeeping import DOUBTED_FOR, ClockFinding, is_doubted, judge
from notifier.store import timers
from notifier.store.database import HOUSEKEEPING, LOOP, TOPICS, Database, Tx
from notifier.telemetry.logging import get

LOOKS_EVERY: Duration = SECOND
SURE_S = 15.0
"""Replicas look at their server's clock every five seconds: before all have seen it, one would act by the old one."""

log = get("notifier.clock")


class Timekeeper:
    """Looks at the clock. Whoever ends something because of its age looks first.

    An outage of this service's own is no silence of others: what it took is left out of what incidents and deliveries
    may take. A clock that was set back keeps nothing waiting that much longer. By one that went far ahead nothing is
    removed for its age at once: people may yet set it right.
    """

    def __init__(self, database: Database, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic = monotonic
        self._looked_at: Instant = 0
        self._behind_since: float | None = None

    async def look(self) -> None:
        """Move timers if there is reason to; a clock that was set back is believed after `SURE_S` seconds."""
        now = self._database.now()
        if 0 <= now - self._looked_at < LOOKS_EVERY:
            return
        finding, *_ = await self._database.read(_look, limit=LOOP)
        if finding is not ClockFinding.SET_BACK:
            self._behind_since = None
        elif self._behind_since is None:
            self._behind_since = self._monotonic()
        is_sure = self._behind_since is None or self._monotonic() - self._behind_since >= SURE_S
        if finding is not ClockFinding.NOTHING and is_sure:
            finding, by = await self._database.write(_follow, limit=HOUSEKEEPING)
            if finding in {ClockFinding.SET_BACK, ClockFinding.OUTAGE}:
                log.warning(finding.value, seconds=by // SECOND)
            if finding is ClockFinding.OUTAGE and is_doubted(now - by, now):
                log.warning(
                    "retention_waits",
                    hours=DOUBTED_FOR // HOUR,
                    why="the clock went ahead by more than a day: where it is wrong, set it right before old data goes",
                )
        self._looked_at = now


def _look(tx: Tx, *, lock: bool = False) -> tuple[ClockFinding, Duration, Instant]:
    """The finding, the milliseconds that have passed, forward or back, and the present moment."""
    noted, now = timers.noted(tx, lock=lock), timers.moment(tx)
    return judge(noted, now), abs(now - (noted or now)), now


def _follow(tx: Tx) -> tuple[ClockFinding, Duration]:
    """A finding that was acted on, once for all replicas."""
    finding, by, now = _look(tx, lock=True)
    if finding is ClockFinding.SET_BACK:
        timers.move_back(tx, by, now)
        for topic in TOPICS:
            tx.signal(topic)
    elif finding is ClockFinding.OUTAGE:
        timers.move_on(tx, by, now)
        if is_doubted(now - by, now):
            timers.let_retention_wait(tx, now + DOUBTED_FOR)
    if finding is not ClockFinding.NOTHING:
        timers.note(tx, now)
    return finding, by
