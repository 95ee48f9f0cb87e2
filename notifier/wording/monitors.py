"""Sentences about a job that missed its check-in, overran or failed."""

from __future__ import annotations

from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

from notifier.domain.monitor import MonitorSchedule
from notifier.domain.time import Instant
from notifier.wording.times import duration, moment


def missed(name: str, last_at: Instant, schedule: MonitorSchedule) -> str:
    """`nightly-backup has not checked in since 2026-11-22 03:00 UTC: expected every 1 d, at most 5 min later`."""
    return (
        f"{name} has not checked in since {moment(last_at, _clock(schedule))}: expected "
        f"{expectation(schedule)}, at most {duration(schedule.grace)} later"
    )


def overran(name: str, began_at: Instant, schedule: MonitorSchedule) -> str:
    """`nightly-backup began at 2026-11-22 03:00 UTC and has not ended within 30 min`."""
    limit = "" if schedule.longest is None else f" within {duration(schedule.longest)}"
    return f"{name} began at {moment(began_at, _clock(schedule))} and has not ended{limit}"


def failed(name: str) -> str:
    return f"{name} says that it failed"


def expectation(schedule: MonitorSchedule) -> str:
    """`every 1 d`, or `at 0 3 * * * (Europe/Berlin)`."""
    if schedule.every is not None:
        return f"every {duration(schedule.every)}"
    return f"at {schedule.cron} ({schedule.zone})"


def _clock(schedule: MonitorSchedule) -> tzinfo:
    """The schedule's time zone. UTC if this machine no longer knows it."""
    try:
        return ZoneInfo(schedule.zone)
    except (KeyError, OSError, ValueError):
        return UTC
