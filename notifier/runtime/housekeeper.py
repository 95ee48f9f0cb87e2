"""Housekeeping: removes expired data in small batches, and sheds data early if the database is full."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from notifier.domain.time import DAY, HOUR, Duration, Instant
from notifier.policy.timekeeping import is_doubted
from notifier.store import (
    configurations,
    figures,
    housekeeping,
    pending_sign_ins,
    search_index,
    sessions,
    sign_in_links,
    timers,
    tokens,
)
from notifier.store.database import Tx
from notifier.store.schema import MINUTES_KEPT

IDS_KEPT: Duration = 2 * DAY
"""Ids are unique per project for at least 24 hours."""
PROCESSES_KEPT: Duration = DAY
ALERTS_KEPT: Duration = 2 * DAY
"""After their end, because senders repeat it for a while."""
TOKENS_KEPT: Duration = DAY
"""After their expiry, so that a page can say so."""
FULL_AT = 0.9


class Retention(Protocol):
    """How long finished data is kept."""

    @property
    def events(self) -> Duration: ...
    @property
    def incidents(self) -> Duration: ...
    @property
    def deliveries(self) -> Duration: ...
    @property
    def task_runs(self) -> Duration: ...


class Housekeeper:
    """Removes expired data, one small batch of one kind per transaction."""

    def __init__(self, *, retention: Retention, max_size: int) -> None:
        self.retention = retention
        self._max_size = max_size
        self._hourly_at: Instant = 0
        self._ids_at: Instant = 0
        self._ids_after: tuple[str, str] | None = None
        self._minutes_at: Instant = 0
        self._minutes_after = 0
        self._terms_at: Instant | None = None
        self._terms_after: tuple[str, str, int] | None = None

    def turn(self, tx: Tx) -> bool:
        """Removes one batch of the first kind that has any. Returns False if nothing is left.

        While the clock may be wrong nothing expires, but a full database is still relieved.
        """
        if shed(tx, self._max_size):
            return True
        if timers.retention_waits_until(tx) is not None or is_doubted(timers.noted(tx), tx.now):
            return False
        keep = self.retention
        jobs: Sequence[Callable[[], int]] = (
            lambda: housekeeping.delete_old_samples(tx, tx.now - keep.events),
            lambda: housekeeping.delete_old_deliveries(tx, tx.now - keep.deliveries),
            lambda: housekeeping.delete_old_notifications(tx, tx.now - keep.deliveries),
            lambda: housekeeping.delete_old_incidents(tx, tx.now - keep.incidents),
            lambda: housekeeping.delete_old_silences(tx, tx.now - keep.incidents),
            lambda: housekeeping.delete_old_monitors(tx, tx.now - keep.incidents),
            lambda: housekeeping.delete_old_task_runs(tx, tx.now - keep.task_runs),
            lambda: housekeeping.delete_old_processes(tx, tx.now - PROCESSES_KEPT),
            lambda: tokens.forget(tx, tx.now - TOKENS_KEPT, housekeeping.BATCH),
            lambda: sessions.forget(tx, tx.now, housekeeping.BATCH),
            lambda: sign_in_links.forget(tx, tx.now, housekeeping.BATCH),
            lambda: pending_sign_ins.forget(tx, tx.now, housekeeping.BATCH),
        )
        walks = (self._ids, self._minutes, self._terms, self._hourly)
        return any(job() for job in jobs) or any(walk(tx) for walk in walks)

    def _ids(self, tx: Tx) -> bool:
        """Walks all ids once an hour, because an index on their age would slow down every event."""
        if _is_early(tx.now, self._ids_at):
            return False
        self._ids_after = housekeeping.delete_old_ids(tx, tx.now - IDS_KEPT, after=self._ids_after)
        if self._ids_after is None:
            self._ids_at = tx.now + HOUR
        return self._ids_after is not None

    def _minutes(self, tx: Tx) -> bool:
        """Walks all tallies once an hour."""
        if _is_early(tx.now, self._minutes_at):
            return False
        after = housekeeping.merge_old_minutes(tx, tx.now - MINUTES_KEPT, after=self._minutes_after)
        self._minutes_after = after or 0
        if after is None:
            self._minutes_at = tx.now + HOUR
        return after is not None

    def _terms(self, tx: Tx) -> bool:
        """Walks the search terms once a day, from an hour after the start on, and removes those of pruned incidents."""
        if self._terms_at is None:
            self._terms_at = tx.now + HOUR
        if _is_early(tx.now, self._terms_at):
            return False
        self._terms_after = search_index.sweep(tx, self._terms_after)
        if self._terms_after is None:
            self._terms_at = tx.now + DAY
        return self._terms_after is not None

    def _hourly(self, tx: Tx) -> bool:
        """Removes old configurations, figures and alerts once an hour, which may read whole tables."""
        if _is_early(tx.now, self._hourly_at):
            return False
        done = configurations.forget(tx, tx.now - self.retention.incidents) > 0
        done = done or self._old_figures(tx) or housekeeping.delete_old_alerts(tx, tx.now - ALERTS_KEPT) > 0
        if not done:
            self._hourly_at = tx.now + HOUR
        return done

    def _old_figures(self, tx: Tx) -> bool:
        keep = max(self.retention.deliveries, self.retention.task_runs) + DAY
        return (
            figures.forget_old(
                tx,
                events_before=tx.now - MINUTES_KEPT - DAY,
                others_before=tx.now - keep,
                most=housekeeping.IDS_BATCH,
            )
            > 0
        )


def shed(tx: Tx, max_size: int) -> int:
    """Removes the oldest samples, finished deliveries and completed runs, and counts them, at 90 % of `max_size`."""
    if tx.dialect == "postgresql" or housekeeping.size(tx) < max_size * FULL_AT:
        return 0
    samples = housekeeping.delete_old_samples(tx, tx.now, shed_name="shed_samples")
    finished = housekeeping.delete_old_deliveries(tx, tx.now, shed_name="shed_deliveries")
    housekeeping.delete_old_notifications(tx, tx.now)
    completed = housekeeping.delete_old_task_runs(tx, tx.now, shed_name="shed_task_runs")
    return samples + finished + completed


def _is_early(now: Instant, at: Instant) -> bool:
    """Whether a walk is not due yet. A time too far ahead was set by a wrong clock, and is ignored."""
    return 0 < at - now <= DAY
