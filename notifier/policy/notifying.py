"""Notifying: whether, when and why a group notifies about each member (RULES.md#timing, RULES.md#held)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from notifier.domain.message import leading
from notifier.domain.notification import HeldBy, Reason
from notifier.domain.route import Route
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.domain.time import HOUR, MINUTE, Instant
from notifier.domain.value import Value, replace
from notifier.policy.muting import MUTES, Mute


class Member(Value, frozen=True, kw_only=True):
    """The current state of an incident, and what one group has notified about it.

    `recent` is its event count within the route's `notify_after` window, if the route has one. `last_seen` also
    advances when an alert is posted again, which is no further event. `reopened_at` and `acknowledged_at` are the
    last such acts of a person; `by_hand` means that a person resolved it. `escalated` counts escalation steps since
    `first_told_at`. `decided` is the last decision, `decided_at` the start of a run of equal decisions. `critical_at`
    is when its identity was last notified as critical, `returns` how often the identity came back recently.
    `returned` means that it came back as another incident.
    """

    incident: int
    state: State
    severity: Severity
    count: int
    reopened: bool
    told_state: State | None = None
    told_severity: Severity | None = None
    told_count: int = 0
    first_told_at: Instant | None = None
    told_at: Instant | None = None
    held_by: HeldBy | None = None
    hold_ref: str | None = None
    reopened_at: Instant | None = None
    acknowledged_at: Instant | None = None
    by_hand: bool = False
    escalated: int = 0
    decided: str | None = None
    decided_at: Instant | None = None
    recent: int = 0
    last_seen: Instant = 0
    opened_at: Instant = 0
    resolved_at: Instant | None = None
    critical_at: Instant | None = None
    returns: int = 0
    returned: bool = False


class Notify(Value, frozen=True, kw_only=True):
    """Notify now. `repeat_at` is when a repeat is due, or None for no repeat.

    `anew` restarts the escalation of a reopened incident.
    """

    reason: Reason
    repeat_at: Instant | None
    suppressed: int
    anew: bool = False


class Hold(Value, frozen=True, kw_only=True):
    """Do not notify, for a named reason.

    The group decides again at the incident's next event if `wake` is set, and at `until`.
    """

    held_by: HeldBy
    wake: bool
    until: Instant | None = None
    ref: str | None = None


class Wait(Value, frozen=True, kw_only=True):
    """Notify later: the group has notified recently, and decides again at `until`.

    For an escalation step, something postpones it until then; `ref` names what does, if it can end earlier.
    """

    until: Instant
    ref: str | None = None


class Settled(Value, frozen=True, kw_only=True):
    """The member's state needs no notification: it was sent, or the route does not send it (`send_resolved: false`).

    `repeat_at` is when a repeat is due, or None if the incident is acknowledged or resolved.
    """

    state: State
    repeat_at: Instant | None


Verdict = Notify | Hold | Wait | Settled


def decide(
    member: Member,
    route: Route,
    now: Instant,
    *,
    mute: Mute | None = None,
    last_told_at: Instant | None = None,
) -> Verdict:
    """The verdict on one member, given the mute that holds it and the time of its group's last notification.

    Incidents of severity `none`, and those at a route without channels, are held. If people were notified about the
    incident before, they are still notified about its acknowledgement and resolution.
    """
    if member.severity is Severity.NONE and member.told_at is None:
        return Hold(held_by=HeldBy.SEVERITY, wake=False)
    if not route.channels and member.told_at is None:
        return Hold(held_by=HeldBy.ROUTE, wake=False)
    verdict = _decide(member, route, now, mute, last_told_at)
    concerns_all = member.state is State.RESOLVED or is_newly_acknowledged(member)
    if route.channels or concerns_all or not isinstance(verdict, Notify | Wait):
        return verdict
    return Hold(held_by=HeldBy.ROUTE, wake=False)


def _decide(
    member: Member, route: Route, now: Instant, mute: Mute | None, last_told_at: Instant | None
) -> Verdict:
    if member.state is State.RESOLVED:
        return _resolved(member, route, now)
    if mute is not None and mute.held_by is HeldBy.SNOOZED:
        # The end of a snooze is always notified, even if nothing has changed.
        return Hold(held_by=HeldBy.SNOOZED, wake=False, until=mute.until)
    verdict = _first(member, route, now) if member.told_at is None else _changed(member, route, now)
    released = member.held_by in MUTES
    if mute is not None:
        if not released and not isinstance(verdict, Notify):
            return verdict
        until = _reevaluate_at(mute, route, now)
        return Hold(held_by=mute.held_by, wake=False, until=until, ref=mute.ref)
    if not released or (member.told_at is not None and member.state is not State.OPEN):
        return verdict
    return _unmuted(member, route, now, last_told_at)


def is_mutable(member: Member, verdict: Verdict) -> bool:
    """Whether a mute would change the verdict: a member that is neither held nor notified about needs no lookup."""
    return member.state is not State.RESOLVED and (
        isinstance(verdict, Notify | Wait) or member.held_by in MUTES
    )


def is_newly_acknowledged(member: Member) -> bool:
    """Whether there is an acknowledgement that has not been notified yet, of an incident that was."""
    if member.state is not State.ACKNOWLEDGED or member.told_at is None:
        return False
    return member.told_state is not State.ACKNOWLEDGED or (member.acknowledged_at or 0) > member.told_at


def _reevaluate_at(mute: Mute, route: Route, now: Instant) -> Instant:
    """When a mute ends, or when to check again if its end is unknown."""
    return now + max(route.group_interval, MINUTE) if mute.until is None else mute.until


def _unmuted(member: Member, route: Route, now: Instant, last_told_at: Instant | None) -> Verdict:
    earliest = now if last_told_at is None else last_told_at + route.group_interval
    if now < earliest and not _newly_critical(member, route, now):
        return Wait(until=earliest)
    notify = _notify(member, Reason.UNMUTED, now + route.repeat_interval)
    if member.state is not State.OPEN:
        notify = replace(notify, repeat_at=None)
    return replace(notify, anew=member.told_state is State.RESOLVED)


def _resolved(member: Member, route: Route, now: Instant) -> Verdict:
    if member.told_at is None:
        return Hold(held_by=member.held_by or HeldBy.WAITING, wake=False)
    if member.told_state is State.RESOLVED or not route.send_resolved:
        return Settled(state=State.RESOLVED, repeat_at=None)
    waits_until = all_clear_at(member, route)
    if waits_until is not None and now < waits_until and not member.returned:
        return Wait(until=waits_until)
    return _notify(member, Reason.RESOLVED, None)


def all_clear_at(member: Member, route: Route) -> Instant | None:
    """When the resolution is sent if the identity does not recur until then; None to send it like any other change.

    The delay is `resolve_after`. If that is not set, only an incident that recurred within the last hour is delayed,
    by `group_interval`. A resolution by a person is never delayed.
    """
    if member.by_hand or member.resolved_at is None:
        return None
    if route.resolve_after is not None:
        return member.resolved_at + route.resolve_after
    came_back_lately = member.reopened and member.resolved_at - member.opened_at <= HOUR
    return member.resolved_at + route.group_interval if came_back_lately else None


def _changed(member: Member, route: Route, now: Instant) -> Verdict:
    """The verdict on an unresolved member that was notified about before."""
    repeat_at = now + route.repeat_interval if member.state is State.OPEN else None
    if member.told_state is State.RESOLVED:
        return replace(_notify(member, Reason.REOPENED, repeat_at), anew=True)
    if member.told_severity is not None and member.severity.rank > member.told_severity.rank:
        return _notify(member, Reason.SEVERITY_RAISED, repeat_at)
    told_at = member.told_at or now
    if member.state is State.ACKNOWLEDGED:
        if is_newly_acknowledged(member):
            return _notify(member, Reason.ACKNOWLEDGED, None)
        return Settled(state=State.ACKNOWLEDGED, repeat_at=None)
    if member.told_state is State.ACKNOWLEDGED and _reopened_since(member, told_at):
        return _notify(member, Reason.REOPENED, repeat_at)
    return _repeat(member, route, now, told_at + route.repeat_interval)


def _repeat(member: Member, route: Route, now: Instant, due_at: Instant) -> Verdict:
    if now < due_at:
        return Settled(state=State.OPEN, repeat_at=due_at)
    if member.count > member.told_count or member.last_seen > (member.told_at or 0):
        return _notify(member, Reason.REPEATED, now + route.repeat_interval)
    return Hold(held_by=HeldBy.WAITING, wake=True)


def _first(member: Member, route: Route, now: Instant) -> Verdict:
    if route.notify_after is not None and member.recent < route.notify_after.events:
        return Hold(held_by=HeldBy.BELOW_THRESHOLD, wake=True)
    repeat_at = now + route.repeat_interval if member.state is State.OPEN else None
    return _notify(member, Reason.REOPENED if member.reopened else Reason.OPENED, repeat_at)


def _notify(member: Member, reason: Reason, repeat_at: Instant | None) -> Notify:
    told_one = 1 if member.told_at is None else 0
    return Notify(
        reason=reason, repeat_at=repeat_at, suppressed=max(0, member.count - member.told_count - told_one)
    )


def change_due(member: Member, route: Route, *, changed_at: Instant, last_told_at: Instant | None) -> Instant:
    """When a change of `member` makes its group due."""
    waited = changed_at + route.group_wait
    if member.state is State.RESOLVED and member.told_at is not None:
        all_clear = all_clear_at(member, route)
        waited = waited if all_clear is None else all_clear
    if last_told_at is None or _newly_critical(member, route, changed_at):
        return waited
    spaced = max(waited, last_told_at + route.group_interval)
    if not _only_repeats(member):
        return spaced
    told_at = member.told_at or last_told_at
    repeats = max(
        changed_at,
        told_at + route.repeat_interval,
        last_told_at + min(route.group_interval, route.repeat_interval),
    )
    # The change may have ended what postpones an escalation step.
    return repeats if member.hold_ref is None else min(repeats, spaced)


def _newly_critical(member: Member, route: Route, now: Instant) -> bool:
    """Whether the member is newly critical, and its identity was not notified as critical within `group_interval`."""
    if member.severity is not Severity.CRITICAL or member.state is State.RESOLVED:
        return False
    if member.told_severity is Severity.CRITICAL:
        return False
    return member.critical_at is None or now >= member.critical_at + route.group_interval


def _only_repeats(member: Member) -> bool:
    return (
        member.told_state is State.OPEN
        and member.state is State.OPEN
        and member.severity is member.told_severity
        and member.held_by not in MUTES
    )


def notify_from(
    decided: Sequence[tuple[Member, Verdict]], route: Route, now: Instant, last_told_at: Instant | None
) -> Instant | None:
    """Until when a group that has notified recently must wait, or None if it may notify now.

    An urgent verdict lets the group notify at once, including about everything else that waits.
    """
    if last_told_at is None or now >= last_told_at + route.group_interval:
        return None
    urgent = (
        isinstance(verdict, Notify) and _is_urgent(member, verdict, route, now) for member, verdict in decided
    )
    if any(urgent):
        return None
    return last_told_at + route.group_interval


def _is_urgent(member: Member, notify: Notify, route: Route, now: Instant) -> bool:
    """Whether the verdict is a repeat, is newly critical, or follows from an act of a person."""
    if notify.reason is Reason.REPEATED or _newly_critical(member, route, now):
        return True
    return is_manual(member) and (notify.reason is not Reason.UNMUTED or member.state is State.ACKNOWLEDGED)


def is_manual(member: Member) -> bool:
    """Whether a person caused the change since the last notification."""
    if member.state is State.ACKNOWLEDGED:
        return member.told_at is None or is_newly_acknowledged(member)
    if member.state is State.RESOLVED:
        return member.by_hand
    return _reopened_since(member, member.told_at or 0) and member.told_state is not State.OPEN


def _reopened_since(member: Member, told_at: Instant) -> bool:
    """Whether a person has reopened it after `told_at` and after its last acknowledgement."""
    return (member.reopened_at or 0) > max(told_at, member.acknowledged_at or 0)


def group_reason(reasons: Sequence[Reason]) -> Reason | None:
    """The reason of the group: the first in the order of precedence that any member has, or None."""
    return leading(set(reasons))


_LATE = MINUTE
"""A step later than this was held, rather than delayed by a busy machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalate:
    """Notify the channels of this step, counted from 0. `next_at` is when the next one is due, or None.

    Later steps count from `counts_from`: after a long hold they keep their distance, instead of all being sent at
    once.
    """

    step: int
    next_at: Instant | None
    counts_from: Instant


def step_due(route: Route, state: State, first_told_at: Instant | None, escalated: int) -> Instant | None:
    """When a member's next escalation step is due, or None if there is none or the incident is not open."""
    if state is not State.OPEN or first_told_at is None or escalated >= len(route.escalate):
        return None
    return first_told_at + route.escalate[escalated].after


def next_step(member: Member, route: Route) -> Instant | None:
    """When a member that is not notified about now is escalated, or None."""
    if member.told_at is None or member.told_state is State.RESOLVED:
        return None
    return step_due(route, member.state, member.first_told_at, member.escalated)


def escalate(
    member: Member, route: Route, now: Instant, mute: Mute | None, *, hold: str | None = None
) -> Escalate | Wait | None:
    """The verdict on a member whose escalation was due, or None if no step is due. `hold` names a hold in force."""
    due_at = step_due(route, member.state, member.first_told_at, member.escalated)
    if due_at is None:
        return None
    if hold is not None:
        return Wait(until=now + HOUR, ref=hold)
    if mute is not None:
        return Wait(until=_reevaluate_at(mute, route, now), ref=mute.ref)
    if due_at > now:
        return Wait(until=due_at)
    step, late = member.escalated, now - due_at
    counts_from = (member.first_told_at or 0) + (late if late > _LATE else 0)
    return Escalate(
        step=step, next_at=step_due(route, member.state, counts_from, step + 1), counts_from=counts_from
    )
