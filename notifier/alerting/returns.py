"""Resolutions of problems that recur."""

from __future__ import annotations

from collections.abc import Sequence

from notifier.alerting.member import JudgedMember
from notifier.domain.route import Route
from notifier.domain.state import State
from notifier.domain.time import Instant
from notifier.domain.value import replace
from notifier.policy import notifying
from notifier.policy.notifying import Notify, Wait


def adjust_recurred(decided: Sequence[JudgedMember], route: Route, now: Instant) -> list[JudgedMember]:
    """Adjust the verdicts on resolved incidents whose identity has recurred.

    If the identity is open again, its pending resolution is notified together with the reopening. If the
    later incidents are resolved as well without having been notified about, the resolution is that of the
    latest one and mentions the flapping.
    """
    returned = {
        member.identity
        for member in decided
        if isinstance(member.verdict, Notify) and member.member.state is not State.RESOLVED
    }
    last = _last_untold(decided)
    again = []
    for member in decided:
        over = member.member.state is State.RESOLVED
        newest = last.get(member.identity)
        if over and member.identity in returned:
            verdict = notifying.decide(replace(member.member, returned=True), route, now)
            again.append(replace(member, verdict=verdict))
        elif over and newest is not None and isinstance(member.verdict, Notify):
            again.append(_ended_with(member, newest, route, now))
        else:
            again.append(member)
    waits = {member.identity: member.verdict for member in again if isinstance(member.verdict, Wait)}
    return [
        replace(member, verdict=waits[member.identity])
        if last.get(member.identity) is member and member.identity in waits
        else member
        for member in again
    ]


def _last_untold(decided: Sequence[JudgedMember]) -> dict[tuple[str, str], JudgedMember]:
    """The latest incident of each identity that recurred and was resolved before it was notified about."""
    untold = (
        member
        for member in decided
        if member.member.returns and member.member.state is State.RESOLVED and member.member.told_at is None
    )
    return {member.identity: member for member in sorted(untold, key=lambda member: member.member.incident)}


def _ended_with(member: JudgedMember, newest: JudgedMember, route: Route, now: Instant) -> JudgedMember:
    """The verdict on a notified incident whose identity recurred and was resolved: that of `newest`."""
    end = newest.member
    if member.member.incident > end.incident:
        return member
    ended = replace(
        member.member,
        reopened=True,
        opened_at=end.opened_at,
        resolved_at=end.resolved_at,
        by_hand=end.by_hand,
    )
    row = replace(member.row, returns=newest.row.returns, returning_since=newest.row.returning_since)
    return replace(member, verdict=notifying.decide(ended, route, now), row=row)
