"""Routing: incidents that need attention are matched with routes, join groups, and make their groups due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from notifier.alerting.inhibition import update_inhibitors
from notifier.alerting.member import member_of
from notifier.alerting.urgency import most_urgent
from notifier.domain.route import Route
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.domain.time import Instant
from notifier.domain.value import replace
from notifier.policy import flapping, notifying, routing
from notifier.policy.flapping import Carried, Previous
from notifier.policy.notifying import Member
from notifier.policy.rules import AlertingRules
from notifier.store.compiled import execute
from notifier.store.database import Tx
from notifier.store.json_rows import encode_rows, encode_values, json_text, json_value
from notifier.store.statements.groups import (
    GroupRow,
    insert_groups,
    lock_groups,
    make_groups_due,
    name_groups,
)
from notifier.store.statements.incidents import (
    IncidentRow,
    attention_due,
    next_attention,
    set_routed,
    urgent_attention_due,
)
from notifier.store.statements.members import (
    MemberRow,
    ToldMember,
    insert_members,
    mark_changed,
    members_of_incidents,
    memberships,
)
from notifier.telemetry.loop import Progress

INCIDENTS_AT_ONCE = 200


class _Join(NamedTuple):
    """An incident that joins a group of a route. `labels` are those shared by the group's incidents."""

    group: str
    incident: IncidentRow
    route: Route
    labels: Mapping[str, str]


def route_incidents(tx: Tx, rules: AlertingRules) -> Progress:
    """Route incidents that need attention, add them to groups, and set when the groups are due."""
    incidents = most_urgent(tx, attention_due, urgent_attention_due, key="number", most=INCIDENTS_AT_ONCE)
    if not incidents:
        return Progress(done=0, more=False, next_at=execute(tx, next_attention, {}).scalar())
    existing = _memberships(tx, [incident.number for incident in incidents if incident.routed])
    joins = _joins(rules, incidents, existing)
    ids = sorted({*(join.group for join in joins), *(member.group_id for member in existing)})
    groups = {group.id: group for group in lock_groups(tx, groups=encode_values(ids))}
    joins = [join for join in joins if not _has_own_group(join, existing, groups)]
    _write_groups(tx, joins, groups)
    carried = _carried(tx, joins, groups)
    due = _DueTimes(groups=groups, now=tx.now)
    _joined(due, joins, carried)
    by_number = {incident.number: incident for incident in incidents}
    for membership in existing:
        route = rules.route(groups[membership.group_id].route)
        due.add(membership.group_id, route, member_of(by_number[membership.incident], membership))
    if joins:
        execute(
            tx, insert_members, {"rows": encode_rows(_member_row(join, carried, tx.now) for join in joins)}
        )
    if existing:
        rows = encode_rows((member.group_id, member.incident) for member in existing)
        execute(tx, mark_changed, {"rows": rows, "now": tx.now})
    update_inhibitors(tx, rules.inhibit, incidents)
    execute(tx, make_groups_due, {"rows": encode_rows(due.rows())})
    routed = encode_rows((incident.number, _routed_at(incident)) for incident in incidents)
    execute(tx, set_routed, {"rows": routed})
    tx.signal("groups")
    return Progress(done=len(incidents), more=len(incidents) == INCIDENTS_AT_ONCE)


def _routed_at(incident: IncidentRow) -> int:
    """The new value of `incidents.routed`: the highest severity rank routed so far, plus one."""
    return max(incident.routed, Severity(incident.severity).rank + 1)


def _is_to_route(incident: IncidentRow) -> bool:
    """Whether an incident is new, or its severity was raised, so that further routes may match."""
    raised = incident.state != State.RESOLVED.value and _routed_at(incident) > incident.routed
    return incident.routed == 0 or raised


def _memberships(tx: Tx, numbers: Sequence[int]) -> Sequence[ToldMember]:
    return memberships(tx, incidents=encode_values(numbers)) if numbers else ()


def _joins(
    rules: AlertingRules, incidents: Sequence[IncidentRow], existing: Sequence[ToldMember]
) -> list[_Join]:
    """The memberships that the routing tree asks for and that do not exist yet."""
    members = {(member.group_id, member.incident) for member in existing}
    walk = _Walk(rules)
    routed = [join for incident in incidents if _is_to_route(incident) for join in walk.joins(incident)]
    return [join for join in routed if (join.group, join.incident.number) not in members]


class _Walk:
    """Matches incidents with routes; the result is cached by project and labels."""

    def __init__(self, rules: AlertingRules) -> None:
        self._rules = rules
        self._walked: dict[tuple[str, str], list[tuple[str, Route, Mapping[str, str]]]] = {}

    def joins(self, incident: IncidentRow) -> list[_Join]:
        """A join for every route that matches the incident's labels."""
        key = (incident.project, incident.labels)
        groups = self._walked.get(key)
        if groups is None:
            groups = self._groups(incident)
            if all(route.group_by != routing.PER_INCIDENT for _, route, _ in groups):
                self._walked[key] = groups
        return [_Join(group, incident, route, labels) for group, route, labels in groups]

    def _groups(self, incident: IncidentRow) -> list[tuple[str, Route, Mapping[str, str]]]:
        labels = json_value(incident.labels)
        identity = (incident.environment, incident.fingerprint)
        groups = []
        for route in routing.route(self._rules.tree, labels):
            shared = routing.group_labels(route, labels, incident.id)
            groups.append((routing.group_key(incident.project, route, shared, identity), route, shared))
        return groups


def _has_own_group(join: _Join, existing: Sequence[ToldMember], groups: Mapping[str, GroupRow]) -> bool:
    """Whether the incident already has its own group on this route, stored under an older form of the key."""
    return join.route.group_by == routing.PER_INCIDENT and any(
        member.incident == join.incident.number and groups[member.group_id].route == join.route.key
        for member in existing
    )


def _write_groups(tx: Tx, joins: Sequence[_Join], groups: Mapping[str, GroupRow]) -> None:
    """Insert new groups; relabel groups of a single problem after its newest incident."""
    chosen = {join.group: join for join in joins}
    new = [
        (id_, join.incident.project, join.route.key, json_text(dict(join.labels)), tx.now)
        for id_, join in sorted(chosen.items())
        if id_ not in groups
    ]
    if new:
        execute(tx, insert_groups, {"rows": encode_rows(new)})
    renamed = [
        (id_, json_text(dict(join.labels)))
        for id_, join in sorted(chosen.items())
        if id_ in groups and join.route.group_by == routing.PER_INCIDENT
    ]
    if renamed:
        execute(tx, name_groups, {"rows": encode_rows(renamed)})


_ByMember = Mapping[tuple[str, int], Carried]


def _carried(tx: Tx, joins: Sequence[_Join], groups: Mapping[str, GroupRow]) -> _ByMember:
    """The values that recurring incidents inherit from the previous incident, which may be in this batch."""
    returns = sorted(
        (join for join in joins if join.incident.previous_id is not None),
        key=lambda join: (join.incident.number, join.group),
    )
    if not returns:
        return {}
    rows = members_of_incidents(
        tx,
        groups=encode_values(sorted({join.group for join in returns})),
        incidents=encode_values(sorted({str(join.incident.previous_id) for join in returns})),
    )
    before = {(member.group_id, member.id): _previous(member) for member in rows}
    carried: dict[tuple[str, int], Carried] = {}
    for group, incident, route, _ in returns:
        previous = before.get((group, str(incident.previous_id)))
        if previous is None:
            continue
        same_thread = route.group_by == routing.PER_INCIDENT or bool(group in groups and groups[group].active)
        carried_over = flapping.carry(previous, route, incident.opened_at, same_thread=same_thread)
        carried[group, incident.number] = carried_over
        before[group, incident.id] = Previous(
            carried=carried_over, opened_at=incident.opened_at, resolved_at=incident.resolved_at
        )
    return carried


def _previous(member: MemberRow) -> Previous:
    carried = Carried(
        returns=member.returns,
        since=member.returning_since,
        critical_at=member.critical_at,
        first_told_at=member.first_told_at,
        escalated=member.escalated,
    )
    return Previous(carried=carried, opened_at=member.opened_at, resolved_at=member.resolved_at)


@dataclass(slots=True, kw_only=True)
class _DueTimes:
    """The earliest time at which each group is due, and the groups with a critical incident."""

    groups: Mapping[str, GroupRow]
    now: Instant
    moments: dict[str, Instant] = field(default_factory=dict)
    urgent: set[str] = field(default_factory=set)

    def add(self, group: str, route: Route, member: Member) -> None:
        """Note that a member of the group has changed now."""
        last_told_at = self.groups[group].last_told_at if group in self.groups else None
        at = notifying.change_due(member, route, changed_at=self.now, last_told_at=last_told_at)
        self.moments[group] = min(at, self.moments.get(group, at))
        if member.severity is Severity.CRITICAL:
            self.urgent.add(group)

    def rows(self) -> list[tuple[str, Instant, int]]:
        """Rows of (group, due time, 1 if urgent else 0)."""
        return [(group, at, int(group in self.urgent)) for group, at in sorted(self.moments.items())]


def _joined(due: _DueTimes, joins: Sequence[_Join], carried: _ByMember) -> None:
    alike: set[tuple[str, str, str]] = set()
    for join in joins:
        incident = join.incident
        carried_over = carried.get((join.group, incident.number))
        if carried_over is None:
            # Incidents of equal severity and state lead to the same due time.
            kind = (join.group, incident.severity, incident.state)
            if kind in alike:
                continue
            alike.add(kind)
        member = member_of(incident)
        if carried_over is not None:
            member = replace(member, critical_at=carried_over.critical_at)
        due.add(join.group, join.route, member)


def _member_row(join: _Join, carried: _ByMember, now: Instant) -> tuple[object, ...]:
    number = join.incident.number
    carried_over = carried.get((join.group, number), Carried())
    return (
        join.group, number, now, now, carried_over.returns, carried_over.since, carried_over.critical_at,
        carried_over.first_told_at, carried_over.escalated,
    )  # fmt: skip
