"""The record of a flush: writes the verdict on each member, and the history of decisions."""

from __future__ import annotations

from collections.abc import Sequence

from notifier.domain.notification import HeldBy, Reason
from notifier.domain.route import Route
from notifier.domain.state import State
from notifier.policy.notifying import Hold, Member, Notify, Settled, Verdict, Wait, next_step, step_due
from notifier.policy.rules import AlertingRules
from notifier.store.compiled import each, execute
from notifier.store.database import Tx
from notifier.store.json_rows import encode_rows
from notifier.store.statements.decisions import count_decisions, insert_decisions
from notifier.store.statements.incidents import set_waiting
from notifier.store.statements.members import (
    mark_changed,
    write_held,
    write_settled,
    write_told,
    write_waiting,
)

Judged = tuple[Member, Verdict]


def record(
    tx: Tx,
    rules: AlertingRules,
    route: Route,
    group_id: str,
    notification: str | None,
    verdicts: Sequence[Judged],
) -> bool:
    """Write all verdicts. Returns whether the group is due again, because events arrived after the read."""
    told = [(member, verdict) for member, verdict in verdicts if isinstance(verdict, Notify)]
    held = [(member, verdict) for member, verdict in verdicts if isinstance(verdict, Hold)]
    _told(tx, rules, route, group_id, notification, told)
    _settled(tx, route, group_id, verdicts)
    _held(tx, rules, route, group_id, held)
    later = [
        (group_id, member.incident, verdict.until, next_step(member, route))
        for member, verdict in verdicts
        if isinstance(verdict, Wait)
    ]
    if later:
        each(tx, write_waiting, later)
    wake = sorted((member.incident, member.count) for member, verdict in held if verdict.wake)
    if not wake or execute(tx, set_waiting, {"rows": encode_rows(wake)}).rowcount == len(wake):
        return False
    each(tx, mark_changed, ((group_id, member.incident) for member, _ in held), now=tx.now)
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
                _decision(rules, verdict.reason.value, None),
            )
        )
    each(tx, write_told, rows, now=tx.now)
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
    """Write a decision for each member that the notification covers, with its reason."""
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


def _settled(tx: Tx, route: Route, group_id: str, verdicts: Sequence[Judged]) -> None:
    rows = [
        (
            group_id,
            member.incident,
            verdict.state.value,
            verdict.repeat_at,
            step_due(route, verdict.state, member.first_told_at, member.escalated),
        )
        for member, verdict in verdicts
        if isinstance(verdict, Settled)
    ]
    each(tx, write_settled, rows)


def _held(
    tx: Tx, rules: AlertingRules, route: Route, group_id: str, held: Sequence[tuple[Member, Hold]]
) -> None:
    """Write the held members. Consecutive equal decisions share one row, which counts them."""
    if not held:
        return
    rows, new, again = [], [], []
    for member, verdict in held:
        why, ref = verdict.held_by.value, verdict.ref
        decided = _decision(rules, why, ref)
        same = member.decided == decided and member.decided_at is not None
        at = member.decided_at if same else tx.now
        step_at = next_step(member, route)
        told_state = _told_state(member, verdict)
        rows.append((group_id, member.incident, told_state, why, ref, verdict.until, step_at, decided, at))
        if same:
            again.append((member.incident, group_id, at, why))
        else:
            new.append((member.incident, group_id, at, "held", why, ref, None, rules.version, tx.now, 1, 0))
    each(tx, write_held, rows)
    each(tx, insert_decisions, new)
    each(tx, count_decisions, again, now=tx.now)


def _told_state(member: Member, verdict: Hold) -> State | None:
    """The state to store as notified about. A member that waits for events stores its current state."""
    told = member.told_at is not None and verdict.held_by is HeldBy.WAITING
    return member.state if told else member.told_state


def _decision(rules: AlertingRules, why: str, ref: str | None) -> str:
    """The text by which consecutive decisions are compared: reason, reference and configuration version."""
    return f"{why} {ref or '-'} {rules.version}"
