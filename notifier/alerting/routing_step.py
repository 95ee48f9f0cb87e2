"""Attention due: route incidents, make them members, say when their groups are due."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from notifier.alerting import inhibition
from notifier.alerting.member import member_of
from notifier.domain.event import Severity
from notifier.domain.incident import State
from notifier.domain.route import Route
from notifier.domain.time import Instant
from notifier.policy import flapping, notifying, routing
from notifier.policy.flapping import Carried, Previous
from notifier.policy.notifying import Member
from notifier.policy.rules import AlertingRules
from notifier.store.compiled import execute
from notifier.store.database import Tx
from notifier.store.json_rows import encode_rows, encode_values, json_text
from notifier.store.statements.alerting import (
    attended_rows,
    attention,
    due_rows,
    insert_groups,
    join,
    lock_groups,
    members_of_incidents,
    memberships,
    name_groups,
    next_attention,
    touch,
)
from notifier.telemetry.loop import Progress

ATTENTION_AT_ONCE = 200


def route_incidents(tx: Tx, rules: AlertingRules) -> Progress:
    """Route incidents that need attention, make them members, and say when their groups are due."""
    rows = execute(tx, attention, {"now": tx.now, "most": ATTENTION_AT_ONCE}).all()
    if not rows:
        return Progress(done=0, more=False, next_at=execute(tx, next_attention, {}).scalar())
    existing = _memberships(tx, [row.number for row in rows if row.routed])
    members_already = {(one.group_id, one.incident) for one in existing}
    walk = _Walk(rules)
    routed = [made for row in rows if _is_to_route(row) for made in walk.joins(row)]
    joins = [made for made in routed if made[:2] not in members_already]
    by_number = {row.number: row for row in rows}
    wanted = {group_id: (route, labels) for group_id, _, route, labels in joins}
    found = _lock_groups(tx, sorted({*wanted, *(row.group_id for row in existing)}))
    joins = [made for made in joins if not _has_its_own(made, existing, found)]
    wanted = {group_id: (route, labels) for group_id, _, route, labels in joins}
    _create_groups(tx, wanted, found, by_number, joins)
    carried = _carried(tx, joins, by_number, found)
    due_at: dict[str, Instant] = {}
    alike: set[tuple[str, str, str]] = set()
    for group_id, number, route, _ in joins:
        row = by_number[number]
        one = carried.get((group_id, number))
        # A storm's incidents differ in nothing that a due time depends on.
        if one is not None or (kind := (group_id, row.severity, row.state)) not in alike:
            if one is None:
                alike.add(kind)
            member = member_of(row, None)
            critical_at = None if one is None else one.critical_at
            _sooner(due_at, group_id, replace(member, critical_at=critical_at), route, found, tx.now)
    for membership in existing:
        route = rules.route(found[membership.group_id].route)
        member = member_of(by_number[membership.incident], membership)
        _sooner(due_at, membership.group_id, member, route, found, tx.now)
    if joins:
        execute(tx, join, {"rows": encode_rows(_member_row(made, carried, tx.now) for made in joins)})
    if existing:
        execute(tx, touch, {"rows": encode_rows((m.group_id, m.incident) for m in existing), "now": tx.now})
    inhibition.update_inhibitors(tx, rules.inhibit, rows)
    execute(tx, due_rows, {"rows": encode_rows(sorted(due_at.items()))})
    execute(tx, attended_rows, {"rows": encode_rows((row.number, _routed_at(row)) for row in rows)})
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

    def __init__(self, rules: AlertingRules) -> None:
        self._rules = rules
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
        for route in routing.route(self._rules.tree, labels):
            shared = routing.group_labels(route, labels, row.id)
            identity = (row.environment, row.fingerprint)
            found.append((routing.group_key(row.project, route, shared, identity), route, shared))
        return found


def _has_its_own(made: Join, existing: Sequence[sa.Row[Any]], found: Mapping[str, sa.Row[Any]]) -> bool:
    """Whether an incident is in a group of its own on this route already, under the key that such groups had before."""
    _, number, route, _ = made
    return route.group_by == routing.PER_INCIDENT and any(
        one.incident == number and found[one.group_id].route == route.key for one in existing
    )


def _carried(
    tx: Tx, joins: Sequence[Join], rows: Mapping[int, sa.Row[Any]], found: Mapping[str, sa.Row[Any]]
) -> dict[tuple[str, int], Carried]:
    """What the incidents that are returns take over from the ones before them, which may be of this batch as well."""
    returns = sorted(
        (number, group_id, route)
        for group_id, number, route, _ in joins
        if rows[number].previous_id is not None
    )
    if not returns:
        return {}
    wanted = {
        "groups": encode_values(sorted({group_id for _, group_id, _ in returns})),
        "incidents": encode_values(sorted({rows[number].previous_id for number, _, _ in returns})),
    }
    before = {(row.group_id, row.id): _previous(row) for row in execute(tx, members_of_incidents, wanted)}
    carried: dict[tuple[str, int], Carried] = {}
    for number, group_id, route in returns:
        row = rows[number]
        previous = before.get((group_id, row.previous_id))
        if previous is None:
            continue
        goes_on = route.group_by == routing.PER_INCIDENT or bool(group_id in found and found[group_id].active)
        one = flapping.carry(previous, route, row.opened_at, same_thread=goes_on)
        carried[group_id, number] = one
        before[group_id, row.id] = Previous(carried=one, opened_at=row.opened_at, resolved_at=row.resolved_at)
    return carried


def _previous(row: sa.Row[Any]) -> Previous:
    carried = Carried(
        returns=row.returns,
        since=row.returning_since,
        critical_at=row.critical_at,
        first_told_at=row.first_told_at,
        escalated=row.escalated,
    )
    return Previous(carried=carried, opened_at=row.opened_at, resolved_at=row.resolved_at)


def _member_row(
    made: Join, carried: Mapping[tuple[str, int], Carried], now: Instant
) -> tuple[str, int, Instant, Instant, int, Instant | None, Instant | None, Instant | None, int]:
    group_id, number, _, _ = made
    one = carried.get((group_id, number), Carried())
    return (
        group_id, number, now, now, one.returns, one.since, one.critical_at, one.first_told_at, one.escalated
    )  # fmt: skip


def _memberships(tx: Tx, numbers: Sequence[int]) -> Sequence[sa.Row[Any]]:
    if not numbers:
        return ()
    return execute(tx, memberships, {"incidents": encode_values(numbers)}).all()


def _lock_groups(tx: Tx, ids: Sequence[str]) -> dict[str, sa.Row[Any]]:
    return {row.id: row for row in execute(tx, lock_groups, {"groups": encode_values(ids)})}


def _create_groups(
    tx: Tx,
    wanted: Mapping[str, tuple[Route, Mapping[str, str]]],
    found: Mapping[str, object],
    rows: Mapping[int, sa.Row[Any]],
    joins: Iterable[Join],
) -> None:
    projects = {group_id: rows[number].project for group_id, number, _, _ in joins}
    new = [
        (group_id, projects[group_id], route.key, json_text(dict(labels)), tx.now)
        for group_id, (route, labels) in sorted(wanted.items())
        if group_id not in found
    ]
    if new:
        execute(tx, insert_groups, {"rows": encode_rows(new)})
    renamed = [
        (group_id, json_text(dict(labels)))
        for group_id, (route, labels) in sorted(wanted.items())
        if group_id in found and route.group_by == routing.PER_INCIDENT
    ]
    if renamed:
        execute(tx, name_groups, {"rows": encode_rows(renamed)})


def _sooner(
    due_at: dict[str, Instant],
    group_id: str,
    member: Member,
    route: Route,
    found: Mapping[str, sa.Row[Any]],
    now: Instant,
) -> None:
    last = found[group_id].last_told_at if group_id in found else None
    at = notifying.change_due(member, route, changed_at=now, last_told_at=last)
    due_at[group_id] = min(at, due_at.get(group_id, at))
