"""Timekeeping: corrects timers in the database after an outage of this service or a jump of the clock."""

from __future__ import annotations

import time
from collections.abc import Callable

from notifier.domain.time import HOUR, SECOND, Duration, Instant
from notifier.policy.timekeeping import DOUBTED_FOR, ClockFinding, is_doubted, judge
from notifier.store import timers
from notifier.store.database import HOUSEKEEPING, LOOP, TOPICS, Database, Tx
from notifier.telemetry.logging import get

CHECK_INTERVAL: Duration = SECOND
CONFIRM_S = 15.0
"""How long a clock must be behind before timers are moved. Replicas sample the server's clock every five
seconds, and one of them must not act by the old time."""

log = get("notifier.clock")


class Timekeeper:
    """Checks the clock. Any step that ends something by its age calls `check` first.

    The duration of an outage does not count towards the age of incidents and deliveries. If the clock was set back,
    pending timers are moved back as well, so that nothing waits longer. If it went far ahead, nothing is deleted for
    its age at once, so that people can correct the clock.
    """

    def __init__(self, database: Database, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic = monotonic
        self._checked_at: Instant = 0
        self._behind_since: float | None = None

    async def check(self) -> None:
        """Move timers if necessary. A clock that was set back must stay so for `CONFIRM_S` seconds."""
        now = self._database.now()
        if 0 <= now - self._checked_at < CHECK_INTERVAL:
            return
        finding, *_ = await self._database.read(_compare, limit=LOOP)
        if finding is not ClockFinding.SET_BACK:
            self._behind_since = None
        elif self._behind_since is None:
            self._behind_since = self._monotonic()
        is_confirmed = self._behind_since is None or self._monotonic() - self._behind_since >= CONFIRM_S
        if finding is not ClockFinding.NOTHING and is_confirmed:
            finding, by = await self._database.write(_apply, limit=HOUSEKEEPING)
            if finding in {ClockFinding.SET_BACK, ClockFinding.OUTAGE}:
                log.warning(finding.value, seconds=by // SECOND)
            if finding is ClockFinding.OUTAGE and is_doubted(now - by, now):
                log.warning(
                    "retention_waits",
                    hours=DOUBTED_FOR // HOUR,
                    why="away, or the clock ahead, for more than a day: if it is wrong, set it right meanwhile",
                )
        self._checked_at = now


def _compare(tx: Tx, *, lock: bool = False) -> tuple[ClockFinding, Duration, Instant]:
    """The finding, the difference to the stored time in milliseconds, and the current time."""
    noted, now = timers.noted(tx, lock=lock), timers.moment(tx)
    return judge(noted, now), abs(now - (noted or now)), now


def _apply(tx: Tx) -> tuple[ClockFinding, Duration]:
    """Apply the finding in a transaction that locks the stored time, so that only one replica does."""
    finding, by, now = _compare(tx, lock=True)
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
