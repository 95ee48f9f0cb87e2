"""Instants in and out of text, and durations in words."""

from __future__ import annotations

import pytest

from notifier.domain.time import DAY, HOUR, MINUTE, SECOND, parse_rfc3339, rfc3339, words

AT = 1_795_323_600_000  # 2026-11-22T05:00:00Z


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-22T05:00:00Z", AT),
        ("2026-11-22t05:00:00z", AT),
        ("2026-11-22 05:00:00Z", AT),
        ("2026-11-22T05:00:00", AT),
        ("2026-11-22T06:30:00+01:30", AT),
        ("2026-11-22T05:00:00-00:00", AT),
        ("2026-11-22T05:00:00.1Z", AT + 100),
        ("2026-11-22T05:00:00.123999999Z", AT + 123),
        ("2016-12-31T23:59:60.5Z", 1_483_228_800_500),
        ("2016-12-31T18:59:60-05:00", 1_483_228_800_000),
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.999Z", -1),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000),
        ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
    ],
)
def test_an_rfc_3339_date_time_is_read(text: str, at: int) -> None:
    """Upper or lower case, any fraction, any offset; none means UTC."""
    assert parse_rfc3339(text) == at


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-11-22",
        "20261122T050000Z",
        "2026-W47-7",
        "2026-11-22T05Z",
        "2026-11-22T05:00Z",
        "2026-11-22T05:00:00,5Z",
        "2026-11-22T05:00:00+01",
        "2026-11-22T05:00:00Z\n",
        "2026-02-30T05:00:00Z",
        "2026-11-22T25:00:00Z",
        "2026-11-22T05:00:60Z",
        "9999-12-31T23:59:60Z",
        "٢٠٢٦-11-22T05:00:00Z",
        "1795323600",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    """Other ISO 8601 forms, other digits, days that do not exist or that UTC cannot write: always ValueError."""
    with pytest.raises(ValueError, match=r".+"):
        parse_rfc3339(text)


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (AT, "2026-11-22T05:00:00Z"),
        (AT + 5, "2026-11-22T05:00:00.005Z"),
        (AT + 120, "2026-11-22T05:00:00.120Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (-62_135_596_800_000, "0001-01-01T00:00:00Z"),
    ],
)
def test_an_instant_is_written_in_utc(at: int, text: str) -> None:
    """Milliseconds only where there are some; the year has four digits."""
    assert rfc3339(at) == text


def test_no_millisecond_is_lost_on_the_way() -> None:
    """One of the instants for which a float of seconds is a millisecond short."""
    assert parse_rfc3339(rfc3339(1_092_453_247_192)) == 1_092_453_247_192


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (-5, "0s"),
        (0, "0s"),
        (999, "0s"),
        (45 * SECOND, "45s"),
        (MINUTE, "1m"),
        (12 * MINUTE + 30 * SECOND, "12m"),
        (HOUR, "1h"),
        (HOUR + 30 * SECOND, "1h"),
        (3 * HOUR + 5 * MINUTE, "3h 5m"),
        (2 * DAY + 4 * HOUR + 9 * MINUTE, "2d 4h"),
        (2 * DAY + 9 * MINUTE, "2d 9m"),
    ],
)
def test_durations_have_at_most_two_units(duration: int, text: str) -> None:
    """Rounded down, for people."""
    assert words(duration) == text
