"""Whether, when and why a member is told (RULES.md#timing, RULES.md#held), rule by rule."""

from __future__ import annotations

from typing import Any

import pytest

from notifier.domain.notification import HeldBy, Reason
from notifier.domain.route import Route, Step, Threshold
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.domain.time import DAY, HOUR, MINUTE, SECOND
from notifier.domain.value import replace
from notifier.policy.muting import Mute
from notifier.policy.notifying import (
    Escalate,
    Hold,
    Member,
    Notify,
    Settled,
    Wait,
    all_clear_at,
    change_due,
    decide,
    escalate,
    group_reason,
    is_mutable,
    notify_from,
)

NOW = 1_000_000_000
ROUTE = Route(key="r", name="default", channels=("mail",))
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
    assert decide(NEW, ROUTE, NOW) == Notify(reason=Reason.OPENED, repeat_at=NOW + 4 * HOUR, suppressed=4)


def test_what_comes_after_a_resolution_is_told_as_reopened() -> None:
    """The incident is new, its reason is not."""
    verdict = decide(changed(NEW, reopened=True), ROUTE, NOW)
    assert isinstance(verdict, Notify)
    assert verdict.reason is Reason.REOPENED


def test_acknowledged_before_the_first_message_is_still_told() -> None:
    """An acknowledgement holds repeats and escalation only."""
    assert isinstance(decide(changed(NEW, state=State.ACKNOWLEDGED), ROUTE, NOW), Notify)


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
    assert isinstance(verdict, Notify) == told
    if not told:
        assert verdict == Hold(held_by=HeldBy.BELOW_THRESHOLD, wake=True)


def test_notify_after_holds_only_the_first_message() -> None:
    """What has been told is told of again, however few events there are now."""
    route = replace(ROUTE, notify_after=Threshold(events=3, within=MINUTE))
    assert isinstance(decide(changed(TOLD, state=State.RESOLVED, recent=0), route, NOW), Notify)


def test_a_resolution_is_told_once() -> None:
    """And nothing is due afterwards."""
    over = changed(TOLD, state=State.RESOLVED, count=9)
    assert decide(over, ROUTE, NOW) == Notify(reason=Reason.RESOLVED, repeat_at=None, suppressed=4)
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
    assert isinstance(verdict, Notify)
    assert verdict.reason is Reason.REOPENED


@pytest.mark.parametrize("state", [State.OPEN, State.ACKNOWLEDGED])
def test_a_raised_severity_is_told_acknowledged_or_not(state: State) -> None:
    """A lower one than told is not."""
    raised = changed(TOLD, severity=Severity.CRITICAL, state=state)
    verdict = decide(raised, ROUTE, NOW)
    assert isinstance(verdict, Notify)
    assert verdict.reason is Reason.SEVERITY_RAISED
    lower = changed(TOLD, told_severity=Severity.CRITICAL, state=state, told_state=state)
    assert isinstance(decide(lower, ROUTE, NOW), Settled)


@pytest.mark.parametrize(
    ("values", "resolve_after", "wait"),
    [
        ({"reopened": True, "opened_at": NOW - HOUR}, None, ROUTE.group_interval),
        ({"reopened": True, "opened_at": NOW - HOUR - 1}, None, None),
        ({"reopened": False, "opened_at": NOW - HOUR}, None, None),
        ({"reopened": False, "opened_at": NOW - HOUR}, 2 * MINUTE, 2 * MINUTE),
        ({"reopened": True, "opened_at": NOW - HOUR, "by_hand": True}, 2 * MINUTE, None),
    ],
)
def test_when_an_all_clear_waits(values: dict[str, Any], resolve_after: int | None, wait: int | None) -> None:
    """As the route says, else when the problem came back within the hour; what a person resolved is over."""
    over = changed(TOLD, state=State.RESOLVED, resolved_at=NOW, **values)
    route = replace(ROUTE, resolve_after=resolve_after)
    until = None if wait is None else NOW + wait
    assert all_clear_at(over, route) == until
    if until is None:
        assert isinstance(decide(over, route, NOW), Notify)
        return
    assert decide(over, route, until - 1) == Wait(until=until)
    assert isinstance(decide(over, route, until), Notify)
    # Another incident of the problem has opened meanwhile: there is nothing left to wait for.
    assert isinstance(decide(replace(over, returned=True), route, until - 1), Notify)


def test_a_raise_of_what_somebody_has_is_not_repeated() -> None:
    """Repeats are for what is open."""
    raised = changed(TOLD, severity=Severity.CRITICAL)
    for state, repeat_at in ((State.OPEN, NOW + ROUTE.repeat_interval), (State.ACKNOWLEDGED, None)):
        verdict = decide(replace(raised, state=state), ROUTE, NOW)
        assert isinstance(verdict, Notify)
        assert verdict.repeat_at == repeat_at


def test_a_resolution_comes_before_a_raise() -> None:
    """Raised and resolved since the last message: it is over."""
    verdict = decide(changed(TOLD, severity=Severity.CRITICAL, state=State.RESOLVED), ROUTE, NOW)
    assert isinstance(verdict, Notify)
    assert verdict.reason is Reason.RESOLVED


def test_a_repeat_needs_the_interval_and_new_events() -> None:
    """Not a millisecond early; and at the moment, only if something has happened."""
    due = NOW - HOUR + 4 * HOUR
    busy = changed(TOLD, count=17)
    assert decide(busy, ROUTE, due - 1) == Settled(state=State.OPEN, repeat_at=due)
    assert decide(busy, ROUTE, due) == Notify(reason=Reason.REPEATED, repeat_at=due + 4 * HOUR, suppressed=12)
    assert decide(TOLD, ROUTE, due) == Hold(held_by=HeldBy.WAITING, wake=True)


def test_an_acknowledgement_holds_repeats() -> None:
    """And leaves no repeat due: a moment that has passed would bring the group back for ever."""
    acknowledged = changed(TOLD, state=State.ACKNOWLEDGED, told_state=State.ACKNOWLEDGED, count=99)
    verdict = decide(acknowledged, ROUTE, NOW + 9 * HOUR)
    assert verdict == Settled(state=State.ACKNOWLEDGED, repeat_at=None)


def test_after_an_acknowledgement_ends_repeats_go_on() -> None:
    """Open again before the interval has passed: the repeat is due when it always was."""
    assert decide(changed(TOLD, count=99), ROUTE, NOW) == Settled(state=State.OPEN, repeat_at=NOW + 3 * HOUR)


ACKNOWLEDGED = changed(TOLD, state=State.ACKNOWLEDGED, told_state=State.ACKNOWLEDGED)


def test_an_acknowledgement_is_told_once() -> None:
    """With nothing to repeat; then it is settled."""
    verdict = decide(changed(TOLD, state=State.ACKNOWLEDGED), ROUTE, NOW)
    assert verdict == Notify(reason=Reason.ACKNOWLEDGED, repeat_at=None, suppressed=0)
    assert decide(ACKNOWLEDGED, ROUTE, NOW) == Settled(state=State.ACKNOWLEDGED, repeat_at=None)


def test_who_takes_an_acknowledgement_back_is_heard_and_one_that_ran_out_is_not() -> None:
    """A person has reopened it since it was told; an `until` only lets the repeats go on."""
    again = changed(ACKNOWLEDGED, state=State.OPEN)
    assert decide(again, ROUTE, NOW) == Settled(state=State.OPEN, repeat_at=NOW + 3 * HOUR)
    verdict = decide(changed(again, reopened_at=NOW - MINUTE), ROUTE, NOW)
    assert isinstance(verdict, Notify)
    assert verdict.reason is Reason.REOPENED
    assert not verdict.anew


def test_what_was_over_escalates_anew() -> None:
    """Reopened after its resolution was told: its steps begin again."""
    verdict = decide(changed(TOLD, told_state=State.RESOLVED), ROUTE, NOW)
    assert isinstance(verdict, Notify)
    assert verdict.anew


# What mutes

SILENCE = Mute(held_by=HeldBy.SILENCED, until=NOW + HOUR, ref="s1")
INHIBITED = Mute(held_by=HeldBy.INHIBITED, until=None, ref="i9")
SNOOZE = Mute(held_by=HeldBy.SNOOZED, until=NOW + HOUR)


def test_a_mute_holds_what_would_be_told_until_it_ends() -> None:
    """And is asked again after group_interval where nobody knows its end."""
    held = Hold(held_by=HeldBy.SILENCED, wake=False, until=NOW + HOUR, ref="s1")
    assert decide(NEW, ROUTE, NOW, mute=SILENCE) == held
    raised = changed(TOLD, severity=Severity.CRITICAL)
    assert decide(raised, ROUTE, NOW, mute=SILENCE) == held
    inhibited = Hold(held_by=HeldBy.INHIBITED, wake=False, until=NOW + 5 * MINUTE, ref="i9")
    assert decide(NEW, ROUTE, NOW, mute=INHIBITED) == inhibited


def test_a_mute_holds_no_resolution() -> None:
    """Whoever heard of it hears that it is over; who never did, never does."""
    over = decide(changed(TOLD, state=State.RESOLVED, held_by=HeldBy.SILENCED), ROUTE, NOW, mute=SILENCE)
    assert isinstance(over, Notify)
    assert over.reason is Reason.RESOLVED
    never = changed(NEW, state=State.RESOLVED, held_by=HeldBy.SILENCED)
    assert decide(never, ROUTE, NOW) == Hold(held_by=HeldBy.SILENCED, wake=False)


def test_what_has_nothing_to_tell_is_not_held_unless_it_is_snoozed() -> None:
    """A silence counts only what it suppresses; a snooze is a promise to come back."""
    assert isinstance(decide(TOLD, ROUTE, NOW, mute=SILENCE), Settled)
    assert decide(TOLD, ROUTE, NOW, mute=SNOOZE) == Hold(held_by=HeldBy.SNOOZED, wake=False, until=NOW + HOUR)
    assert not is_mutable(TOLD, decide(TOLD, ROUTE, NOW))
    assert is_mutable(NEW, decide(NEW, ROUTE, NOW))


@pytest.mark.parametrize("held_by", [HeldBy.SILENCED, HeldBy.SNOOZED, HeldBy.INHIBITED, HeldBy.MUTE_TIME])
def test_what_was_held_and_is_open_is_told_as_unmuted(held_by: HeldBy) -> None:
    """Told before or not, with news or without."""
    for member in (NEW, TOLD, changed(TOLD, count=9, severity=Severity.CRITICAL)):
        verdict = decide(changed(member, held_by=held_by), ROUTE, NOW)
        assert isinstance(verdict, Notify)
        assert verdict.reason is Reason.UNMUTED
        assert verdict.repeat_at == NOW + 4 * HOUR


def test_unmuted_waits_for_the_groups_interval() -> None:
    """Its group has just told; what is critical for the first time does not wait."""
    held = changed(NEW, held_by=HeldBy.SILENCED)
    verdict = decide(held, ROUTE, NOW, last_told_at=NOW - MINUTE)
    assert verdict == Wait(until=NOW + 4 * MINUTE)
    assert is_mutable(held, verdict)
    critical = changed(held, severity=Severity.CRITICAL)
    assert isinstance(decide(critical, ROUTE, NOW, last_told_at=NOW - MINUTE), Notify)


def test_who_has_acknowledged_needs_no_reminder_when_a_mute_ends() -> None:
    """It is settled, or the acknowledgement itself is told; one that nobody has heard of is told."""
    held = changed(ACKNOWLEDGED, held_by=HeldBy.SNOOZED)
    assert decide(held, ROUTE, NOW) == Settled(state=State.ACKNOWLEDGED, repeat_at=None)
    untold = decide(changed(held, told_state=State.OPEN), ROUTE, NOW)
    assert isinstance(untold, Notify)
    assert untold.reason is Reason.ACKNOWLEDGED
    new = decide(changed(NEW, state=State.ACKNOWLEDGED, held_by=HeldBy.SILENCED), ROUTE, NOW)
    assert new == Notify(reason=Reason.UNMUTED, repeat_at=None, suppressed=4)


# Escalation

STEPS = (Step(after=15 * MINUTE, channels=("audit",)), Step(after=HOUR, channels=("boss",)))
ESCALATING = replace(ROUTE, escalate=STEPS)
LATE = changed(TOLD, first_told_at=NOW - 15 * MINUTE)


def test_a_step_fires_once_when_it_is_due() -> None:
    """`after` since it was first told, not a millisecond early, and then the next."""
    since = NOW - 15 * MINUTE
    assert escalate(LATE, ESCALATING, NOW, None) == Escalate(
        step=0, next_at=NOW + 45 * MINUTE, counts_from=since
    )
    assert escalate(LATE, ESCALATING, NOW - 1, None) == Wait(until=NOW)
    second = changed(LATE, escalated=1)
    assert escalate(second, ESCALATING, NOW + 45 * MINUTE, None) == Escalate(
        step=1, next_at=None, counts_from=since
    )
    assert escalate(changed(LATE, escalated=2), ESCALATING, NOW + DAY, None) is None


def test_steps_that_were_held_keep_their_distance() -> None:
    """All are overdue when a mute or the hold ends: the first is told, and the next as long after it as ever."""
    ended = NOW + 6 * HOUR
    first = escalate(LATE, ESCALATING, ended, None)
    assert first == Escalate(step=0, next_at=ended + 45 * MINUTE, counts_from=ended - 15 * MINUTE)
    then = changed(LATE, escalated=1, first_told_at=first.counts_from)
    assert escalate(then, ESCALATING, ended + MINUTE, None) == Wait(until=ended + 45 * MINUTE)


@pytest.mark.parametrize("state", [State.ACKNOWLEDGED, State.RESOLVED])
def test_escalation_stops_with_the_state(state: State) -> None:
    """Acknowledged or over: nobody else is asked."""
    assert escalate(changed(LATE, state=state), ESCALATING, NOW + DAY, None) is None


def test_what_mutes_postpones_an_escalation() -> None:
    """Until it ends, where that is known; and it says what does, which may end early."""
    assert escalate(LATE, ESCALATING, NOW, SILENCE) == Wait(until=NOW + HOUR, ref=SILENCE.ref)
    assert escalate(LATE, ESCALATING, NOW, INHIBITED) == Wait(until=NOW + 5 * MINUTE, ref=INHIBITED.ref)


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
    fallback_failed = changed(NEW, severity=Severity.CRITICAL, state=State.RESOLVED)
    for member in (told, fallback_failed):
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


# notify_from


def test_a_group_that_has_just_told_keeps_what_is_not_urgent() -> None:
    """A repeat, what is newly critical and what a person did is told at once, and brings along what waits."""
    tell = Notify(reason=Reason.SEVERITY_RAISED, repeat_at=None, suppressed=0)
    waits = (changed(LATE, severity=Severity.ERROR), tell)
    repeat = (LATE, replace(tell, reason=Reason.REPEATED))
    critical = (changed(LATE, severity=Severity.CRITICAL), tell)
    taken = (changed(LATE, state=State.ACKNOWLEDGED), replace(tell, reason=Reason.ACKNOWLEDGED))
    over = changed(LATE, state=State.RESOLVED)
    resolved = replace(tell, reason=Reason.RESOLVED)
    until = NOW + ESCALATING.group_interval
    for pairs in ([waits], [(over, resolved)]):
        assert notify_from(pairs, ESCALATING, until - 1, NOW) == until
        assert notify_from(pairs, ESCALATING, until, NOW) is None
        assert notify_from(pairs, ESCALATING, NOW, None) is None
    back = (changed(LATE, told_state=State.ACKNOWLEDGED, severity=Severity.ERROR, reopened_at=NOW), tell)
    for urgent in (repeat, critical, taken, back, (changed(over, by_hand=True), resolved)):
        assert notify_from([waits, urgent], ESCALATING, NOW + 1, NOW) is None
