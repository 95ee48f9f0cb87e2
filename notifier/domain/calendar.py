"""A weekly window: days and hours in a time zone, in the words of Alertmanager's time intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """From minute `start` of a day (0 to 1439) to before minute `end` (1 to 1440).

    `end` at or before `start` is on the next day: `22:00` to `06:00` is one night, and belongs to the day it begins on.
    """

    start: int = 0
    end: int = DAY_MINUTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Weekly:
    """Every week on these days (0 is Monday) at these hours, by the clocks of `location` (an IANA time zone)."""

    weekdays: tuple[int, ...] = tuple(range(7))
    times: Sequence[Hours] = (Hours(),)
    location: str = "UTC"
