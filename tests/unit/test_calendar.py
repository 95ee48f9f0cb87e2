"""Windows: what is on when, and their form in words."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import date

import pytest

from notifier.domain.calendar import MOST_TIMES, Hours, Weekly, weekly, weekly_json
from notifier.domain.time import Instant, parse_rfc3339, rfc3339
from notifier.policy.calendar import Window, window

NOON: Instant = parse_rfc3339("2026-11-23T12:00:00Z")
WORK = (0, 1, 2, 3, 4)
NIGHTS = Weekly(weekdays=WORK, times=(Hours(start=22 * 60, end=6 * 60),), location="Europe/Berlin")


def phase(windows: Weekly, at: str) -> tuple[bool, str | None]:
    found = window(windows, parse_rfc3339(at))
    return found.active, None if found.until is None else rfc3339(found.until)


@pytest.mark.parametrize(
    ("at", "active", "until"),
    [
        ("2026-11-20T20:59:59.999Z", False, "2026-11-20T21:00:00Z"),  # Friday, 22:00 in Berlin
        ("2026-11-20T21:00:00Z", True, "2026-11-21T05:00:00Z"),
        ("2026-11-21T04:59:59.999Z", True, "2026-11-21T05:00:00Z"),
        ("2026-11-21T05:00:00Z", False, "2026-11-23T21:00:00Z"),
        ("2026-11-23T02:00:00Z", False, "2026-11-23T21:00:00Z"),  # the night of Sunday is not one of them
        ("2026-03-28T02:00:00Z", True, "2026-03-28T05:00:00Z"),  # the day before the clocks go forward
    ],
)
def test_a_night_belongs_to_the_day_it_begins_on(at: str, active: bool, until: str) -> None:
    """To the millisecond, its start included and its end not."""
    assert phase(NIGHTS, at) == (active, until)


@pytest.mark.parametrize(
    ("times", "at", "active", "until"),
    [
        # In New York, 02:00 to 03:00 of 8 March 2026 is skipped: 07:00Z is 03:00.
        ((150, 240), "2026-03-08T07:29:00Z", False, "2026-03-08T07:30:00Z"),
        ((150, 240), "2026-03-08T07:30:00Z", True, "2026-03-08T08:00:00Z"),
        ((60, 150), "2026-03-08T07:29:00Z", True, "2026-03-08T07:30:00Z"),
        (
            (150, 180),
            "2026-03-08T06:00:00Z",
            False,
            "2026-03-09T06:30:00Z",
        ),  # ends before it begins: not this day
        # 01:00 to 02:00 of 1 November comes twice: 05:00Z to 06:00Z, and once more to 07:00Z.
        ((90, 240), "2026-11-01T05:30:00Z", True, "2026-11-01T09:00:00Z"),
        ((0, 90), "2026-11-01T05:29:00Z", True, "2026-11-01T05:30:00Z"),
        ((0, 90), "2026-11-01T06:15:00Z", False, "2026-11-02T05:00:00Z"),
    ],
)
def test_boundaries_that_daylight_saving_skips_or_repeats(
    times: tuple[int, int], at: str, active: bool, until: str
) -> None:
    """A skipped one counts with the offset before, a repeated one is the first (RFC 5545, 3.3.5)."""
    start, end = times
    windows = Weekly(times=(Hours(start=start, end=end),), location="America/New_York")
    assert phase(windows, at) == (active, until)


def test_windows_that_touch_or_overlap_are_one() -> None:
    """Over midnight, over the end of the week, and where the clocks skip the place at which they touch."""
    parts = (Hours(start=0, end=180), Hours(start=150, end=720), Hours(start=1200, end=1440))
    windows = Weekly(weekdays=(0, 6), times=parts, location="Europe/Berlin")
    assert phase(windows, "2026-03-29T18:30:00Z") == (True, "2026-03-30T10:00:00Z")
    assert phase(windows, "2026-03-29T00:59:00Z") == (True, "2026-03-29T10:00:00Z")


@pytest.mark.parametrize(
    "times",
    [
        (Hours(),),
        (Hours(start=480, end=480),),
        (Hours(start=0, end=720), Hours(start=700, end=1440)),
        (Hours(start=1320, end=360), Hours(start=300, end=1330)),
    ],
)
@pytest.mark.parametrize("location", ["UTC", "Africa/Casablanca"])
def test_what_is_always_on_never_changes(times: tuple[Hours, ...], location: str) -> None:
    """However it is put together."""
    always = Window(active=True, until=None)
    assert window(Weekly(times=times, location=location), parse_rfc3339("2026-03-29T01:00:00Z")) == always


def test_a_place_without_a_clock_has_no_window() -> None:
    """A silence from a machine that knew the zone must not stop those that do not; what it held is told."""
    assert window(Weekly(location="Mars/Olympus"), NOON) == Window(active=False, until=None)


def test_zones_are_there_without_the_system_s() -> None:
    """Slim images have no zone database: the distribution brings one."""
    program = "import notifier.domain.calendar as c; print(c.zone('Australia/Lord_Howe'))"
    environ = os.environ | {"PYTHONTZPATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "Australia/Lord_Howe"


# In words


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({}, Weekly()),
        ({"weekdays": ["friday:monday"]}, Weekly(weekdays=(0, 4, 5, 6))),
        ({"weekdays": ["Sunday", "monday", "sunday:monday"]}, Weekly(weekdays=(0, 6))),
        ({"weekdays": ["sunday:saturday"]}, Weekly()),
        ({"weekdays": ["tuesday:tuesday"]}, Weekly(weekdays=(1,))),
        (
            {"times": [{"start_time": "22:00", "end_time": "06:30"}]},
            Weekly(times=(Hours(start=1320, end=390),)),
        ),
        ({"times": [{"start_time": "00:00", "end_time": "24:00"}]}, Weekly()),
        ({"times": [{"start_time": "00:00", "end_time": "00:00"}]}, Weekly()),
        ({"location": "Asia/Kathmandu"}, Weekly(location="Asia/Kathmandu")),
    ],
)
def test_windows_are_read_in_alertmanager_s_words(document: dict[str, object], expected: Weekly) -> None:
    """A range may pass Sunday, hours may pass midnight, and the order does not matter."""
    assert weekly(document) == expected


def test_the_canonical_form() -> None:
    """Everything is written out, days as ranges."""
    document = {
        "location": "Europe/Berlin",
        "weekdays": ["sunday:tuesday", "thursday"],
        "times": [{"start_time": "22:00", "end_time": "00:00"}, {"start_time": "03:05", "end_time": "04:00"}],
    }
    assert weekly_json(weekly(document)) == {
        "weekdays": ["monday:tuesday", "thursday", "sunday"],
        "times": [{"start_time": "03:05", "end_time": "04:00"}, {"start_time": "22:00", "end_time": "24:00"}],
        "location": "Europe/Berlin",
    }
    assert weekly_json(Weekly()) == {
        "weekdays": ["monday:sunday"],
        "times": [{"start_time": "00:00", "end_time": "24:00"}],
        "location": "UTC",
    }


@pytest.mark.parametrize(
    ("document", "at", "active", "until"),
    [
        ({"days_of_month": ["1:5", "-1"]}, "2026-11-04T12:00:00Z", True, "2026-11-06T00:00:00Z"),
        ({"days_of_month": ["1:5", "-1"]}, "2026-11-06T00:00:00Z", False, "2026-11-30T00:00:00Z"),
        ({"days_of_month": ["1:5", "-1"]}, "2026-11-30T12:00:00Z", True, "2026-12-06T00:00:00Z"),
        ({"days_of_month": ["31"]}, "2026-02-01T00:00:00Z", False, "2026-03-31T00:00:00Z"),
        ({"days_of_month": ["10:-5"], "months": [2]}, "2027-02-24T23:59:59Z", True, "2027-02-25T00:00:00Z"),
        (
            {"days_of_month": [29], "months": ["february"]},
            "2026-11-23T12:00:00Z",
            False,
            "2028-02-29T00:00:00Z",
        ),
        ({"days_of_month": ["31"], "months": ["february"]}, "2026-11-23T12:00:00Z", False, None),
        ({"months": ["November:January"]}, "2026-11-23T12:00:00Z", True, "2027-02-01T00:00:00Z"),
        ({"months": ["1:12"]}, "2026-11-23T12:00:00Z", True, None),
        ({"years": ["2027:2028", 2029]}, "2026-11-23T12:00:00Z", False, "2027-01-01T00:00:00Z"),
        ({"years": ["2027:2028", 2029]}, "2027-11-23T12:00:00Z", True, "2030-01-01T00:00:00Z"),
        ({"years": ["2025"]}, "2026-11-23T12:00:00Z", False, None),
        ({"years": ["2090"]}, "2026-11-23T12:00:00Z", False, "2090-01-01T00:00:00Z"),
        (
            {
                "days_of_month": ["24"],
                "months": ["12"],
                "times": [{"start_time": "18:00", "end_time": "02:00"}],
            },
            "2026-12-25T01:00:00Z",
            True,
            "2026-12-25T02:00:00Z",
        ),
    ],
)
def test_days_of_months_and_years(
    document: dict[str, object], at: str, active: bool, until: str | None
) -> None:
    """However far away the next change is; a window after midnight belongs to the day it begins on."""
    windows = weekly(document)
    assert phase(windows, at) == (active, until)
    assert weekly(weekly_json(windows)) == windows


def test_dates_alone_and_all_but_dates() -> None:
    """By the clocks of the place, whole days."""
    dates = frozenset({date(2026, 12, 25), date(2026, 12, 26), date(2028, 1, 1)})
    only = Weekly(only_on=dates, location="Europe/Berlin")
    assert phase(only, "2026-11-23T12:00:00Z") == (False, "2026-12-24T23:00:00Z")
    assert phase(only, "2026-12-25T12:00:00Z") == (True, "2026-12-26T23:00:00Z")
    assert phase(only, "2026-12-27T12:00:00Z") == (False, "2027-12-31T23:00:00Z")
    assert phase(only, "2028-01-02T12:00:00Z") == (False, None)
    other = Weekly(never_on=dates, location="Europe/Berlin")
    assert phase(other, "2026-11-23T12:00:00Z") == (True, "2026-12-24T23:00:00Z")
    assert phase(other, "2026-12-25T12:00:00Z") == (False, "2026-12-26T23:00:00Z")
    assert phase(other, "2028-01-02T12:00:00Z") == (True, None)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (
            {"months": ["sk-live"]},
            "months[0]: expected a month such as may or 5, or a range such as january:march",
        ),
        ({"months": ["0"]}, "months[0]: expected a month"),
        ({"months": [True]}, "months[0]: expected a month"),
        ({"months": []}, 'months: expected a list such as ["january:march"], or leave it out'),
        (
            {"days_of_month": ["sk-live"]},
            "days_of_month[0]: expected a day of the month such as 1, or a range",
        ),
        (
            {"days_of_month": ["0"]},
            "days_of_month[0]: a day of the month is 1 to 31, or -1 (the last) to -31",
        ),
        ({"days_of_month": ["1:32"]}, "days_of_month[0]: a day of the month is 1 to 31"),
        ({"days_of_month": ["5:1"]}, "days_of_month[0]: a range of days begins before it ends"),
        ({"days_of_month": ["-1:-3"]}, "days_of_month[0]: a range of days begins before it ends"),
        ({"days_of_month": ["-3:1"]}, "days_of_month[0]: a range of days begins before it ends"),
        ({"days_of_month": [1] * 101}, "at most 100 days, months or years are possible"),
        ({"years": ["sk-live"]}, "years[0]: expected a year such as 2026, or a range such as 2026:2028"),
        ({"years": ["2028:2026"]}, "years[0]: years are 1970 to 9000, and a range begins before it ends"),
        ({"years": [26]}, "years[0]: years are 1970 to 9000"),
        ({"holidays": ["de"]}, "holidays are known to the configuration's time_intervals alone"),
        (
            {"sk-live": 1},
            "only `weekdays`, `days_of_month`, `months`, `years`, `times`, `location` are known here",
        ),
        ({"weekdays": []}, 'weekdays: expected a list such as ["monday:friday"], or leave it out'),
        ({"weekdays": "sk-live"}, 'weekdays: expected a list such as ["monday:friday"], or leave it out'),
        ({"weekdays": ["monday", "sk-live"]}, "weekdays[1]: expected a weekday such as monday, or a range"),
        ({"weekdays": [0]}, "weekdays[0]: expected a weekday such as monday, or a range"),
        ({"times": None}, 'times: expected a list such as [{"start_time": "09:00", "end_time": "17:00"}]'),
        ({"times": [{"start_time": "09:00"}]}, 'times[0]: expected {"start_time": "09:00", "end_time":'),
        ({"times": ["sk-live"]}, 'times[0]: expected {"start_time": "09:00", "end_time":'),
        (
            {"times": [{"start_time": "sk-live", "end_time": "10:00"}]},
            "times[0].start_time: expected a time of day such as 09:00 or 17:30",
        ),
        (
            {"times": [{"start_time": "24:00", "end_time": "10:00"}]},
            "times[0].start_time: a window begins at 23:59 at the latest",
        ),
        (
            {"times": [{"start_time": "٠٩:٠٠", "end_time": "10:00"}]},
            "times[0].start_time: expected a time of day",
        ),
        ({"times": [{}] * (MOST_TIMES + 1)}, f"times: at most {MOST_TIMES} are possible"),
        ({"location": "sk-live"}, "location: there is no time zone of this name: write one such as"),
        ({"location": "Europe"}, "location: there is no time zone of this name"),
        ({"location": "../zoneinfo/UTC"}, "location: there is no time zone of this name"),
        ({"location": "UTC\0"}, "location: there is no time zone of this name"),
        ({"location": "a" * 10_000}, "location: there is no time zone of this name"),
        ({"location": None}, "location: there is no time zone of this name"),
    ],
)
def test_what_is_no_window_is_refused_with_a_sentence(document: dict[str, object], sentence: str) -> None:
    """It names the place, and never repeats what was there."""
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}") as refused:
        weekly(document)
    assert "sk-live" not in str(refused.value)
