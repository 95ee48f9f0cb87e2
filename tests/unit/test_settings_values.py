"""Durations, sizes, rates and addresses: what is read, and the sentence for what is not."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.route import AUTO_RESOLVE_DEFAULT
from notifier.domain.time import (
    DAY,
    HOUR,
    LONGEST_DURATION,
    MINUTE,
    SECOND,
    parse_duration,
    parse_positive_duration,
)
from notifier.settings import values
from notifier.settings.model import SettingsFile
from notifier.settings.sections import RetentionSettings
from notifier.settings.values import Rate

READERS = [
    parse_duration,
    parse_positive_duration,
    values.size,
    values.rate,
    values.count,
    values.yes_or_no,
    values.text,
    values.base_url,
    values.database_url,
]


@pytest.mark.parametrize(
    ("written", "milliseconds"),
    [
        ("10s", 10 * SECOND),
        ("5m", 5 * MINUTE),
        ("4h", 4 * HOUR),
        ("30d", 30 * DAY),
        ("1h30m", 90 * MINUTE),
        ("500ms", 500),
        ("1d2h3m4s5ms", DAY + 2 * HOUR + 3 * MINUTE + 4 * SECOND + 5),
        ("90m", 90 * MINUTE),
        ("1w", 7 * DAY),
        ("1w2d12h", 9 * DAY + 12 * HOUR),
        ("1y1w", 372 * DAY),
        ("0s", 0),
        (0, 0),
        ("0", 0),
    ],
)
def test_durations(written: Any, milliseconds: int) -> None:
    """Units from years to milliseconds, joined, and a bare zero."""
    assert parse_duration(written) == milliseconds


@pytest.mark.parametrize(
    "written",
    [
        "",
        "10",
        10,
        -1,
        "-5s",
        "1.5h",
        "5 m",
        "30m1h",
        "5s5s",
        "1d1w",
        "s",
        "10S",
        True,
        False,
        1.5,
        None,
        "9" * 40 + "s",
    ],
)
def test_no_durations(written: Any) -> None:
    """A number without a unit, a sign, a fraction or units out of order is refused with an example."""
    with pytest.raises(ValueError, match="expected a duration such as"):
        parse_duration(written)


def test_durations_end_somewhere() -> None:
    """A century is the longest, so that no instant overflows."""
    assert parse_duration("36500d") == LONGEST_DURATION
    with pytest.raises(ValueError, match="at most 100 years"):
        parse_duration("36500d1ms")


def test_some_durations_cannot_be_zero() -> None:
    """Where zero would mean a storm, it is refused."""
    with pytest.raises(ValueError, match="longer than 0"):
        parse_positive_duration("0s")


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("10GB", 10_000_000_000),
        ("256KiB", 262_144),
        ("8MiB", 8_388_608),
        ("1TiB", 2**40),
        ("1KB", 1000),
        ("1K", 1000),
        ("100B", 100),
        ("100", 100),
        (4096, 4096),
        ("5 MB", 5_000_000),
    ],
)
def test_sizes(written: Any, size: int) -> None:
    """KB is a thousand bytes, KiB is 1024, a number is bytes."""
    assert values.size(written) == size


@pytest.mark.parametrize(
    "written", ["", "10XB", "-1", -1, 0, "0", "1.5GB", True, None, 1.5, "10kb", "9999999TiB"]
)
def test_no_sizes(written: Any) -> None:
    """Anything else is refused with an example or the range."""
    with pytest.raises(ValueError, match="expected a size"):
        values.size(written)


@pytest.mark.parametrize(
    ("written", "rate"),
    [
        ("30/hour", (30, HOUR)),
        ("600000/minute", (600_000, MINUTE)),
        ("5/second", (5, SECOND)),
        ("1/day", (1, DAY)),
        ("30/h", (30, HOUR)),
        ("30 / 10m", (30, 10 * MINUTE)),
    ],
)
def test_rates(written: str, rate: tuple[int, int]) -> None:
    """A count per unit, by its name, its letter, or a duration."""
    assert values.rate(written) == Rate(count=rate[0], per=rate[1])


@pytest.mark.parametrize(
    "written", ["", "30", 30, "30/", "/hour", "30/fortnight", "30/0s", "30/hours", "-1/hour", None]
)
def test_no_rates(written: Any) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(ValueError, match="expected a rate"):
        values.rate(written)


def test_a_rate_of_nothing_is_refused() -> None:
    """`0/hour` would hold everything for ever."""
    with pytest.raises(ValueError, match="from 1 to"):
        values.rate("0/hour")


@pytest.mark.parametrize(("written", "number"), [(0, 0), (8000, 8000), ("8000", 8000), (65_535, 65_535)])
def test_whole_numbers(written: Any, number: int) -> None:
    """Digits in text count, since a variable is always text."""
    assert values.whole_number(0, 65_535)(written) == number


@pytest.mark.parametrize("written", [True, False, -1, 65_536, 1.0, "", "x", "1e3", None, float("nan"), "٣"])
def test_no_whole_numbers(written: Any) -> None:
    """A flag is no number, neither is a fraction."""
    with pytest.raises(ValueError, match="expected a whole number from 0 to 65535"):
        values.whole_number(0, 65_535)(written)


def test_flags() -> None:
    """true and false, also as the text of a variable; nothing else."""
    assert [values.yes_or_no(one) for one in (True, False, "true", "False")] == [True, False, True, False]
    for wrong in (0, 1, "1", "maybe", None):
        with pytest.raises(ValueError, match="expected true or false"):
            values.yes_or_no(wrong)


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("https://notifier.example.com", "https://notifier.example.com"),
        ("https://example.com/notifier/", "https://example.com/notifier"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
    ],
)
def test_base_urls(written: str, url: str) -> None:
    """Links are built on it, so the trailing slash goes."""
    assert values.base_url(written) == url


@pytest.mark.parametrize(
    "written",
    [
        "notifier.example.com",
        "ftp://example.com",
        "https://",
        "https://a:b@example.com",
        "https://example.com/?a=1",
        "https://example.com/#a",
        "https://example.com:port",
        "https://[::1",
        "https://example.com/a\nb",
        8000,
        None,
    ],
)
def test_no_base_urls(written: Any) -> None:
    """No host, another scheme, a user, a query or a fragment: refused."""
    with pytest.raises(ValueError, match="expected"):
        values.base_url(written)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///notifier.db",
        "sqlite:////var/lib/notifier/notifier.db",
        "postgresql://notifier@db.example.com:5432/notifier",
        "postgresql://notifier:p#s%20s/[x@db/notifier",
        "postgresql://postgres:@/postgres?host=/tmp/sockets",
        "postgresql://ann@one:1,[::1]:2,three/n?target_session_attrs=read-write",
        "postgresql://a@b:p%40ss@/n?ssl=require&port=5433",
        "postgresql:///n",
        "postgresql://",
    ],
)
def test_database_urls(url: str) -> None:
    """A file for SQLite; for PostgreSQL as libpq has it, several hosts and odd passwords included."""
    assert values.database_url(url) == url


def test_the_short_name_of_postgresql_is_its_long_one() -> None:
    """As PostgreSQL's own library takes it, and many hosts hand it out."""
    assert values.database_url("postgres://u@db/x") == "postgresql://u@db/x"


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("mysql://root:hunter2@db/x", "expected sqlite:///path/to/file.db or postgresql://user@host/name"),
        ("notifier.db", "expected sqlite:///path/to/file.db or postgresql://user@host/name"),
        ("sqlite:///", "expected sqlite:///path/to/file.db"),
        ("sqlite://notifier.db", "expected sqlite:///path/to/file.db"),
        ("sqlite:///:memory:", "would lose what was acknowledged"),
        ("postgres+asyncpg://u:hunter2@db/x", "begin with postgresql://"),
        ("postgresql+asyncpg://u:hunter2@db/x", "begin with postgresql://"),
        ("sqlite:///a.db?mode=ro", "has no parameters"),
        ("sqlite:///folder/", "expected a file and not a folder"),
        ("postgresql://u:hunter2@h:x/n", "the port is a number from 1 to 65535"),
        ("postgresql://u:hunter2@h:70000/n", "the port is a number from 1 to 65535"),
        ("postgresql://u:hunter2@one:1,two:0/n", "the port is a number from 1 to 65535"),
        ("postgresql://u:hunter2@h/n?port=x", "the port is a number from 1 to 65535"),
        ("postgresql://u:hunter2%zz@h/n", "the password has a % that begins no escape: write %25"),
        ("postgresql://u:hunter2%ff@h/n", "the password has escapes that are not UTF-8"),
        ("postgresql://u:hunter2%00@h/n", "the password has %00"),
        ("postgresql://u:hunter2@ss@h/n", "the host has an @: write %40"),
        ("postgresql://u:hunter2@::1/n", "an IPv6 address stands in brackets"),
        ("postgresql://u:hunter2@[h]/n", "is no IPv6 address"),
        ("postgresql://u:hunter2@a b/n", "the host has a space"),
        ("postgresql://u:hunter2@h/n?sslmode=on", "`sslmode` is one of disable, allow"),
        ("postgresql://u:hunter2@h/n?options=%ff", "escapes that are not UTF-8"),
        ("postgresql://u:hunter2@h/n?channel_binding=require", "more than the driver can do"),
        ("", "expected text"),
        (5, "expected text"),
    ],
)
def test_no_database_urls(written: Any, sentence: str) -> None:
    """The sentence names the two forms and never the password."""
    with pytest.raises(ValueError, match=re.escape(sentence)) as refused:
        values.database_url(written)
    assert "hunter2" not in str(refused.value)


OUR_SENTENCES = ("expected", "a database in memory", "the ", "what stands in brackets", "`")


@pytest.mark.parametrize("read", READERS)
@given(
    written=st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(),
        st.from_regex(r"[0-9]{1,20}(d|h|m|s|ms|GB|KiB|/hour|/[0-9]+[smh])"),
        st.from_regex(r"(https?|sqlite|postgresql)://.*"),
    )
)
def test_every_reader_is_total(read: Callable[[Any], Any], written: Any) -> None:
    """Whatever YAML or the environment gives, a reader answers with a value or a ValueError."""
    try:
        read(written)
    except ValueError as refused:
        assert str(refused).startswith(OUR_SENTENCES)  # noqa: PT017 - both ways are right


def test_in_code_a_value_is_given_as_it_is() -> None:
    """A duration is milliseconds there, and as text what a file says; a default is one or the other."""
    kept = RetentionSettings(events=DAY, incidents=3 * HOUR)
    assert (kept.events, kept.incidents, kept.deliveries) == (DAY, 3 * HOUR, 30 * DAY)
    assert SettingsFile().auto_resolve == AUTO_RESOLVE_DEFAULT
