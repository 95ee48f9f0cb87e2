"""Write what a flush decided: the members as they stand, and why each was told or not."""

from __future__ import annotations

from collections.abc import Sequence

from notifier.domain.incident import State
from notifier.domain.notification import HeldBy, Reason
from notifier.domain.route import Route
from notifier.policy.notifying import Hold, Member, Notify, Settled, Verdict, Wait, next_step, step_due
from notifier.policy.rules import AlertingRules
from notifier.store.compiled import each, execute
from notifier.store.database import Tx
from notifier.store.json_rows import encode_rows
from notifier.store.statements.alerting import (
    count_decisions,
    held_rows,
    insert_decisions,
    settled_rows,
    told_rows,
    touch,
    wait_rows,
    waiting_rows,
)

Pair = tuple[Member, Verdict]


def record(
    tx: Tx, rules: AlertingRules, route: Route, group_id: str, notification: str | None, pairs: Sequence[Pair]
) -> bool:
    """Write every verdict; whether an event slipped in between, so that the group is due again."""
    told = [(member, verdict) for member, verdict in pairs if isinstance(verdict, Notify)]
    held = [(member, verdict) for member, verdict in pairs if isinstance(verdict, Hold)]
    _told(tx, rules, route, group_id, notification, told)
    _settled(tx, route, group_id, [pair for pair in pairs if isinstance(pair[1], Settled)])
    _held(tx, rules, route, group_id, held)
    later = [
        (group_id, member.incident, one.until, next_step(member, route))
        for member, one in pairs
        if isinstance(one, Wait)
    ]
    if later:
        each(tx, waiting_rows, later)
    wake = sorted((member.incident, member.count) for member, verdict in held if verdict.wake)
    if not wake or execute(tx, wait_rows, {"rows": encode_rows(wake)}).rowcount == len(wake):
        return False
    each(tx, touch, ((group_id, member.incident) for member, _ in held), now=tx.now)
    return True


def _told(
    tx: Tx,
    rules: AlertingRules,
    route: Route,
    group_id: str,
    notification: str | None,
    told: Sequence[tuple[Member, Notify]],
) -> None:
    if not told:
        return
    rows = []
    for member, verdict in told:
        anew = verdict.anew or member.first_told_at is None
        first_told_at = tx.now if anew else member.first_told_at
        escalated = 0 if anew else member.escalated
        rows.append(
            (
                group_id,
                member.incident,
                member.state.value,
                member.severity.value,
                member.count,
                verdict.reason.value,
                verdict.repeat_at,
                first_told_at,
                escalated,
                step_due(route, member.state, first_told_at, escalated),
                key(rules, verdict.reason.value, None),
            )
        )
    each(tx, told_rows, rows, now=tx.now)
    record_told(
        tx, rules, group_id, notification, [(member, verdict.reason, None) for member, verdict in told]
    )


def record_told(
    tx: Tx,
    rules: AlertingRules,
    group_id: str,
    notification: str | None,
    told: Sequence[tuple[Member, Reason, str | None]],
) -> None:
    """Keep why each member is told by this notification."""
    rows = [
        (
            member.incident,
            group_id,
            tx.now,
            "told",
            reason.value,
            ref,
            notification,
            rules.version,
            tx.now,
            1,
            0 if reason is Reason.ESCALATED else max(0, member.count - member.told_count),
        )
        for member, reason, ref in told
    ]
    each(tx, insert_decisions, rows)


def _settled(tx: Tx, route: Route, group_id: str, pairs: Sequence[Pair]) -> None:
    rows = [
        (
            group_id,
            member.incident,
            verdict.state.value,
            verdict.repeat_at,
            step_due(route, verdict.state, member.first_told_at, member.escalated),
        )
        for member, verdict in pairs
        if isinstance(verdict, Settled)
    ]
    each(tx, settled_rows, rows)


def _held(
    tx: Tx, rules: AlertingRules, route: Route, group_id: str, held: Sequence[tuple[Member, Hold]]
) -> None:
    """Equal decisions that follow each other are one row with a count."""
    if not held:
        return
    rows, new, again = [], [], []
    for member, verdict in held:
        why, ref = verdict.held_by.value, verdict.ref
        decided = key(rules, why, ref)
        same = member.decided == decided and member.decided_at is not None
        at = member.decided_at if same else tx.now
        step_at = next_step(member, route)
        told_state = _told_state(member, verdict)
        rows.append((group_id, member.incident, told_state, why, ref, verdict.until, step_at, decided, at))
        if same:
            again.append((member.incident, group_id, at, why))
        else:
            new.append((member.incident, group_id, at, "held", why, ref, None, rules.version, tx.now, 1, 0))
    each(tx, held_rows, rows)
    each(tx, insert_decisions, new)
    each(tx, count_decisions, again, now=tx.now)


def _told_state(member: Member, verdict: Hold) -> State | None:
    """What counts as told. One that only waits for events is known as it is: an acknowledgement may have run out."""
    told = member.told_at is not None and verdict.held_by is HeldBy.WAITING
    return member.state if told else member.told_state


def key(rules: AlertingRules, why: str, ref: str | None) -> str:
    """What makes two decisions equal."""
    return f"{why} {ref or '-'} {rules.version}"
