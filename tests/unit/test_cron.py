"""Times of a crontab: what an expression means, by the clocks of a zone."""

from __future__ import annotations

import pytest

from notifier.domain.time import Instant, parse_rfc3339, rfc3339
from notifier.policy.cron import after, knows, parse


def following(text: str, at: str, zone: str = "UTC") -> str | None:
    found: Instant | None = after(parse(text), parse_rfc3339(at), zone)
    return None if found is None else rfc3339(found)


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        ("* * * * *", "2026-11-27T10:00:30Z", "2026-11-27T10:01:00Z"),
        ("* * * * *", "2026-11-27T10:00:00Z", "2026-11-27T10:01:00Z"),
        ("*/15 * * * *", "2026-11-27T10:46:00Z", "2026-11-27T11:00:00Z"),
        ("5/20 3 * * *", "2026-11-27T03:05:00Z", "2026-11-27T03:25:00Z"),
        ("0 3 * * *", "2026-11-27T03:00:00Z", "2026-11-28T03:00:00Z"),
        ("0 3 1,15 * *", "2026-11-27T03:00:00Z", "2026-12-01T03:00:00Z"),
        ("0 9 * * 1-5", "2026-11-27T09:00:00Z", "2026-11-30T09:00:00Z"),
        ("0 9 * * MON", "2026-11-27T09:00:00Z", "2026-11-30T09:00:00Z"),
        ("0 9 * * sun", "2026-11-27T09:00:00Z", "2026-11-29T09:00:00Z"),
        ("0 9 * * 7", "2026-11-27T09:00:00Z", "2026-11-29T09:00:00Z"),
        ("0 9 * * fri-sun", "2026-11-29T09:00:00Z", "2026-12-04T09:00:00Z"),
        # Either is enough where both days are restricted.
        ("0 9 13 * fri", "2026-11-27T09:00:00Z", "2026-12-04T09:00:00Z"),
        ("0 9 13 * fri", "2026-12-11T09:00:00Z", "2026-12-13T09:00:00Z"),
        ("0 0 29 feb *", "2026-11-27T09:00:00Z", "2028-02-29T00:00:00Z"),
        ("@daily", "2026-11-27T09:00:00Z", "2026-11-28T00:00:00Z"),
        ("@hourly", "2026-11-27T09:00:00Z", "2026-11-27T10:00:00Z"),
        ("0 0 30 2 *", "2026-11-27T09:00:00Z", None),
    ],
)
def test_the_time_that_follows(text: str, at: str, expected: str | None) -> None:
    """As crontab(5) says."""
    assert following(text, at) == expected


def test_clocks_that_are_moved() -> None:
    """Half past two comes once in the night that skips it, and once in the night that repeats it."""
    berlin = "Europe/Berlin"
    assert following("30 2 * * *", "2026-03-28T12:00:00Z", berlin) == "2026-03-29T01:30:00Z"
    assert following("30 2 * * *", "2026-03-29T01:30:00Z", berlin) == "2026-03-30T00:30:00Z"
    assert following("30 2 * * *", "2026-10-24T12:00:00Z", berlin) == "2026-10-25T00:30:00Z"
    assert following("30 2 * * *", "2026-10-25T00:30:00Z", berlin) == "2026-10-26T01:30:00Z"
    assert following("0 2,3 * * *", "2026-03-29T00:00:00Z", berlin) == "2026-03-29T01:00:00Z"


@pytest.mark.parametrize(
    "text",
    ["", "* * * *", "* * * * * *", "60 * * * *", "-1 * * * *", "*/0 * * * *", "5-1 * * * *", "a * * * *",
     "* * 0 * *", "* * * 13 *", "* * * * 8", "1, * * * *", "٣ * * * *", "@reboot", "* " * 300],
)  # fmt: skip
def test_what_is_no_expression(text: str) -> None:
    """A sentence, and no other error."""
    with pytest.raises(ValueError, match="expected"):
        parse(text)


def test_a_zone_that_there_is_none_of() -> None:
    """Whatever a sender writes there."""
    assert knows("0 3 * * *", "Europe/Berlin")
    for zone in ("Europe/Nowhere", "", "../../etc/passwd", "\0", "x" * 10_000, "Europe"):
        assert not knows("0 3 * * *", zone)


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        ("0 3 1 1 *", "2026-11-27T09:00:00Z", "2027-01-01T03:00:00Z"),
        ("0 3 31 12 *", "2026-11-27T09:00:00Z", "2026-12-31T03:00:00Z"),
        ("000 003 * * *", "2026-11-27T09:00:00Z", "2026-11-28T03:00:00Z"),
        # No year from 2097 to 2103 has such a day, as 2100 is no leap year.
        ("0 0 29 2 *", "2096-02-29T00:00:00Z", "2104-02-29T00:00:00Z"),
    ],
)
def test_the_outermost_times(text: str, at: str, expected: str) -> None:
    """The first and the last number of a field, and the longest wait that a calendar knows."""
    assert following(text, at) == expected


def test_an_expression_has_at_most_256_characters() -> None:
    """One more is refused, as is a number of four digits."""
    parse("*" + " *" * 4 + " " * 247)
    for text in ("*" + " *" * 4 + " " * 248, "0000 3 * * *"):
        with pytest.raises(ValueError, match="expected"):
            parse(text)
