"""Recurring windows against a reference that reads local time minute by minute, in zones with unusual rules."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from notifier.domain.calendar import DAY_MINUTES, Hours, Weekly, weekly, weekly_json
from notifier.domain.time import DAY, HOUR, MINUTE, Instant, parse_rfc3339
from notifier.domain.value import replace
from notifier.policy.calendar import window
from tests.examples import examples

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = (
    "UTC",
    "Europe/Berlin",
    "Australia/Lord_Howe",  # half an hour of daylight saving
    "Africa/Casablanca",  # its standard time is in summer, and Ramadan moves
    "America/St_Johns",  # an offset of half hours
    "Asia/Kathmandu",  # of quarters
    "Africa/Cairo",  # the clocks skip midnight
    "Pacific/Apia",
)
# Dates within hours of a change of clocks in one of the zones.
CHANGES = (
    "2026-03-29T01:00:00Z",
    "2026-10-25T01:00:00Z",
    "2026-04-04T15:00:00Z",
    "2026-10-03T15:30:00Z",
    "2026-02-15T02:00:00Z",
    "2026-03-22T02:00:00Z",
    "2026-03-08T05:30:00Z",
    "2026-11-01T04:30:00Z",
    "2026-04-23T22:00:00Z",
    "2026-10-29T21:00:00Z",
    "2011-12-30T10:00:00Z",
)

# On the day when clocks go forward it would end before it starts, so it does not occur.
SKIPPED = Weekly(times=(Hours(start=150, end=180),), location="Europe/Berlin")

# Hours cut by a change of clocks are frequent, others possible.
_minutes = st.sampled_from((0, 15, 60, 105, 120, 135, 150, 165, 180, 210, 720, 1380, 1425)) | st.integers(
    0, 1439
)
_hours = st.builds(Hours, start=_minutes, end=_minutes.map(lambda minute: minute or DAY_MINUTES))
_days = st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days)))
_windows = st.builds(
    Weekly,
    weekdays=_days,
    times=st.lists(_hours, min_size=1, max_size=3, unique=True).map(
        lambda times: tuple(sorted(times, key=lambda one: (one.start, one.end)))
    ),
    location=st.sampled_from(ZONES),
)
_near = st.builds(
    lambda change, offset: parse_rfc3339(change) + offset * MINUTE,
    st.sampled_from(CHANGES),
    st.integers(-3_000, 3_000),
)


_month_days = st.one_of(
    st.integers(1, 31).map(lambda day: (day, day)),
    st.integers(-31, -1).map(lambda day: (day, day)),
    st.tuples(st.integers(1, 31), st.integers(-31, -1)),
    st.lists(st.integers(1, 31), min_size=2, max_size=2).map(lambda pair: (min(pair), max(pair))),
)
_dates = st.frozensets(st.dates(date(2026, 1, 1), date(2027, 12, 31)), max_size=4)
_dated = st.builds(
    replace,
    _windows,
    days_of_month=st.just(())
    | st.lists(_month_days, max_size=3, unique=True).map(lambda few: tuple(sorted(few))),
    months=st.just(()) | st.sets(st.integers(1, 12)).map(lambda few: tuple(sorted(few))),
    years=st.sampled_from([(), ((2026, 2026),), ((2027, 2029),), ((2020, 2025), (2028, 2028))]),
    only_on=st.none() | _dates,
    never_on=st.just(frozenset()) | _dates,
)


def begins_on(windows: Weekly, day: date) -> bool:
    """Whether a window starts on that day."""
    left = (day.replace(day=28) + timedelta(days=4)).replace(day=1) - day  # until the first of the next month
    numbers = {day.day, -left.days}
    ranges = windows.days_of_month
    return (
        day.weekday() in windows.weekdays
        and (not windows.months or day.month in windows.months)
        and (not windows.years or any(first <= day.year <= last for first, last in windows.years))
        and (windows.only_on is None or day in windows.only_on)
        and day not in windows.never_on
        and (not ranges or any(_within(first, last, numbers) for first, last in ranges))
    )


def _within(first: int, last: int, numbers: set[int]) -> bool:
    from_start, from_end = max(numbers), min(numbers)
    after = from_start >= first if first > 0 else from_end >= first
    return after and (from_start <= last if last > 0 else from_end <= last)


class Clock:
    """Local time at every minute around an instant, from which instants of local times are found by search."""

    def __init__(self, location: str, around: Instant) -> None:
        zone = ZoneInfo(location)
        first = around // MINUTE - 4 * 24 * 60
        self.shown = {}
        self.seen: dict[datetime, Instant] = {}
        for minute in range(first, first + 8 * 24 * 60):
            wall = (EPOCH + timedelta(minutes=minute)).astimezone(zone).replace(tzinfo=None)
            self.shown[minute * MINUTE] = wall
            self.seen.setdefault(wall, minute * MINUTE)

    def at(self, wall: datetime) -> Instant:
        """The first instant of a local time. A skipped time is moved forward by the gap."""
        back = 0
        while wall - timedelta(minutes=back) not in self.seen:
            back += 1
        before = (
            max(at for at, shown in self.shown.items() if shown == wall - timedelta(minutes=back))
            if back
            else self.seen[wall]
        )
        return before + back * MINUTE


def stretches(windows: Weekly, around: Instant) -> list[tuple[Instant, Instant]]:
    """Every interval within two days, day by day, from the definition."""
    clock = Clock(windows.location, around)
    today = clock.shown[around // MINUTE * MINUTE].replace(hour=0, minute=0)
    found = []
    for offset in range(-2, 3):
        day = today + timedelta(days=offset)
        if begins_on(windows, day.date()):
            for hours in windows.times:
                length = (hours.end - hours.start - 1) % DAY_MINUTES + 1
                begin = day + timedelta(minutes=hours.start)
                found.append((clock.at(begin), clock.at(begin + timedelta(minutes=length))))
    return found


@settings(deadline=None, max_examples=examples(30, 200))
@given(windows=_windows.filter(lambda one: len(one.times) == 1), now=_near)
@example(windows=SKIPPED, now=parse_rfc3339("2026-03-29T00:59:00Z"))
@example(windows=SKIPPED, now=parse_rfc3339("2026-03-29T01:15:00Z"))
@example(
    windows=Weekly(times=(Hours(start=105, end=150),), location="Europe/Berlin"),
    now=parse_rfc3339("2026-03-29T01:15:00Z"),
)
def test_a_window_is_on_as_its_definition_says(windows: Weekly, now: Instant) -> None:
    """A window lasts from the first instant of its local start to that of its local end."""
    expected = any(begin <= now < end for begin, end in stretches(windows, now))
    assert window(windows, now).active == expected


@settings(deadline=None, max_examples=examples(30, 200))
@given(windows=_dated.filter(lambda one: len(one.times) == 1), now=_near)
def test_a_dated_window_is_on_as_its_definition_says(windows: Weekly, now: Instant) -> None:
    """The start day decides whether a window with dates occurs."""
    expected = any(begin <= now < end for begin, end in stretches(windows, now))
    assert window(windows, now).active == expected


@settings(deadline=None, max_examples=examples(15, 100))
@given(windows=_dated, now=_near)
def test_until_is_the_next_change_of_dates(windows: Weekly, now: Instant) -> None:
    """Between `now` and `until` the state is constant, hour by hour, and it changes at `until`.

    None means four years.
    """
    phase = window(windows, now)
    end = now + 4 * 366 * DAY if phase.until is None else phase.until
    assert end > now
    step = max(HOUR, (end - now) // 2_000)
    assert all(window(windows, at).active == phase.active for at in range(now, end, step))
    if phase.until is not None:
        assert window(windows, phase.until - 1).active == phase.active
        assert window(windows, phase.until).active != phase.active


@settings(deadline=None, max_examples=examples(30, 200))
@given(windows=_windows, now=_near)
@example(windows=SKIPPED, now=parse_rfc3339("2026-03-28T02:00:00Z"))
@example(windows=SKIPPED, now=parse_rfc3339("2026-03-29T01:15:00Z"))
def test_until_is_the_next_change(windows: Weekly, now: Instant) -> None:
    """Between `now` and `until` the state is constant, minute by minute, and it changes at `until`."""
    phase = window(windows, now)
    end = now + 16 * DAY if phase.until is None else phase.until
    assert end > now
    assert all(window(windows, at).active == phase.active for at in range(now, end, MINUTE))
    if phase.until is None:
        assert phase.active
    else:
        assert window(windows, phase.until).active != phase.active


@settings(deadline=None)
@given(
    hours=_hours, now=_near, cut=st.integers(1, 719), overlap=st.integers(0, 60), place=st.sampled_from(ZONES)
)
def test_how_a_window_is_cut_changes_nothing(
    hours: Hours, now: Instant, cut: int, overlap: int, place: str
) -> None:
    """Two touching or overlapping windows are equal to their union, across changes of clocks too."""
    whole = Weekly(times=(hours,), location=place)
    length = (hours.end - hours.start - 1) % DAY_MINUTES + 1
    middle = min(cut, length - 1)
    second = hours.start + max(0, middle - overlap)
    assume(middle > 0 and second < DAY_MINUTES)
    end = (hours.start + middle) % DAY_MINUTES or DAY_MINUTES
    parts = (Hours(start=hours.start, end=end), Hours(start=second, end=hours.end))
    assert window(Weekly(times=parts, location=place), now) == window(whole, now)


@given(windows=_windows | _dated.map(lambda one: replace(one, only_on=None, never_on=frozenset())))
def test_what_is_written_is_read_back(windows: Weekly) -> None:
    assert weekly(weekly_json(windows)) == windows


@settings(deadline=None)
@given(
    document=st.dictionaries(
        st.sampled_from(
            ["weekdays", "times", "location", "days_of_month", "months", "years", "holidays", "x"]
        ),
        st.recursive(
            st.none()
            | st.integers()
            | st.text()
            | st.sampled_from(
                ["monday", "monday:friday", "09:00", "UTC", "1:-1", "5", "may:june", "2026:2028"]
            ),
            lambda inner: (
                st.lists(inner) | st.dictionaries(st.sampled_from(["start_time", "end_time"]), inner)
            ),
        ),
    )
)
def test_the_reader_is_total(document: dict[str, object]) -> None:
    """Any document is parsed to a window or refused with ValueError."""
    try:
        read = weekly(document)
    except ValueError:
        return
    assert weekly(weekly_json(read)) == read
    window(read, 0)
