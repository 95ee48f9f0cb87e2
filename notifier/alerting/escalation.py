"""Escalation: one message for each due step, about the members for which the step is due."""

from __future__ import annotations

from collections.abc import Sequence

from notifier.alerting.compose import NotificationItem, compose
from notifier.alerting.episode import Episode
from notifier.alerting.member import member_of
from notifier.alerting.mutes import Mutes
from notifier.alerting.record import record_told
from notifier.domain.message import Conversation, Origin
from notifier.domain.notification import Reason
from notifier.domain.route import Route
from notifier.domain.time import SECOND, Duration, Instant
from notifier.domain.value import replace
from notifier.policy import notifying
from notifier.policy.notifying import Escalate, Wait
from notifier.policy.rules import AlertingRules
from notifier.store import hold
from notifier.store.compiled import execute
from notifier.store.database import Tx
from notifier.store.json_rows import encode_rows
from notifier.store.notifications import announce, deliver
from notifier.store.statements.groups import GroupRow
from notifier.store.statements.members import MemberRow, escalating_members, write_escalated
from notifier.wording import sentences

MEMBERS_AT_ONCE = 2_000
GATHERED_FOR: Duration = 5 * SECOND
"""Messages about a batch that takes several transactions are sent together at the end of each such
interval."""


def escalate(
    tx: Tx, rules: AlertingRules, group: GroupRow, route: Route, mutes: Mutes, *, episode: Episode
) -> tuple[bool, bool]:
    """Send every due step, once for each member.

    Returns whether any was sent, and whether more are due now.
    """
    rows = escalating_members(tx, group=group.id, now=tx.now, most=MEMBERS_AT_ONCE)
    held = hold.REF if rows and hold.current(tx) is not None else None
    by_step: dict[int, list[MemberRow]] = {}
    written: list[tuple[str, int, int, Instant | None, Instant | None, str | None]] = []
    for row in rows:
        verdict = notifying.escalate(member_of(row, row), route, tx.now, mutes.of(row, route), hold=held)
        if isinstance(verdict, Escalate):
            by_step.setdefault(verdict.step, []).append(row)
            written.append(
                (group.id, row.number, verdict.step + 1, verdict.counts_from, verdict.next_at, None)
            )
        else:
            until, ref = (verdict.until, verdict.ref) if isinstance(verdict, Wait) else (None, None)
            written.append((group.id, row.number, row.escalated, row.first_told_at, until, ref))
    if written:
        execute(tx, write_escalated, {"rows": encode_rows(written)})
    has_more = len(rows) == MEMBERS_AT_ONCE
    for step, members in sorted(by_step.items()):
        conversation = _notify(tx, rules, group, route, step, members, episode=episode, has_more=has_more)
        episode = replace(episode, conversation=conversation)
    late = any(next_at is not None and next_at <= tx.now for *_, next_at, _ in written)
    return bool(by_step), late or has_more


def _notify(
    tx: Tx,
    rules: AlertingRules,
    group: GroupRow,
    route: Route,
    number: int,
    members: Sequence[MemberRow],
    *,
    episode: Episode,
    has_more: bool,
) -> Conversation | None:
    """Notify the channels of a step. `has_more` means that the next transaction notifies further members."""
    step = route.escalate[number]
    message = compose(
        tx,
        rules,
        group,
        Reason.ESCALATED,
        [NotificationItem(member=member, reason=Reason.ESCALATED) for member in members],
        origin=Origin(route=route.name, line=step.line or route.line),
        episode=episode,
        note=sentences.escalated(_open_for(members, step.after, tx.now)),
        recount=not has_more,
    )
    rank = max(told.incident.severity.rank for told in message.told)
    id_ = announce(
        tx,
        rules,
        project=group.project,
        message=message,
        group_id=group.id,
        episode=episode.number,
        rank=rank,
    )
    told = [(member_of(member, member), Reason.ESCALATED, str(number)) for member in members]
    record_told(tx, rules, group.id, id_, told)
    deliver(
        tx,
        rules,
        notification=id_,
        project=group.project,
        reason=Reason.ESCALATED,
        group_id=group.id,
        episode=episode.number,
        chosen=[target for channel in step.channels for target in rules.targets[channel]],
        rank=rank,
        due_at=tx.now + GATHERED_FOR if has_more else tx.now,
    )
    return message.conversation


def _open_for(members: Sequence[MemberRow], least: Duration, now: Instant) -> Duration:
    """The time since the first message: longer than `least` if a hold or a mute has kept the step back."""
    return max(least, *(now - (member.first_told_at or now) for member in members))
