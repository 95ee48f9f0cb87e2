"""Flush: decides for due groups, and writes notifications, deliveries and due times in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from notifier.alerting import rerouting
from notifier.alerting.compose import NotificationItem, Snapshot, compose, read_shown, shown_first
from notifier.alerting.episode import Episode, current_episode
from notifier.alerting.escalation import GATHERED_FOR, escalate
from notifier.alerting.member import JudgedMember, member_of
from notifier.alerting.mutes import Mutes
from notifier.alerting.record import record
from notifier.alerting.returns import adjust_recurred
from notifier.alerting.urgency import most_urgent
from notifier.domain.message import Conversation, Origin
from notifier.domain.notification import Reason
from notifier.domain.route import Route
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.domain.time import MINUTE, Instant
from notifier.domain.value import Value, replace
from notifier.policy import notifying
from notifier.policy.flapping import continues
from notifier.policy.notifying import Notify, Wait
from notifier.policy.routing import PER_INCIDENT
from notifier.policy.rules import AlertingRules
from notifier.store.compiled import batching, each, execute, write_deferred
from notifier.store.database import Tx
from notifier.store.json_rows import encode_rows, encode_values
from notifier.store.notifications import announce, deliver
from notifier.store.silences import ActiveSilences
from notifier.store.statements.groups import (
    GroupRow,
    due_groups,
    next_group_due,
    set_next_due,
    urgent_due_groups,
)
from notifier.store.statements.incidents import recent_counts
from notifier.store.statements.members import (
    MemberRow,
    changed_members,
    escalating_groups,
    propagate_critical,
)
from notifier.store.statements.threads import threads_of_episode
from notifier.telemetry.loop import Progress

GROUPS_AT_ONCE = 50
MEMBERS_AT_ONCE = 2_000


class _Batch(Value, frozen=True, kw_only=True):
    """The state of a group with more changed members than one flush decides for, all of them due since `since`.

    `begun` means that an earlier flush has already notified about some of the members; `has_more` means that
    this flush leaves members for the next one.
    """

    since: Instant
    begun: bool
    has_more: bool

    def unsent(self, episode: Episode, now: Instant) -> bool:
        """Whether the episode began with this batch and its first message is not sent yet."""
        return self.begun and episode.since >= self.since and now < self.since + GATHERED_FOR


class _DueGroup(Value, frozen=True, kw_only=True):
    """A due group with its route, the verdicts on its members, and snapshots of incidents by number.

    `told` holds the members with the verdict `Notify`, `items` what the notification says about each of them.
    `batch` is None if one flush decides for all members.
    """

    row: GroupRow
    route: Route
    batch: _Batch | None
    decided: Sequence[JudgedMember]
    shown: Mapping[int, Snapshot]
    told: Sequence[JudgedMember]
    items: Sequence[NotificationItem]


def flush(tx: Tx, rules: AlertingRules, silences: ActiveSilences, *, looks_ahead: bool = True) -> Progress:
    """Decide for every due group: at most one notification for each, and one for each due escalation step.

    With `looks_ahead=False`, the time at which the next group is due is not read.
    """
    groups = most_urgent(tx, due_groups, urgent_due_groups, key="id", most=GROUPS_AT_ONCE)
    orphaned = [group for group in groups if not rules.has_route(group.route)]
    if orphaned:
        # Rerouting may change which groups are due, so that they are read again.
        moved = 0
        for group in orphaned:
            if moved < rerouting.MEMBERS_AT_ONCE:
                moved += rerouting.reroute(tx, rules, group)
        return Progress(done=len(orphaned), more=True)
    told, unfinished = _flush(tx, rules, groups, Mutes(tx, rules, silences)) if groups else ((), False)
    more = len(groups) == GROUPS_AT_ONCE
    next_at = None if more or not looks_ahead else execute(tx, next_group_due, {}).scalar()
    # An escalation step that has become due by these decisions is sent by the next flush, right after this
    # one.
    more = more or (not unfinished and next_at is not None and next_at <= tx.now)
    return Progress(done=len(groups), more=more, next_at=next_at, told=told)


def _flush(
    tx: Tx, rules: AlertingRules, groups: Sequence[GroupRow], mutes: Mutes
) -> tuple[tuple[tuple[str, Reason], ...], bool]:
    """Flush the groups.

    Returns (group, reason) of each notification, and whether a group is due again now.
    """
    ids = encode_values(group.id for group in groups)
    escalating = set(execute(tx, escalating_groups, {"groups": ids, "now": tx.now}).scalars())
    changed = _changed(tx, groups)
    left_for_later = len(changed) < len(groups)
    groups = [group for group in groups if group.id in changed]
    decided = {
        group.id: _decide(tx, group, rules.route(group.route), mutes, changed[group.id]) for group in groups
    }
    numbers = {item.member.number for members in decided.values() for item in shown_first(_items(members))}
    shown = read_shown(tx, rules, sorted(numbers)) if numbers else {}
    told: list[tuple[str, Reason]] = []
    next_due: list[tuple[str, Instant | None, Instant | None]] = []
    with batching(tx):
        for row in groups:
            told_now = [member for member in decided[row.id] if isinstance(member.verdict, Notify)]
            group = _DueGroup(
                row=row,
                route=rules.route(row.route),
                batch=_batch(row, len(decided[row.id]), tx.now),
                decided=decided[row.id],
                told=told_now,
                items=_items(told_now),
                shown=shown,
            )
            reasons, again = _flush_group(tx, rules, mutes, group, escalates=row.id in escalating)
            told += ((row.id, reason) for reason in reasons)
            told_itself = any(reason is not Reason.ESCALATED for reason in reasons)
            next_due.append((row.id, again, tx.now if told_itself else None))
    each(tx, set_next_due, next_due)
    return tuple(told), left_for_later or any(again is not None for _, again, _ in next_due)


def _changed(tx: Tx, groups: Sequence[GroupRow]) -> Mapping[str, Sequence[MemberRow]]:
    """The members that need a verdict, by group.

    Groups that exceed the bound of a transaction are left out.
    """

    def read(ids: Iterable[str]) -> list[MemberRow]:
        return changed_members(tx, groups=encode_values(ids), now=tx.now, most=MEMBERS_AT_ONCE)

    members = read(group.id for group in groups)
    if len(members) == MEMBERS_AT_ONCE and len(groups) > 1:
        few: dict[str, list[MemberRow]] = {}
        # Groups with few changes go first, before groups that continue a batch.
        for group in sorted(groups, key=lambda group: _continues_batch(group, tx.now)):
            if sum(map(len, few.values())) < MEMBERS_AT_ONCE:
                few[group.id] = read([group.id])
        return few
    changed: dict[str, list[MemberRow]] = {group.id: [] for group in groups}
    for member in members:
        changed[member.group_id].append(member)
    return changed


def _flush_group(
    tx: Tx, rules: AlertingRules, mutes: Mutes, group: _DueGroup, *, escalates: bool
) -> tuple[list[Reason], Instant | None]:
    """Flush one group. Returns the reasons of its notifications, and since when it is due again, or None."""
    row, route, told, batch = group.row, group.route, group.told, group.batch
    reason = notifying.group_reason([item.reason for item in group.items])
    same_episode = route.group_by == PER_INCIDENT and any(
        continues(decided.member, route) for decided in told
    )
    episode = current_episode(tx, row, notifies=reason is not None, continues=same_episode)
    id_ = None if reason is None else rules.new_id()
    _propagate_critical(tx, row, told)
    verdicts = [(decided.member, decided.verdict) for decided in group.decided]
    missed = record(tx, rules, route, row.id, id_, verdicts)
    reasons = []
    if reason is not None and id_ is not None:
        conversation = _notify(tx, rules, group, reason, id_=id_, episode=episode)
        episode = replace(episode, conversation=conversation, is_new=False)
        reasons.append(reason)
    escalated = late = False
    if escalates:
        write_deferred(tx)
        escalated, late = escalate(tx, rules, row, route, mutes, episode=episode)
    if escalated:
        reasons.append(Reason.ESCALATED)
    if batch is not None and batch.has_more:
        return reasons, batch.since
    return reasons, tx.now if missed or late else None


def _batch(group: GroupRow, changed: int, now: Instant) -> _Batch | None:
    """The batch that the changed members belong to, or None if this flush decides for all of them."""
    begun = _continues_batch(group, now)
    has_more = changed == MEMBERS_AT_ONCE
    if not begun and not has_more:
        return None
    return _Batch(since=(group.due_at or now) if begun else now, begun=begun, has_more=has_more)


def _continues_batch(group: GroupRow, now: Instant) -> bool:
    """Whether the group has notified since it became due, so that the remaining members continue a batch."""
    return (group.last_told_at or 0) >= (group.due_at or now)


def _decide(
    tx: Tx, group: GroupRow, route: Route, mutes: Mutes, rows: Sequence[MemberRow]
) -> list[JudgedMember]:
    recent = _recent(tx, route, rows)
    decided = []
    for row in rows:
        member = member_of(row, row, recent=recent.get(row.number, 0))
        verdict = notifying.decide(member, route, tx.now, last_told_at=group.last_told_at)
        if notifying.is_mutable(member, verdict) or row.snoozed_until is not None:
            mute = mutes.of(row, route)
            verdict = notifying.decide(member, route, tx.now, mute=mute, last_told_at=group.last_told_at)
        decided.append(JudgedMember(member=member, row=row, verdict=verdict))
    decided = adjust_recurred(decided, route, tx.now)
    if not _continues_batch(group, tx.now):
        return _apply_group_interval(decided, route, tx.now, group.last_told_at)
    # Remaining members of a batch are notified about at once; later changes wait for `group_interval`.
    since = group.due_at or tx.now
    left = [member for member in decided if (member.row.changed_at or 0) <= since]
    later = [member for member in decided if (member.row.changed_at or 0) > since]
    return left + _apply_group_interval(later, route, tx.now, group.last_told_at)


def _apply_group_interval(
    decided: list[JudgedMember], route: Route, now: Instant, last_told_at: Instant | None
) -> list[JudgedMember]:
    """The verdicts, with `Wait` for `Notify` if `group_interval` has not passed and nothing is urgent."""
    verdicts = [(member.member, member.verdict) for member in decided]
    until = notifying.notify_from(verdicts, route, now, last_told_at)
    if until is None:
        return decided
    wait = Wait(until=until)
    return [
        replace(member, verdict=wait) if isinstance(member.verdict, Notify) else member for member in decided
    ]


def _recent(tx: Tx, route: Route, rows: Sequence[MemberRow]) -> dict[int, int]:
    """Event counts in the route's `notify_after` window, by incident, for members not notified about yet."""
    threshold = route.notify_after
    untold = [row.number for row in rows if row.told_at is None]
    if threshold is None or not untold:
        return {}
    since = (tx.now - threshold.within) // MINUTE * MINUTE
    counts = execute(tx, recent_counts, {"incidents": encode_values(untold), "since": since})
    return {row.incident: row.n for row in counts}


def _propagate_critical(tx: Tx, group: GroupRow, told: Sequence[JudgedMember]) -> None:
    """Note on members of later incidents of the same identity that it was resolved while critical."""
    rows = [
        (*decided.identity, decided.member.incident)
        for decided in told
        if decided.member.state is State.RESOLVED and decided.member.severity is Severity.CRITICAL
    ]
    if rows:
        identities = {"group": group.id, "project": group.project, "rows": encode_rows(rows)}
        execute(tx, propagate_critical, {**identities, "now": tx.now})


def _notifies_everyone(decided: JudgedMember) -> bool:
    """Whether everyone notified in the episode must be notified: on a resolution or a new acknowledgement."""
    verdict = decided.verdict
    resolved = isinstance(verdict, Notify) and verdict.reason is Reason.RESOLVED
    return resolved or notifying.is_newly_acknowledged(decided.member)


def _items(decided: Sequence[JudgedMember]) -> list[NotificationItem]:
    return [
        NotificationItem(
            member=member.row, reason=member.verdict.reason, suppressed=member.verdict.suppressed
        )
        for member in decided
        if isinstance(member.verdict, Notify)
    ]


def _notify(
    tx: Tx, rules: AlertingRules, group: _DueGroup, reason: Reason, *, id_: str, episode: Episode
) -> Conversation | None:
    """Write the notification `id_` and its deliveries. Returns the conversation of its message."""
    row, route, told, batch = group.row, group.route, group.told, group.batch
    rank = max(decided.member.severity.rank for decided in told)
    origin = Origin(route=route.name, line=route.line)
    message = compose(
        tx,
        rules,
        row,
        reason,
        group.items,
        origin=origin,
        episode=episode,
        shown=group.shown,
        recount=batch is None or not (batch.begun and batch.has_more),
        unsent=batch is not None and batch.unsent(episode, tx.now),
    )
    announce(
        tx,
        rules,
        id_=id_,
        project=row.project,
        message=message,
        group_id=row.id,
        episode=episode.number,
        rank=rank,
    )
    chosen = [target for channel in route.channels for target in rules.targets[channel]]
    if any(map(_notifies_everyone, told)):
        of_episode = {"group": row.id, "episode": episode.number}
        told_before = execute(tx, threads_of_episode, of_episode).scalars()
        chosen += [target for target in told_before if target in rules.channel_of]
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
        first=episode.is_new and episode.number == 1,
        due_at=_send_at(batch, tx.now),
    )
    return message.conversation


def _send_at(batch: _Batch | None, now: Instant) -> Instant:
    """When the message is sent: now, or at the end of the current interval if the batch has more members."""
    if batch is None or not batch.has_more:
        return now
    return now + GATHERED_FOR - (now - batch.since) % GATHERED_FOR
