"""Whether, when and why a member is told (DESIGN 5, Timing and Held), rule by rule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from notifier.domain.event import Severity
from notifier.domain.incident import State
from notifier.domain.notification import HeldBy, Reason
from notifier.domain.route import Route, Threshold
from notifier.domain.time import HOUR, MINUTE, SECOND
from notifier.policy.telling import Hold, Member, Settled, Tell, change_due, decide, group_reason

NOW = 1_000_000_000
ROUTE = Route(key="r", name="default")
NEW = Member(incident=1, state=State.OPEN, severity=Severity.ERROR, count=5, reopened=False)
TOLD = replace(
    NEW,
    told_state=State.OPEN,
    told_severity=Severity.ERROR,
    told_count=5,
    first_told_at=NOW - HOUR,
    told_at=NOW - HOUR,
)


def changed(member: Member, **values: Any) -> Member:
    return replace(member, **values)


# decide


def test_what_is_new_is_told_as_opened() -> None:
    """All events but the one that opened it are suppressed, and a repeat is due after repeat_interval."""
    assert decide(NEW, ROUTE, NOW) == Tell(reason=Reason.OPENED, repeat_at=NOW + 4 * HOUR, suppressed=4)


def test_what_comes_after_a_resolution_is_told_as_reopened() -> None:
    """The incident is new, its reason is not."""
    verdict = decide(changed(NEW, reopened=True), ROUTE, NOW)
    assert isinstance(verdict, Tell)
    assert verdict.reason is Reason.REOPENED


def test_acknowledged_before_the_first_message_is_still_told() -> None:
    """An acknowledgement holds repeats and escalation only."""
    assert isinstance(decide(changed(NEW, state=State.ACKNOWLEDGED), ROUTE, NOW), Tell)


def test_opened_and_resolved_before_it_was_told_is_never_told() -> None:
    """Held by what held it, or by the wait; no event of the resolved incident shall wake it."""
    over = changed(NEW, state=State.RESOLVED)
    assert decide(over, ROUTE, NOW) == Hold(held_by=HeldBy.WAITING, wake=False)
    silenced = changed(over, held_by=HeldBy.SILENCED)
    assert decide(silenced, ROUTE, NOW) == Hold(held_by=HeldBy.SILENCED, wake=False)


@pytest.mark.parametrize(("recent", "told"), [(0, False), (2, False), (3, True), (4, True)])
def test_notify_after_holds_below_its_threshold(recent: int, *, told: bool) -> None:
    """Two of three within the window wait for the next event; three are told."""
    route = replace(ROUTE, notify_after=Threshold(events=3, within=10 * MINUTE))
    verdict = decide(changed(NEW, recent=recent), route, NOW)
    assert isinstance(verdict, Tell) == told
    if not told:
        assert verdict == Hold(held_by=HeldBy.BELOW_THRESHOLD, wake=True)


def test_notify_after_holds_only_the_first_message() -> None:
    """What has been told is told of again, however few events there are now."""
    route = replace(ROUTE, notify_after=Threshold(events=3, within=MINUTE))
    assert isinstance(decide(changed(TOLD, state=State.RESOLVED, recent=0), route, NOW), Tell)


def test_a_resolution_is_told_once() -> None:
    """And nothing is due afterwards."""
    over = changed(TOLD, state=State.RESOLVED, count=9)
    assert decide(over, ROUTE, NOW) == Tell(reason=Reason.RESOLVED, repeat_at=None, suppressed=4)
    told = changed(over, told_state=State.RESOLVED)
    assert decide(told, ROUTE, NOW) == Settled(state=State.RESOLVED, repeat_at=None)


def test_send_resolved_false_settles_without_a_word() -> None:
    """The route's wish, not a held reason."""
    route = replace(ROUTE, send_resolved=False)
    verdict = decide(changed(TOLD, state=State.RESOLVED), route, NOW)
    assert verdict == Settled(state=State.RESOLVED, repeat_at=None)


def test_open_again_after_its_resolution_was_told_is_reopened() -> None:
    """Somebody reopened the same incident."""
    verdict = decide(changed(TOLD, told_state=State.RESOLVED), ROUTE, NOW)
    assert isinstance(verdict, Tell)
    assert verdict.reason is Reason.REOPENED


@pytest.mark.parametrize("state", [State.OPEN, State.ACKNOWLEDGED])
def test_a_raised_severity_is_told_acknowledged_or_not(state: State) -> None:
    """A lower one than told is not."""
    raised = changed(TOLD, severity=Severity.CRITICAL, state=state)
    verdict = decide(raised, ROUTE, NOW)
    assert isinstance(verdict, Tell)
    assert verdict.reason is Reason.SEVERITY_RAISED
    lower = changed(TOLD, told_severity=Severity.CRITICAL, state=state)
    assert isinstance(decide(lower, ROUTE, NOW), Settled)


def test_a_resolution_comes_before_a_raise() -> None:
    """Raised and resolved since the last message: it is over."""
    verdict = decide(changed(TOLD, severity=Severity.CRITICAL, state=State.RESOLVED), ROUTE, NOW)
    assert isinstance(verdict, Tell)
    assert verdict.reason is Reason.RESOLVED


def test_a_repeat_needs_the_interval_and_new_events() -> None:
    """Not a millisecond early; and at the moment, only if something has happened."""
    due = NOW - HOUR + 4 * HOUR
    busy = changed(TOLD, count=17)
    assert decide(busy, ROUTE, due - 1) == Settled(state=State.OPEN, repeat_at=due)
    assert decide(busy, ROUTE, due) == Tell(reason=Reason.REPEATED, repeat_at=due + 4 * HOUR, suppressed=12)
    assert decide(TOLD, ROUTE, due) == Hold(held_by=HeldBy.WAITING, wake=True)


def test_an_acknowledgement_holds_repeats() -> None:
    """And leaves no repeat due: a moment that has passed would bring the group back for ever."""
    verdict = decide(changed(TOLD, state=State.ACKNOWLEDGED, count=99), ROUTE, NOW + 9 * HOUR)
    assert verdict == Settled(state=State.ACKNOWLEDGED, repeat_at=None)


def test_after_an_acknowledgement_ends_repeats_go_on() -> None:
    """Open again before the interval has passed: the repeat is due when it always was."""
    assert decide(changed(TOLD, count=99), ROUTE, NOW) == Settled(state=State.OPEN, repeat_at=NOW + 3 * HOUR)


# change_due


def test_the_first_message_of_a_group_waits_for_group_wait() -> None:
    assert change_due(NEW, ROUTE, changed_at=NOW, last_told_at=None) == NOW + 10 * SECOND


@pytest.mark.parametrize(
    ("ago", "wait"),
    [
        (0, 5 * MINUTE),
        (2 * MINUTE, 3 * MINUTE),
        (5 * MINUTE - 10 * SECOND, 10 * SECOND),
        (5 * MINUTE, 10 * SECOND),
        (HOUR, 10 * SECOND),
    ],
)
@pytest.mark.parametrize(
    "member",
    [NEW, changed(TOLD, state=State.RESOLVED), changed(NEW, state=State.RESOLVED)],
    ids=["opened", "resolved", "over before it was told"],
)
def test_a_change_waits_for_the_later_of_two(member: Member, ago: int, wait: int) -> None:
    """max(change + group_wait, last told + group_interval)."""
    assert change_due(member, ROUTE, changed_at=NOW, last_told_at=NOW - ago) == NOW + wait


@pytest.mark.parametrize(
    "told", [None, Severity.INFO, Severity.WARNING, Severity.ERROR], ids=["never", "info", "warning", "error"]
)
def test_critical_waits_for_group_wait_only(told: Severity | None) -> None:
    """First told at, or raised to, critical; acknowledged or not."""
    base = NEW if told is None else changed(TOLD, told_severity=told)
    for state in (State.OPEN, State.ACKNOWLEDGED):
        member = changed(base, severity=Severity.CRITICAL, state=state)
        assert change_due(member, ROUTE, changed_at=NOW, last_told_at=NOW - 1) == NOW + 10 * SECOND


def test_critical_hurries_only_while_it_is_news() -> None:
    """Told at critical already, or over: group_interval holds it like any other."""
    told = changed(TOLD, severity=Severity.CRITICAL, told_severity=Severity.CRITICAL, state=State.RESOLVED)
    unheard = changed(NEW, severity=Severity.CRITICAL, state=State.RESOLVED)
    for member in (told, unheard):
        assert change_due(member, ROUTE, changed_at=NOW, last_told_at=NOW - 1) == NOW - 1 + 5 * MINUTE


def test_a_raise_below_critical_waits_for_group_interval() -> None:
    """Only critical is urgent."""
    member = changed(TOLD, told_severity=Severity.WARNING)
    assert change_due(member, ROUTE, changed_at=NOW, last_told_at=NOW - 1) == NOW - 1 + 5 * MINUTE


def test_a_woken_repeat_is_due_at_once_but_not_before_its_interval() -> None:
    """The next event of a quiet incident wakes it: no group_wait, but never within repeat_interval."""
    late = changed(TOLD, told_at=NOW - 9 * HOUR, count=6)
    assert change_due(late, ROUTE, changed_at=NOW, last_told_at=NOW - 9 * HOUR) == NOW
    early = changed(TOLD, told_at=NOW - HOUR, count=6)
    assert change_due(early, ROUTE, changed_at=NOW, last_told_at=NOW - HOUR) == NOW + 3 * HOUR


def test_a_woken_repeat_keeps_its_distance_from_the_groups_last_message() -> None:
    """Another member was told a minute ago."""
    late = changed(TOLD, told_at=NOW - 9 * HOUR, count=6)
    assert change_due(late, ROUTE, changed_at=NOW, last_told_at=NOW - MINUTE) == NOW + 4 * MINUTE


# group_reason

ORDER = [
    Reason.OPENED,
    Reason.REOPENED,
    Reason.SEVERITY_RAISED,
    Reason.UNMUTED,
    Reason.RESOLVED,
    Reason.REPEATED,
]


@pytest.mark.parametrize("first", range(len(ORDER)))
def test_the_groups_reason_is_the_first_in_order(first: int) -> None:
    """opened, reopened, severity_raised, unmuted, resolved, repeated."""
    assert group_reason(list(reversed(ORDER[first:]))) is ORDER[first]


def test_without_reasons_there_is_nothing_to_tell() -> None:
    assert group_reason([]) is None
