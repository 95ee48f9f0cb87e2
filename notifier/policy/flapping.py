"""Flapping: what a recurring problem's next incident inherits, and when a message mentions flapping."""

from __future__ import annotations

from notifier.domain.message import Flapping
from notifier.domain.route import Route
from notifier.domain.state import State
from notifier.domain.time import HOUR, Duration, Instant
from notifier.domain.value import Value
from notifier.policy.notifying import Member

RETURNS_TO_FLAP = 2
"""The number of returns from which on a problem is called flapping."""


class Carried(Value, frozen=True, kw_only=True):
    """The values that a member inherits from the member of its identity's previous incident in the same group.

    `returns` counts how often the identity has come back since `since`. `critical_at` is when people were last
    notified about it as critical. `first_told_at` and `escalated` are inherited if the thread is.
    """

    returns: int = 0
    since: Instant | None = None
    critical_at: Instant | None = None
    first_told_at: Instant | None = None
    escalated: int = 0


class Previous(Value, frozen=True, kw_only=True):
    """The member of the previous incident: what it carries, and when that incident opened and was resolved."""

    carried: Carried
    opened_at: Instant
    resolved_at: Instant | None


def thread_kept(route: Route) -> Duration:
    """How long after the end of an incident its identity continues in the same thread if it recurs."""
    return max(HOUR, 4 * route.group_interval)


def carry(previous: Previous, route: Route, opened_at: Instant, *, same_thread: bool) -> Carried:
    """The values that the next incident of an identity starts with.

    `same_thread` means that it continues the thread.
    """
    before = previous.carried
    if previous.resolved_at is None or opened_at - previous.resolved_at > thread_kept(route):
        return Carried(critical_at=before.critical_at)
    since = previous.opened_at if before.since is None else before.since
    return Carried(
        returns=before.returns + 1,
        since=since,
        critical_at=before.critical_at,
        first_told_at=before.first_told_at if same_thread else None,
        escalated=before.escalated if same_thread else 0,
    )


def describe(returns: int, since: Instant | None) -> Flapping | None:
    """The flapping that a message mentions, or None if the identity has returned fewer than two times."""
    if since is None or returns < RETURNS_TO_FLAP:
        return None
    return Flapping(times=returns + 1, since=since)


def continues(member: Member, route: Route) -> bool:
    """Whether a member continues the thread in which its identity's resolution was sent."""
    if member.returns:
        return True
    reopened_at, ended_at = member.reopened_at, member.told_at
    if member.state is State.RESOLVED or member.told_state is not State.RESOLVED:
        return False
    return reopened_at is not None and ended_at is not None and reopened_at - ended_at <= thread_kept(route)
