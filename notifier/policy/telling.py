"""Whether, when and why a group tells: by comparing what is with what has been told (DESIGN 5, Timing)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from notifier.domain.event import Severity
from notifier.domain.incident import State
from notifier.domain.message import leading
from notifier.domain.notification import HeldBy, Reason
from notifier.domain.route import Route
from notifier.domain.time import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One incident as it is, and what has been told about it in one group.

    `recent` is its exact count inside the route's `notify_after` window, where it has one.
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
    recent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """Tell about it now. `repeat_at` is when a repeat is due, None where there is nothing to repeat."""

    reason: Reason
    repeat_at: Instant | None
    suppressed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Do not tell, for a named reason. `wake`: its next event must bring it back."""

    held_by: HeldBy
    wake: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What is has been told, or is by the route's wish not told (`send_resolved: false`).

    `repeat_at` is when a repeat is due; None: what is acknowledged or over is not repeated.
    """

    state: State
    repeat_at: Instant | None


Verdict = Tell | Hold | Settled


def decide(member: Member, route: Route, now: Instant) -> Verdict:
    """What to do about one member at a flush of its group."""
    if member.told_at is None or member.first_told_at is None:
        return _first(member, route, now)
    if member.state is State.RESOLVED:
        if member.told_state is State.RESOLVED or not route.send_resolved:
            return Settled(state=State.RESOLVED, repeat_at=None)
        return _tell(member, Reason.RESOLVED, None)
    if member.told_state is State.RESOLVED:
        return _tell(member, Reason.REOPENED, now + route.repeat_interval)
    if member.told_severity is not None and member.severity.rank > member.told_severity.rank:
        return _tell(member, Reason.SEVERITY_RAISED, now + route.repeat_interval)
    return _repeat(member, route, now, member.told_at + route.repeat_interval)


def _repeat(member: Member, route: Route, now: Instant, due_at: Instant) -> Verdict:
    if member.state is not State.OPEN:
        return Settled(state=member.state, repeat_at=None)
    if now < due_at:
        return Settled(state=State.OPEN, repeat_at=due_at)
    if member.count > member.told_count:
        return _tell(member, Reason.REPEATED, now + route.repeat_interval)
    return Hold(held_by=HeldBy.WAITING, wake=True)


def _first(member: Member, route: Route, now: Instant) -> Verdict:
    if member.state is State.RESOLVED:
        return Hold(held_by=member.held_by or HeldBy.WAITING, wake=False)
    if route.notify_after is not None and member.recent < route.notify_after.events:
        return Hold(held_by=HeldBy.BELOW_THRESHOLD, wake=True)
    return _tell(member, Reason.REOPENED if member.reopened else Reason.OPENED, now + route.repeat_interval)


def _tell(member: Member, reason: Reason, repeat_at: Instant | None) -> Tell:
    told_one = 1 if member.told_at is None else 0
    return Tell(
        reason=reason, repeat_at=repeat_at, suppressed=max(0, member.count - member.told_count - told_one)
    )


def change_due(member: Member, route: Route, *, changed_at: Instant, last_told_at: Instant | None) -> Instant:
    """When a change of `member` makes its group due."""
    newly_critical = (
        member.severity is Severity.CRITICAL
        and member.state is not State.RESOLVED
        and member.told_severity is not Severity.CRITICAL
    )
    waited = changed_at + route.group_wait
    if last_told_at is None or newly_critical:
        return waited
    if _only_repeats(member):
        told_at = member.told_at or last_told_at
        return max(
            changed_at,
            told_at + route.repeat_interval,
            last_told_at + min(route.group_interval, route.repeat_interval),
        )
    return max(waited, last_told_at + route.group_interval)


def _only_repeats(member: Member) -> bool:
    return (
        member.told_state is State.OPEN
        and member.state is State.OPEN
        and member.severity is member.told_severity
    )


def group_reason(reasons: Sequence[Reason]) -> Reason | None:
    """The group's own reason: the first in the order of precedence that any member has; None: nothing to tell."""
    return leading(set(reasons))
