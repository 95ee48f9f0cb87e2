"""Group due: decide for each changed member, and tell."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from notifier.domain.incident import Incident, State
from notifier.domain.message import SHOWN_AT_MOST, Message, Origin, Told
from notifier.domain.notification import Reason
from notifier.domain.route import Route
from notifier.domain.time import MINUTE
from notifier.policy import telling
from notifier.policy.telling import Hold, Member, Tell
from notifier.store.alerting.deliver import announce, deliver
from notifier.store.alerting.plan import Plan, Progress, member_of
from notifier.store.alerting.statements import (
    changed_members,
    due_groups,
    held_rows,
    next_group,
    rearm,
    recent_counts,
    settled_rows,
    snapshots,
    threads_of_episode,
    told_rows,
    touch,
    wait_rows,
)
from notifier.store.board import incident_of
from notifier.store.compiled import execute, update
from notifier.store.database import Tx
from notifier.store.rows import pack, pack_each
from notifier.store.schema import groups

GROUPS_AT_ONCE = 10
MEMBERS_AT_ONCE = 2_000


def flush(tx: Tx, plan: Plan) -> Progress:
    """Decide for every group that is due: at most one notification each, its deliveries, and the next due time."""
    rows = execute(tx, due_groups, {"now": tx.now, "most": GROUPS_AT_ONCE}).all()
    told = [_flush_group(tx, plan, row) for row in rows]
    more = len(rows) == GROUPS_AT_ONCE
    next_at = None if more else execute(tx, next_group, {}).scalar()
    return Progress(
        done=len(rows), more=more, next_at=next_at, told=tuple(one for one in told if one is not None)
    )


def _flush_group(tx: Tx, plan: Plan, group: sa.Row[Any]) -> tuple[str, Reason] | None:
    route = plan.route(group.route)
    changed = _changed(tx, group.id, route)
    verdicts = [(member, telling.decide(member, route, tx.now)) for member in changed]
    told = [(member, verdict) for member, verdict in verdicts if isinstance(verdict, Tell)]
    missed = _record(tx, group.id, verdicts)
    reason = telling.group_reason([verdict.reason for _, verdict in told])
    if reason is not None:
        _notify(tx, plan, group, route, reason, told)
    _rearm(tx, group, told=reason is not None, missed=missed, more=len(changed) == MEMBERS_AT_ONCE)
    return None if reason is None else (group.id, reason)


def _changed(tx: Tx, group_id: str, route: Route) -> list[Member]:
    found = [
        member_of(row, row)
        for row in execute(tx, changed_members, {"group": group_id, "now": tx.now, "most": MEMBERS_AT_ONCE})
    ]
    threshold = route.notify_after
    if threshold is None or not found:
        return found
    since = (tx.now - threshold.within) // MINUTE * MINUTE
    waiting = [member.incident for member in found if member.told_at is None]
    rows = execute(tx, recent_counts, {"incidents": pack_each(waiting), "since": since})
    recent = {row.incident: row.n for row in rows}
    return [replace(member, recent=recent.get(member.incident, 0)) for member in found]


def _record(tx: Tx, group_id: str, verdicts: Sequence[tuple[Member, telling.Verdict]]) -> bool:
    """Write what was decided about each member; whether an event slipped in between, so that the group is due again."""
    told, settled, held, wake = [], [], [], []
    for member, verdict in verdicts:
        if isinstance(verdict, Tell):
            told.append(
                (
                    group_id,
                    member.incident,
                    member.state.value if member.state is not State.ACKNOWLEDGED else "open",
                    member.severity.value,
                    member.count,
                    verdict.reason.value,
                    verdict.repeat_at,
                )
            )
        elif isinstance(verdict, Hold):
            held.append((group_id, member.incident, verdict.held_by.value))
            if verdict.wake:
                wake.append((member.incident, member.count))
        else:
            settled.append((group_id, member.incident, verdict.state.value, verdict.repeat_at))
    if told:
        execute(tx, told_rows, {"rows": pack(told), "now": tx.now})
    if settled:
        execute(tx, settled_rows, {"rows": pack(settled)})
    missed = False
    if held:
        execute(tx, held_rows, {"rows": pack(held)})
    if wake:
        missed = execute(tx, wait_rows, {"rows": pack(sorted(wake))}).rowcount < len(wake)
        if missed:
            execute(tx, touch, {"rows": pack((g, n) for g, n, _ in held), "now": tx.now})
    return missed


def _rearm(tx: Tx, group: sa.Row[Any], *, told: bool, missed: bool, more: bool) -> None:
    """When the group is due next: at once if it was not finished, else at its next repeat."""
    again = tx.now if missed or more else None
    execute(tx, rearm, {"group": group.id, "again": again, "told_at": tx.now if told else None})


def _notify(
    tx: Tx,
    plan: Plan,
    group: sa.Row[Any],
    route: Route,
    reason: Reason,
    told: Sequence[tuple[Member, Tell]],
) -> None:
    episode = group.episode if group.active else group.episode + 1
    if episode != group.episode:
        update(tx, groups, {"id": group.id}, {"episode": episode})
    id_ = announce(
        tx,
        plan,
        project=group.project,
        message=_message(tx, plan, group, route, reason, told),
        group_id=group.id,
        episode=episode,
        rank=max(member.severity.rank for member, _ in told),
    )
    chosen = [target for channel in route.channels for target in plan.targets.get(channel, ())]
    if any(verdict.reason is Reason.RESOLVED for _, verdict in told):
        chosen += execute(tx, threads_of_episode, {"group": group.id, "episode": episode}).scalars()
    deliver(
        tx,
        plan,
        notification=id_,
        project=group.project,
        reason=reason,
        group_id=group.id,
        episode=episode,
        chosen=chosen,
    )


def _message(
    tx: Tx,
    plan: Plan,
    group: sa.Row[Any],
    route: Route,
    reason: Reason,
    told: Sequence[tuple[Member, Tell]],
) -> Message:
    order = {reason: index for index, reason in enumerate(Reason)}
    first = sorted(told, key=lambda pair: (order[pair[1].reason], -pair[0].severity.rank, pair[0].incident))
    shown = first[:SHOWN_AT_MOST]
    snapshots = _snapshots(tx, plan.url, [member.incident for member, _ in shown])
    totals: dict[str, int] = {}
    for _, verdict in told:
        totals[verdict.reason.value] = totals.get(verdict.reason.value, 0) + 1
    return Message(
        id="",
        reason=reason,
        at=tx.now,
        project=group.project,
        group=group.id,
        labels=json.loads(group.labels),
        told=tuple(
            Told(incident=snapshots[member.incident], reason=verdict.reason) for member, verdict in shown
        ),
        more=len(told) - len(shown),
        totals=totals,
        suppressed=sum(verdict.suppressed for _, verdict in told),
        origin=Origin(route=route.name, line=route.line),
        thread_id="",
    )


def _snapshots(tx: Tx, url: str | None, numbers: Sequence[int]) -> dict[int, Incident]:
    rows = execute(tx, snapshots, {"incidents": pack_each(numbers)})
    return {row.number: incident_of(row, url) for row in rows}
