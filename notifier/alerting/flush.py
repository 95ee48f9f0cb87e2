"""Groups due: decide for each, and write the notification, its deliveries and the next due time in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from notifier.alerting import rerouting
from notifier.alerting.compose import NotificationItem, compose, read_shown, shown_first
from notifier.alerting.episode import Episode, current_episode
from notifier.alerting.escalation import escalate
from notifier.alerting.member import member_of
from notifier.alerting.mutes import Mutes
from notifier.alerting.record import record
from notifier.domain.event import Severity
from notifier.domain.incident import State
from notifier.domain.message import Conversation, Origin
from notifier.domain.notification import Reason
from notifier.domain.route import Route
from notifier.domain.time import MINUTE, Instant
from notifier.policy import notifying
from notifier.policy.flapping import continues
from notifier.policy.notifying import Member, Notify, Verdict, Wait
from notifier.policy.routing import PER_INCIDENT
from notifier.policy.rules import AlertingRules
from notifier.store.compiled import each, execute, gathering, write_out
from notifier.store.database import Tx
from notifier.store.json_rows import encode_rows, encode_values
from notifier.store.notifications import announce, deliver
from notifier.store.silences import ActiveSilences
from notifier.store.statements.alerting import (
    changed_members,
    due_groups,
    escalating_groups,
    next_group,
    pass_on_critical,
    rearm,
    recent_counts,
    threads_of_episode,
)
from notifier.telemetry.loop import Progress

GROUPS_AT_ONCE = 50
MEMBERS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decided:
    """A member, the row that it was read from, and what was decided about it."""

    member: Member
    row: Any
    verdict: Verdict


def flush(tx: Tx, rules: AlertingRules, silences: ActiveSilences) -> Progress:
    """Decide for every group that is due: at most one notification each, and one for each step of escalation."""
    rows = execute(tx, due_groups, {"now": tx.now, "most": GROUPS_AT_ONCE}).all()
    orphaned = [row for row in rows if not rules.has_route(row.route)]
    if orphaned:
        # Where they go may be due as well, and is another row afterwards.
        for row in orphaned:
            rerouting.reroute(tx, rules, row)
        return Progress(done=len(orphaned), more=True)
    told, left = _flush(tx, rules, rows, Mutes(tx, rules, silences)) if rows else ((), False)
    more = len(rows) == GROUPS_AT_ONCE
    next_at = None if more else execute(tx, next_group, {}).scalar()
    # A step that what was just decided makes due comes right after it.
    more = more or (not left and next_at is not None and next_at <= tx.now)
    return Progress(done=len(rows), more=more, next_at=next_at, told=told)


def _flush(
    tx: Tx, rules: AlertingRules, rows: Sequence[sa.Row[Any]], mutes: Mutes
) -> tuple[tuple[tuple[str, Reason], ...], bool]:
    """Who was told why, and whether a group has more to be decided than was."""
    ids = encode_values(row.id for row in rows)
    escalating = set(execute(tx, escalating_groups, {"groups": ids, "now": tx.now}).scalars())
    changed = _changed(tx, rows)
    decided = [(row, _decide(tx, row, rules.route(row.route), mutes, changed[row.id])) for row in rows]
    numbers = {one.row.number for _, of_group in decided for one in shown_first(_items(of_group))}
    known = read_shown(tx, sorted(numbers)) if numbers else {}
    told: list[tuple[str, Reason]] = []
    rearmed: list[tuple[str, Instant | None, Instant | None]] = []
    with gathering(tx):
        for row, of_group in decided:
            group = _Group(row=row, route=rules.route(row.route), decided=of_group, known=known)
            reasons, again = _flush_group(tx, rules, mutes, group, escalates=row.id in escalating)
            told += ((row.id, reason) for reason in reasons)
            heard = any(reason is not Reason.ESCALATED for reason in reasons)
            rearmed.append((row.id, tx.now if again else None, tx.now if heard else None))
    each(tx, rearm, rearmed)
    return tuple(told), any(again is not None for _, again, _ in rearmed)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """A group that is due, its route, what was decided about its members, and those that are shown by number."""

    row: sa.Row[Any]
    route: Route
    decided: Sequence[_Decided]
    known: Mapping[int, Any]


def _changed(tx: Tx, rows: Sequence[sa.Row[Any]]) -> Mapping[str, Sequence[sa.Row[Any]]]:
    """The members of each group that have something to be decided; of a crowd those that fit into one message."""

    def read(groups: Iterable[str]) -> Sequence[sa.Row[Any]]:
        wanted = {"groups": encode_values(groups), "now": tx.now, "most": MEMBERS_AT_ONCE}
        return execute(tx, changed_members, wanted).all()

    found = read(row.id for row in rows)
    if len(found) == MEMBERS_AT_ONCE:
        return {row.id: read([row.id]) for row in rows}
    changed: dict[str, list[sa.Row[Any]]] = {row.id: [] for row in rows}
    for member in found:
        changed[member.group_id].append(member)
    return changed


def _flush_group(
    tx: Tx, rules: AlertingRules, mutes: Mutes, group: _Group, *, escalates: bool
) -> tuple[list[Reason], bool]:
    """Why it was told, and whether it is due again at once."""
    row, route, decided = group.row, group.route, group.decided
    told = [one for one in decided if isinstance(one.verdict, Notify)]
    reason = notifying.group_reason([one.verdict.reason for one in told if isinstance(one.verdict, Notify)])
    goes_on = route.group_by == PER_INCIDENT and any(continues(one.member, route) for one in told)
    episode = current_episode(tx, row, begins=reason is not None, goes_on=goes_on)
    id_ = None if reason is None else rules.new_id()
    _pass_on(tx, row, told)
    missed = record(tx, rules, route, row.id, id_, [(one.member, one.verdict) for one in decided])
    reasons = []
    if reason is not None and id_ is not None:
        conversation = _notify(tx, rules, group, reason, told, id_=id_, episode=episode)
        episode = replace(episode, conversation=conversation, begins=False)
        reasons.append(reason)
    escalated = late = False
    if escalates:
        write_out(tx)
        escalated, late = escalate(tx, rules, row, route, mutes, episode=episode)
    if escalated:
        reasons.append(Reason.ESCALATED)
    return reasons, missed or late or len(decided) == MEMBERS_AT_ONCE


def _decide(
    tx: Tx, group: sa.Row[Any], route: Route, mutes: Mutes, rows: Sequence[sa.Row[Any]]
) -> list[_Decided]:
    recent = _recent(tx, route, rows)
    decided = []
    for row in rows:
        member = replace(member_of(row, row), recent=recent.get(row.number, 0))
        verdict = notifying.decide(member, route, tx.now, last_told_at=group.last_told_at)
        if notifying.is_mutable(member, verdict) or row.snoozed_until is not None:
            mute = mutes.of(row, route)
            verdict = notifying.decide(member, route, tx.now, mute=mute, last_told_at=group.last_told_at)
        decided.append(_Decided(member=member, row=row, verdict=verdict))
    decided = _with_returned(decided, route, tx.now)
    # What is left of a crowd that did not fit into one message follows it at once.
    crowd = len(rows) == MEMBERS_AT_ONCE or (group.last_told_at or 0) >= group.due_at
    return decided if crowd else _spaced(decided, route, tx.now, group.last_told_at)


def _with_returned(decided: list[_Decided], route: Route, now: Instant) -> list[_Decided]:
    """The all-clear of what has come back leaves with the news of that, and waits no longer."""
    back = {
        (one.row.environment, one.row.fingerprint)
        for one in decided
        if isinstance(one.verdict, Notify) and one.member.state is not State.RESOLVED
    }
    return [
        replace(one, verdict=notifying.decide(replace(one.member, returned=True), route, now))
        if one.member.state is State.RESOLVED and (one.row.environment, one.row.fingerprint) in back
        else one
        for one in decided
    ]


def _spaced(
    decided: list[_Decided], route: Route, now: Instant, last_told_at: Instant | None
) -> list[_Decided]:
    """What was looked at because something else woke the group waits for its time."""
    pairs = [(one.member, one.verdict) for one in decided]
    until = notifying.keep_until(pairs, route, now, last_told_at)
    if until is None:
        return decided
    wait = Wait(until=until)
    return [replace(one, verdict=wait) if isinstance(one.verdict, Notify) else one for one in decided]


def _recent(tx: Tx, route: Route, rows: Sequence[sa.Row[Any]]) -> dict[int, int]:
    """How many events the members that wait for a threshold had inside its window."""
    threshold = route.notify_after
    waiting = [row.number for row in rows if row.told_at is None]
    if threshold is None or not waiting:
        return {}
    since = (tx.now - threshold.within) // MINUTE * MINUTE
    found = execute(tx, recent_counts, {"incidents": encode_values(waiting), "since": since})
    return {row.incident: row.n for row in found}


def _pass_on(tx: Tx, group: sa.Row[Any], told: Sequence[_Decided]) -> None:
    """An identity whose all-clear is told at critical was told at critical: its later incidents must know."""
    rows = [
        (one.row.environment, one.row.fingerprint, one.member.incident)
        for one in told
        if one.member.state is State.RESOLVED and one.member.severity is Severity.CRITICAL
    ]
    if rows:
        told_critical = {
            "group": group.id,
            "project": group.project,
            "now": tx.now,
            "rows": encode_rows(rows),
        }
        execute(tx, pass_on_critical, told_critical)


def _concerns_all(one: _Decided) -> bool:
    """Who has it, and its end, go to everybody who has heard of it, those whom an escalation reached included."""
    over = isinstance(one.verdict, Notify) and one.verdict.reason is Reason.RESOLVED
    return over or notifying.is_newly_acknowledged(one.member)


def _items(decided: Sequence[_Decided]) -> list[NotificationItem]:
    return [
        NotificationItem(row=one.row, reason=one.verdict.reason, suppressed=one.verdict.suppressed)
        for one in decided
        if isinstance(one.verdict, Notify)
    ]


def _notify(
    tx: Tx,
    rules: AlertingRules,
    group: _Group,
    reason: Reason,
    told: Sequence[_Decided],
    *,
    id_: str,
    episode: Episode,
) -> Conversation | None:
    row, route = group.row, group.route
    rank = max(Severity(one.row.severity).rank for one in told)
    origin = Origin(route=route.name, line=route.line)
    items = _items(told)
    composed = compose(tx, rules, row, reason, items, origin=origin, episode=episode, known=group.known)
    announce(
        tx,
        rules,
        id_=id_,
        project=row.project,
        message=composed,
        group_id=row.id,
        episode=episode.number,
        rank=rank,
    )
    chosen = [target for channel in route.channels for target in rules.targets.get(channel, ())]
    if any(map(_concerns_all, told)):
        heard = execute(tx, threads_of_episode, {"group": row.id, "episode": episode.number}).scalars()
        chosen += [target for target in heard if target in rules.channel_of]
    deliver(
        tx,
        rules,
        notification=id_,
        project=row.project,
        reason=reason,
        group_id=row.id,
        episode=episode.number,
        chosen=chosen,
        rank=rank,
        first=episode.begins and episode.number == 1,
    )
    return composed.conversation
