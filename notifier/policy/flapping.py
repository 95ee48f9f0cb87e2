"""An identity that goes and comes back: what its next incident carries on, and how long its all-clear waits."""

from __future__ import annotations

from notifier.domain.message import Flapping
from notifier.domain.route import Route
from notifier.domain.state import State
from notifier.domain.time import HOUR, Duration, Instant
from notifier.domain.value import Value
from notifier.policy.notifying import Member

RETURNS_TO_FLAP = 2
"""From the second return on, a problem is called flapping."""


class Carried(Value, frozen=True, kw_only=True):
    """The values that a member takes over from the member of the identity's previous incident, in the same group.

    `returns` counts how often the identity has come back in this run, which began at `since`. `critical_at` is when
    it was last told of at critical. `first_told_at` and `escalated` go on where the thread does.
    """

    returns: int = 0
    since: Instant | None = None
    critical_at: Instant | None = None
    first_told_at: Instant | None = None
    escalated: int = 0


class Previous(Value, frozen=True, kw_only=True):
    """The member of the incident before: what it carries, and when that incident opened and ended."""

    carried: Carried
    opened_at: Instant
    resolved_at: Instant | None


def thread_kept(route: Route) -> Duration:
    """The time after an incident's end within which its identity, come back, goes on in the same thread."""
    return max(HOUR, 4 * route.group_interval)


def carry(previous: Previous, route: Route, opened_at: Instant, *, same_thread: bool) -> Carried:
    """The values that the next incident of an identity starts with. `same_thread`: its group's thread would go on."""
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


def named(returns: int, since: Instant | None) -> Flapping | None:
    """The flapping that a message names: of an identity that has come back twice or more; None of any other."""
    if since is None or returns < RETURNS_TO_FLAP:
        return None
    return Flapping(times=returns + 1, since=since)


def continues(member: Member, route: Route) -> bool:
    """Whether a member that is told now belongs to the thread that has told of the identity's end."""
    if member.returns:
        return True
    reopened_at, ended_at = member.reopened_at, member.told_at
    if member.state is State.RESOLVED or member.told_state is not State.RESOLVED:
        return False
    return reopened_at is not None and ended_at is not None and reopened_at - ended_at <= thread_kept(route)
