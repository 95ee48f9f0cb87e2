"""Check-ins of Sentry's monitors (https://develop.sentry.dev/sdk/telemetry/check-ins/)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, cast

from notifier.domain.monitor import CHECK_IN_STATUSES, CheckIn, CheckInStatus, MonitorSchedule
from notifier.domain.time import DAY, HOUR, LONGEST_DURATION, MINUTE, WEEK, YEAR, Duration
from notifier.ingest.formats.reading import object_of, text_of
from notifier.policy import cron

NAME_CHARS: Final = 128
_MARGIN: Final = MINUTE
"""Sentry's default if the sender gives none."""
_UNITS: Final[Mapping[str, Duration]] = {
    "minute": MINUTE,
    "hour": HOUR,
    "day": DAY,
    "week": WEEK,
    "month": 31 * DAY,
    "year": YEAR,
}
_NO_TEXT: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]+")
_UNREADABLE: Final = (
    "monitor_config: its schedule could not be read, so that this monitor's silence is not noticed; "
    "notifier reads five fields of a crontab, and intervals from a minute to years"
)


def check_in_of(payload: Any, warnings: list[str]) -> CheckIn | None:
    """The check-in. None if it names no monitor or has an unknown status."""
    fields = object_of(payload)
    name, status = _name(fields.get("monitor_slug")), fields.get("status")
    if name is None or status not in CHECK_IN_STATUSES:
        return None
    seconds: Any = fields.get("duration")
    schedule, config = None, fields.get("monitor_config")
    if isinstance(config, dict):
        schedule = _schedule(config)
        if schedule is None:
            warnings.append(_UNREADABLE)
    return CheckIn(
        name=name,
        status=cast("CheckInStatus", status),
        environment=_name(fields.get("environment")),
        duration_ms=seconds * 1000.0 if type(seconds) in {int, float} and 0 <= seconds < 1e9 else None,
        schedule=schedule,
    )


def _schedule(config: Mapping[str, Any]) -> MonitorSchedule | None:
    """The schedule in a `monitor_config`. None if it is invalid."""
    declared = object_of(config.get("schedule"))
    kind, value = declared.get("type"), declared.get("value")
    grace, longest = _minutes(config.get("checkin_margin")), _minutes(config.get("max_runtime"))
    grace = _MARGIN if grace is None else grace
    if kind == "interval":
        unit = _UNITS.get(str(declared.get("unit")))
        if unit is None or type(value) is not int or not 0 < value * unit <= LONGEST_DURATION:
            return None
        return MonitorSchedule(every=value * unit, grace=grace, longest=longest or None)
    zone = text_of(config.get("timezone")) or "UTC"
    if kind != "crontab" or not isinstance(value, str) or not cron.knows(value, zone):
        return None
    return MonitorSchedule(cron=value, zone=zone, grace=grace, longest=longest or None)


def _minutes(value: Any) -> Duration | None:
    return value * MINUTE if type(value) is int and 0 <= value * MINUTE <= LONGEST_DURATION else None


def _name(value: Any) -> str | None:
    text = text_of(value)
    return None if text is None else _NO_TEXT.sub(" ", text).strip()[:NAME_CHARS] or None
