"""What holds a member, by whom and until when (RULES.md#held)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.calendar import Hours, Weekly
from notifier.domain.matcher import Matcher, Op, match_all, parse
from notifier.domain.notification import HeldBy
from notifier.domain.route import Inhibition, Route, TimeInterval
from notifier.domain.silence import Silence
from notifier.domain.time import DAY, HOUR, MINUTE, Instant, parse_rfc3339
from notifier.domain.value import replace
from notifier.policy.muting import Mute, SilenceIndex, equal_key, inhibits, mute_time, phase

NOW = parse_rfc3339("2026-11-23T12:00:00Z")  # a Monday
LABELS = {"service": "billing", "severity": "error"}
SILENCE = Silence(
    id="s",
    project="p",
    matchers=(parse("service=billing"), parse("severity!=critical")),
    starts_at=NOW - HOUR,
    ends_at=NOW + HOUR,
    recur=None,
    author="bo",
    comment="maintenance",
    created_at=NOW - HOUR,
    created_by="k",
)
NOON = Weekly(times=(Hours(start=720, end=750),))
ROUTE = Route(key="r", name="default")


def silence_until(*silences: Silence, at: Instant = NOW) -> tuple[str | None, Instant | None] | None:
    mute = SilenceIndex(silences).mute("p", LABELS, at)
    return None if mute is None else (mute.ref, mute.until)


def interval(*hours: tuple[int, int]) -> TimeInterval:
    windows = tuple(Weekly(times=(Hours(start=start * 60, end=end * 60),)) for start, end in hours)
    return TimeInterval(name="x", windows=windows)


# Silences


def test_a_silence_holds_what_it_matches() -> None:
    assert SilenceIndex([SILENCE]).mute("p", LABELS, NOW) == Mute(
        held_by=HeldBy.SILENCED, until=NOW + HOUR, ref="s"
    )


@pytest.mark.parametrize(
    ("project", "labels"),
    [("q", LABELS), ("p", LABELS | {"severity": "critical"}), ("p", {"severity": "error"}), ("p", {})],
)
def test_a_silence_holds_nothing_else(project: str, labels: dict[str, str]) -> None:
    """All matchers must hold, and projects never share one."""
    assert SilenceIndex([SILENCE]).mute(project, labels, NOW) is None


@pytest.mark.parametrize(
    ("at", "on"),
    [
        (NOW - HOUR - 1, False),
        (NOW - HOUR, True),
        (NOW + HOUR - 1, True),
        (NOW + HOUR, False),
    ],
)
def test_a_silence_is_on_between_its_moments(at: Instant, on: bool) -> None:
    """Its start included, its end not."""
    assert (silence_until(SILENCE, at=at) is not None) is on


def test_a_recurring_silence_is_on_in_its_window_alone() -> None:
    """Until the window's end or its own, whichever comes first; without an own end it comes again."""
    recurring = replace(SILENCE, recur=NOON)
    assert silence_until(recurring) == ("s", NOW + 30 * MINUTE)
    assert silence_until(recurring, at=NOW + 30 * MINUTE) is None
    assert silence_until(replace(recurring, ends_at=NOW + MINUTE)) == ("s", NOW + MINUTE)
    endless = replace(recurring, ends_at=None)
    assert silence_until(endless, at=NOW + 7 * DAY) == ("s", NOW + 7 * DAY + 30 * MINUTE)
    assert silence_until(replace(endless, recur=Weekly())) == ("s", None)


def test_of_several_the_one_that_lasts_is_named() -> None:
    """So that the end of a shorter one wakes nobody; the choice does not depend on their order."""
    longer = replace(SILENCE, id="longer", ends_at=NOW + DAY)
    endless = replace(SILENCE, id="endless", ends_at=None, recur=Weekly())
    elsewhere = replace(SILENCE, id="elsewhere", ends_at=NOW + 2 * DAY, matchers=(parse("service=web"),))
    window = replace(SILENCE, id="window", ends_at=NOW + 9 * DAY, recur=NOON)
    assert silence_until(SILENCE, longer, elsewhere, window) == ("longer", NOW + DAY)
    assert silence_until(longer, SILENCE) == ("longer", NOW + DAY)
    assert silence_until(longer, endless, SILENCE) == ("endless", None)
    assert silence_until() is None


# Mute times


def test_a_route_without_hours_holds_nothing() -> None:
    assert mute_time(ROUTE, NOW) is None


@pytest.mark.parametrize(
    ("muted", "active", "until"),
    [
        ([(12, 14)], [], NOW + 2 * HOUR),
        ([(13, 14)], [], None),
        ([], [(9, 17)], None),
        ([], [(14, 17)], NOW + 2 * HOUR),
        ([(12, 13), (13, 15)], [], NOW + 3 * HOUR),
        ([(11, 14)], [(13, 17)], NOW + 2 * HOUR),
        ([(11, 13)], [(14, 17)], NOW + 2 * HOUR),
    ],
)
def test_mute_times_and_active_times(
    muted: list[tuple[int, int]], active: list[tuple[int, int]], until: Instant | None
) -> None:
    """Held while one of the former is on, or none of the latter; until both agree that it may tell."""
    route = replace(
        ROUTE,
        mute_times=(interval(*muted),) if muted else (),
        active_times=(interval(*active),) if active else (),
    )
    expected = None if until is None else Mute(held_by=HeldBy.MUTE_TIME, until=until)
    assert mute_time(route, NOW) == expected


def test_a_route_that_may_never_tell() -> None:
    """Where nothing changes nobody knows an end; where it goes on for ever, it is looked at again some day."""
    always = replace(ROUTE, mute_times=(TimeInterval(name="always", windows=(Weekly(),)),))
    assert mute_time(always, NOW) == Mute(held_by=HeldBy.MUTE_TIME, until=None)
    contrary = replace(ROUTE, mute_times=(interval((14, 18)),), active_times=(interval((14, 17)),))
    mute = mute_time(contrary, NOW)
    assert mute is not None
    assert mute.until is not None
    assert mute.until > NOW + 30 * DAY
    assert mute_time(contrary, mute.until) is not None


def test_several_windows_and_intervals_are_each_enough() -> None:
    """In their own time zones."""
    kathmandu = Weekly(times=(Hours(start=17 * 60, end=18 * 60),), location="Asia/Kathmandu")
    night = TimeInterval(name="night", windows=(Weekly(times=(Hours(start=60, end=120),)), kathmandu))
    muted = replace(ROUTE, mute_times=(interval((1, 2)), night))
    assert mute_time(muted, NOW) == Mute(held_by=HeldBy.MUTE_TIME, until=NOW + 15 * MINUTE)
    assert mute_time(replace(ROUTE, active_times=(interval((1, 2)), night)), NOW) is None


# Inhibition

RULE = Inhibition(
    key="k",
    source=(parse("severity=critical"),),
    target=(parse("severity=~warning|info"),),
    equal=("service", "host"),
)
CRITICAL = {"severity": "critical", "service": "billing"}
WARNING = {"severity": "warning", "service": "billing"}


@pytest.mark.parametrize(
    ("source", "target", "held"),
    [
        (CRITICAL, WARNING, True),
        (CRITICAL, WARNING | {"host": ""}, True),  # a missing label counts as empty
        (CRITICAL, WARNING | {"host": "db-1"}, False),
        (CRITICAL | {"host": "db-1"}, WARNING | {"host": "db-1", "x": "1"}, True),
        (CRITICAL, WARNING | {"service": "web"}, False),
        (CRITICAL | {"severity": "error"}, WARNING, False),
        (CRITICAL, WARNING | {"severity": "error"}, False),
        (WARNING, CRITICAL, False),
    ],
)
def test_an_incident_holds_those_of_equal_labels(
    source: dict[str, str], target: dict[str, str], held: bool
) -> None:
    """Where it meets `source`, and they meet `target`."""
    assert inhibits(RULE, source, target) is held


def test_what_meets_both_sides_is_held_by_those_alone_that_meet_one() -> None:
    """Alertmanager's rule: two that both meet both sides would hold each other, and one itself, for ever."""
    rule = replace(RULE, source=(parse("severity=~critical|error"),), target=(parse("team=db"),))
    both = {"severity": "error", "team": "db"}
    assert not inhibits(rule, both, both)
    assert inhibits(rule, {"severity": "critical"}, both)
    assert inhibits(rule, both, {"team": "db"})


def test_without_equal_any_source_holds_any_target() -> None:
    assert inhibits(replace(RULE, equal=()), CRITICAL, WARNING | {"service": "web"})


def test_equal_keys_are_equal_where_the_labels_are() -> None:
    """So that a source finds its targets by it; stable, whatever the order of `equal`."""
    key = equal_key(RULE, CRITICAL)
    assert (
        key
        == equal_key(RULE, WARNING | {"host": ""})
        == equal_key(replace(RULE, equal=("host", "service")), WARNING)
    )
    assert key != equal_key(RULE, WARNING | {"host": "db-1"})
    assert equal_key(RULE, {"service": "a"}) != equal_key(RULE, {"host": "a"})
    assert equal_key(RULE, {"service": "\ud800"})
    assert key == "c20e773c4ea90e2f"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["p", "q"]),
            st.lists(
                st.tuples(
                    st.sampled_from(["service", "region", "host"]),
                    st.sampled_from(["=", "!=", "=~", "!~"]),
                    st.sampled_from(["", "a", "b", "a|b"]),
                ),
                min_size=1,
                max_size=3,
            ),
        ),
        max_size=8,
    ),
    st.dictionaries(st.sampled_from(["service", "region", "host"]), st.sampled_from(["", "a", "b"])),
)
def test_the_index_finds_what_asking_all_of_them_finds(
    drawn: list[tuple[str, list[tuple[str, Op, str]]]], labels: dict[str, str]
) -> None:
    """An exact matcher only shortens the way; an empty value is met by a label that is not there."""
    silences = [
        replace(
            SILENCE,
            id=f"s{number}",
            project=project,
            ends_at=NOW + HOUR + number,
            matchers=tuple(Matcher(name=name, op=op, value=value) for name, op, value in matchers),
        )
        for number, (project, matchers) in enumerate(drawn)
    ]
    for project in ("p", "q"):
        matching = [one for one in silences if one.project == project and match_all(one.matchers, labels)]
        mute = SilenceIndex(silences).mute(project, labels, NOW)
        assert (None if mute is None else mute.ref) == (matching[-1].id if matching else None)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (NOW - HOUR - 1, "pending"),
        (NOW - HOUR, "active"),
        (NOW + HOUR - 1, "active"),
        (NOW + HOUR, "expired"),
    ],
)
def test_a_silence_is_pending_then_active_then_expired(at: Instant, expected: str) -> None:
    """Its first moment is active, its last one is not; without an end it never expires."""
    assert phase(SILENCE, at) == expected
    endless = replace(SILENCE, ends_at=None)
    assert phase(endless, at) == ("active" if expected == "expired" else expected)


def test_a_recurring_silence_is_pending_between_its_windows() -> None:
    recurring = replace(SILENCE, starts_at=NOW - DAY, ends_at=None, recur=NOON)
    assert [phase(recurring, NOW - MINUTE), phase(recurring, NOW)] == ["pending", "active"]
    assert phase(recurring, NOW + 30 * MINUTE) == "pending"


@pytest.mark.parametrize("matcher", ["service=billing", "service=~bill.*", "service!=import"])
def test_an_index_is_empty_only_without_silences(matcher: str) -> None:
    """Whatever its silences are found by: a value, a pattern, or neither."""
    assert SilenceIndex([replace(SILENCE, matchers=(parse(matcher),))])
    assert not SilenceIndex()
