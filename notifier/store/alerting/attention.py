"""Attention due: route incidents, make them members, say when their groups are due."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from notifier.domain.event import Severity
from notifier.domain.incident import State
from notifier.domain.route import Route
from notifier.domain.time import Instant
from notifier.policy import routing, telling
from notifier.policy.telling import Member
from notifier.store import inhibition
from notifier.store.alerting.plan import Plan, Progress, member_of
from notifier.store.alerting.statements import (
    attended_rows,
    attention,
    due_rows,
    insert_groups,
    join,
    lock_groups,
    memberships,
    next_attention,
    touch,
)
from notifier.store.compiled import execute
from notifier.store.database import Tx
from notifier.store.rows import pack, pack_each, text

ATTENTION_AT_ONCE = 200


def attend(tx: Tx, plan: Plan) -> Progress:
    """Route incidents that need attention, make them members, and say when their groups are due."""
    rows = execute(tx, attention, {"now": tx.now, "most": ATTENTION_AT_ONCE}).all()
    if not rows:
        return Progress(done=0, more=False, next_at=execute(tx, next_attention, {}).scalar())
    existing = _memberships(tx, [row.number for row in rows if row.routed])
    members_already = {(one.group_id, one.incident) for one in existing}
    walk = _Walk(plan)
    routed = [made for row in rows if _is_to_route(row) for made in walk.joins(row)]
    joins = [made for made in routed if made[:2] not in members_already]
    by_number = {row.number: row for row in rows}
    wanted = {group_id: (route, labels) for group_id, _, route, labels in joins}
    found = _lock_groups(tx, sorted({*wanted, *(row.group_id for row in existing)}))
    _create_groups(tx, wanted, found, by_number, joins)
    due_at: dict[str, Instant] = {}
    alike: set[tuple[str, str, str]] = set()
    for group_id, number, route, _ in joins:
        row = by_number[number]
        # A storm's incidents differ in nothing that a due time depends on.
        if (kind := (group_id, row.severity, row.state)) not in alike:
            alike.add(kind)
            _sooner(due_at, group_id, member_of(row, None), route, found, tx.now)
    for membership in existing:
        route = plan.route(found[membership.group_id].route)
        member = member_of(by_number[membership.incident], membership)
        _sooner(due_at, membership.group_id, member, route, found, tx.now)
    if joins:
        execute(tx, join, {"rows": pack((g, n, tx.now, tx.now) for g, n, _, _ in joins)})
    if existing:
        execute(tx, touch, {"rows": pack((m.group_id, m.incident) for m in existing), "now": tx.now})
    inhibition.note(tx, plan.inhibit, rows)
    execute(tx, due_rows, {"rows": pack(sorted(due_at.items()))})
    execute(tx, attended_rows, {"rows": pack((row.number, _routed_at(row)) for row in rows)})
    tx.signal("groups")
    return Progress(done=len(rows), more=len(rows) == ATTENTION_AT_ONCE)


def _routed_at(row: sa.Row[Any]) -> int:
    """What `incidents.routed` says afterwards: the severity that it was last routed with, from 1."""
    return max(int(row.routed), Severity(row.severity).rank + 1)


def _is_to_route(row: sa.Row[Any]) -> bool:
    """A new incident, or one that was raised: a route for `critical` hears of it, and those chosen before stay."""
    return bool(row.routed == 0 or (row.state != State.RESOLVED.value and _routed_at(row) > row.routed))


Join = tuple[str, int, Route, Mapping[str, str]]


class _Walk:
    """Walks the routing tree once for all incidents of a batch that carry the same labels."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._known: dict[tuple[str, str], list[tuple[str, Route, Mapping[str, str]]]] = {}

    def joins(self, row: sa.Row[Any]) -> list[Join]:
        """(group, incident, route, shared labels) for every route that tells of it."""
        key = (row.project, row.labels)
        found = self._known.get(key)
        if found is None:
            found = self._groups(row)
            if all(route.group_by != routing.PER_INCIDENT for _, route, _ in found):
                self._known[key] = found
        return [(group_id, row.number, route, shared) for group_id, route, shared in found]

    def _groups(self, row: sa.Row[Any]) -> list[tuple[str, Route, Mapping[str, str]]]:
        labels = json.loads(row.labels)
        found = []
        for route in routing.route(self._plan.tree, labels):
            shared = routing.group_labels(route, labels, row.id)
            found.append((routing.group_key(row.project, route, shared), route, shared))
        return found


def _memberships(tx: Tx, numbers: Sequence[int]) -> Sequence[sa.Row[Any]]:
    if not numbers:
        return ()
    return execute(tx, memberships, {"incidents": pack_each(numbers)}).all()


def _lock_groups(tx: Tx, ids: Sequence[str]) -> dict[str, sa.Row[Any]]:
    return {row.id: row for row in execute(tx, lock_groups, {"groups": pack_each(ids)})}


def _create_groups(
    tx: Tx,
    wanted: Mapping[str, tuple[Route, Mapping[str, str]]],
    found: Mapping[str, object],
    rows: Mapping[int, sa.Row[Any]],
    joins: Iterable[Join],
) -> None:
    projects = {group_id: rows[number].project for group_id, number, _, _ in joins}
    new = [
        (group_id, projects[group_id], route.key, text(dict(labels)), tx.now)
        for group_id, (route, labels) in sorted(wanted.items())
        if group_id not in found
    ]
    if new:
        execute(tx, insert_groups, {"rows": pack(new)})


def _sooner(
    due_at: dict[str, Instant],
    group_id: str,
    member: Member,
    route: Route,
    found: Mapping[str, sa.Row[Any]],
    now: Instant,
) -> None:
    last = found[group_id].last_told_at if group_id in found else None
    at = telling.change_due(member, route, changed_at=now, last_told_at=last)
    due_at[group_id] = min(at, due_at.get(group_id, at))
