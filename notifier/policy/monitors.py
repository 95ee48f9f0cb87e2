"""Deadlines of monitors: when the next check-in is due, and what a missed deadline means."""

from __future__ import annotations

from notifier.domain.monitor import CheckInStatus, MonitorDeadline, MonitorSchedule, MonitorTrouble
from notifier.domain.time import MINUTE, Duration, Instant
from notifier.policy import cron

EARLY: Duration = MINUTE
"""A check-in this much early counts for the coming time, since clocks differ."""


def deadline(
    schedule: MonitorSchedule | None, now: Instant, status: CheckInStatus | None = None
) -> MonitorDeadline | None:
    """The next deadline after a check-in, or after a missed one (`status` None).

    None if the schedule expects nothing.
    """
    if schedule is None:
        return None
    if status == "in_progress" and schedule.longest is not None:
        return MonitorDeadline(due_at=now + schedule.longest, due_from=now, patience=schedule.longest)
    expected, period = _expected(schedule, now, early=status is not None)
    if expected is None:
        return None
    return MonitorDeadline(
        due_at=expected + schedule.grace,
        due_from=max(now, expected - schedule.grace),
        patience=period + schedule.grace,
    )


def trouble_after(
    deadline_: Instant, at: Instant, status: CheckInStatus, schedule: MonitorSchedule
) -> MonitorTrouble:
    """The trouble of a monitor whose deadline has passed; its last check-in, at `at`, had `status`."""
    overran = status == "in_progress" and schedule.longest is not None and deadline_ <= at + schedule.longest
    return "overran" if overran else "missed"


def _expected(schedule: MonitorSchedule, now: Instant, *, early: bool) -> tuple[Instant | None, Duration]:
    """The next expected time, and how long after it the following one is."""
    if schedule.every is not None:
        return now + schedule.every, schedule.every
    if schedule.cron is None or not cron.knows(
        schedule.cron, schedule.zone
    ):  # The time zone no longer exists.
        return None, 0
    times = cron.parse(schedule.cron)
    tolerance = min(EARLY, schedule.grace) if early else 0
    first = cron.after(times, now + tolerance, schedule.zone)
    second = None if first is None else cron.after(times, first, schedule.zone)
    return first, 0 if first is None or second is None else second - first
