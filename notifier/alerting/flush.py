"""Flush: decide for groups that are due, and write notifications, deliveries and due times in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from notifier.alerting import rerouting
from notifier.alerting.compose import NotificationItem, Snapshot, compose, read_shown, shown_first
from notifier.alerting.episode import Episode, current_episode
from notifier.alerting.escalation import GATHERED_FOR, escalate
from notifier.alerting.member import JudgedMember, member_of
from notifier.alerting.mutes import Mutes
from notifier.alerting.record import record
from notifier.alerting.returns import with_returned
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
from notifier.store.compiled import each, execute, gathering, write_out
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
from notifier.store.statements.members import MemberRow, changed_members, escalating_groups, pass_on_critical
from notifier.store.statements.threads import threads_of_episode
from notifier.telemetry.loop import Progress

GROUPS_AT_ONCE = 50
MEMBERS_AT_ONCE = 2_000


class _Crowd(Value, frozen=True, kw_only=True):
    """A crowd: members of a group that were due at `since`, and are decided for by one flush after the other.

    `begun`: a flush has told of the crowd before. `goes_on`: there is more than this flush decides for.
    """

    since: Instant
    begun: bool
    goes_on: bool

    def unheard(self, episode: Episode, now: Instant) -> bool:
        """Whether the episode began with this crowd, and its first message still gathers what is told."""
        return self.begun and episode.since >= self.since and now < self.since + GATHERED_FOR


class _DueGroup(Value, frozen=True, kw_only=True):
    """A group that is due, its route, the verdicts on its members, and the snapshots of incidents by number.

    `told` are the members that are told now, `items` what the notification says of each. `crowd` is set where the
    members are more than one flush decides for.
    """

    row: GroupRow
    route: Route
    crowd: _Crowd | None
    decided: Sequence[JudgedMember]
    shown: Mapping[int, Snapshot]
    told: Sequence[JudgedMember]
    items: Sequence[NotificationItem]


def flush(tx: Tx, rules: AlertingRules, silences: ActiveSilences, *, looks_ahead: bool = True) -> Progress:
    """Decide for every group that is due: at most one notification each, and one for each step of escalation.

    Who comes again anyhow need not look ahead to when the next group is due.
    """
    groups = most_urgent(tx, due_groups, urgent_due_groups, key="id", most=GROUPS_AT_ONCE)
    orphaned = [group for group in groups if not rules.has_route(group.route)]
    if orphaned:
        # The groups that the members move to may be due as well, and are other rows afterwards.
        moved = 0
        for group in orphaned:
            if moved < rerouting.MEMBERS_AT_ONCE:
                moved += rerouting.reroute(tx, rules, group)
        return Progress(done=len(orphaned), more=True)
    told, unfinished = _flush(tx, rules, groups, Mutes(tx, rules, silences)) if groups else ((), False)
    more = len(groups) == GROUPS_AT_ONCE
    next_at = None if more or not looks_ahead else execute(tx, next_group_due, {}).scalar()
    # A step that these decisions make due comes right after them.
    more = more or (not unfinished and next_at is not None and next_at <= tx.now)
    return Progress(done=len(groups), more=more, next_at=next_at, told=told)


def _flush(
    tx: Tx, rules: AlertingRules, groups: Sequence[GroupRow], mutes: Mutes
) -> tuple[tuple[tuple[str, Reason], ...], bool]:
    """The groups that were told, with the reason, and whether a group has more to be decided than was."""
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
    with gathering(tx):
        for row in groups:
            told_now = [member for member in decided[row.id] if isinstance(member.verdict, Notify)]
            group = _DueGroup(
                row=row,
                route=rules.route(row.route),
                crowd=_crowd(row, len(decided[row.id]), tx.now),
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
    """The members that a verdict is due for, of as many of the groups as one transaction decides for."""

    def read(ids: Iterable[str]) -> list[MemberRow]:
        return changed_members(tx, groups=encode_values(ids), now=tx.now, most=MEMBERS_AT_ONCE)

    members = read(group.id for group in groups)
    if len(members) == MEMBERS_AT_ONCE and len(groups) > 1:
        few: dict[str, list[MemberRow]] = {}
        # Whoever has only a few to tell does not wait for the end of another's crowd.
        for group in sorted(groups, key=lambda group: _goes_on(group, tx.now)):
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
    """The reasons that the group was told for, and since when it is due again, where it is."""
    row, route, told, crowd = group.row, group.route, group.told, group.crowd
    reason = notifying.group_reason([item.reason for item in group.items])
    goes_on = route.group_by == PER_INCIDENT and any(continues(decided.member, route) for decided in told)
    episode = current_episode(tx, row, begins=reason is not None, goes_on=goes_on)
    id_ = None if reason is None else rules.new_id()
    _pass_on(tx, row, told)
    verdicts = [(decided.member, decided.verdict) for decided in group.decided]
    missed = record(tx, rules, route, row.id, id_, verdicts)
    reasons = []
    if reason is not None and id_ is not None:
        conversation = _notify(tx, rules, group, reason, id_=id_, episode=episode)
        episode = replace(episode, conversation=conversation, begins=False)
        reasons.append(reason)
    escalated = late = False
    if escalates:
        write_out(tx)
        escalated, late = escalate(tx, rules, row, route, mutes, episode=episode)
    if escalated:
        reasons.append(Reason.ESCALATED)
    if crowd is not None and crowd.goes_on:
        return reasons, crowd.since
    return reasons, tx.now if missed or late else None


def _crowd(group: GroupRow, changed: int, now: Instant) -> _Crowd | None:
    """The crowd that so many changed members are of; None: the group has no more than one flush decides for."""
    begun = _goes_on(group, now)
    goes_on = changed == MEMBERS_AT_ONCE
    if not begun and not goes_on:
        return None
    return _Crowd(since=(group.due_at or now) if begun else now, begun=begun, goes_on=goes_on)


def _goes_on(group: GroupRow, now: Instant) -> bool:
    """Whether the group has been told since it was due: what is left of a crowd follows."""
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
    decided = with_returned(decided, route, tx.now)
    if not _goes_on(group, tx.now):
        return _spaced(decided, route, tx.now, group.last_told_at)
    # What is left of a crowd follows at once; what came after it waits, as after any message.
    since = group.due_at or tx.now
    left = [member for member in decided if (member.row.changed_at or 0) <= since]
    later = [member for member in decided if (member.row.changed_at or 0) > since]
    return left + _spaced(later, route, tx.now, group.last_told_at)


def _spaced(
    decided: list[JudgedMember], route: Route, now: Instant, last_told_at: Instant | None
) -> list[JudgedMember]:
    """Verdicts of a group that something woke before its time: what would be told waits until then."""
    verdicts = [(member.member, member.verdict) for member in decided]
    until = notifying.keep_until(verdicts, route, now, last_told_at)
    if until is None:
        return decided
    wait = Wait(until=until)
    return [
        replace(member, verdict=wait) if isinstance(member.verdict, Notify) else member for member in decided
    ]


def _recent(tx: Tx, route: Route, rows: Sequence[MemberRow]) -> dict[int, int]:
    """How many events each untold member's incident had inside the window of the route's threshold."""
    threshold = route.notify_after
    untold = [row.number for row in rows if row.told_at is None]
    if threshold is None or not untold:
        return {}
    since = (tx.now - threshold.within) // MINUTE * MINUTE
    counts = execute(tx, recent_counts, {"incidents": encode_values(untold), "since": since})
    return {row.incident: row.n for row in counts}


def _pass_on(tx: Tx, group: GroupRow, told: Sequence[JudgedMember]) -> None:
    """An identity whose all-clear is told at critical was told at critical: members of later incidents must know."""
    rows = [
        (*decided.identity, decided.member.incident)
        for decided in told
        if decided.member.state is State.RESOLVED and decided.member.severity is Severity.CRITICAL
    ]
    if rows:
        identities = {"group": group.id, "project": group.project, "rows": encode_rows(rows)}
        execute(tx, pass_on_critical, {**identities, "now": tx.now})


def _concerns_all(decided: JudgedMember) -> bool:
    """Whether everybody is told who was told of the episode, by an escalation too: of an acknowledgement and an end."""
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
    """Write the notification with this id and its deliveries; the conversation that its message is of."""
    row, route, told, crowd = group.row, group.route, group.told, group.crowd
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
        counts_again=crowd is None or not (crowd.begun and crowd.goes_on),
        unheard=crowd is not None and crowd.unheard(episode, tx.now),
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
    if any(map(_concerns_all, told)):
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
        first=episode.begins and episode.number == 1,
        due_at=_leaves_at(crowd, tx.now),
    )
    return message.conversation


def _leaves_at(crowd: _Crowd | None, now: Instant) -> Instant:
    """When a message leaves: at once, or while a crowd goes on, with what else is told of the crowd until then."""
    if crowd is None or not crowd.goes_on:
        return now
    return now + GATHERED_FOR - (now - crowd.since) % GATHERED_FOR
