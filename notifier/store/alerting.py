"""The two alerting transactions: attention (route, join groups) and flush (decide, tell)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from notifier.domain.event import Severity
from notifier.domain.incident import Incident, State
from notifier.domain.message import SHOWN_AT_MOST, Message, Origin, Told
from notifier.domain.notification import HeldBy, Reason
from notifier.domain.route import Route
from notifier.domain.time import MINUTE, Duration, Instant
from notifier.policy import routing, telling
from notifier.policy.telling import Hold, Member, Settled, Tell
from notifier.store import ledger
from notifier.store.board import incident_of, with_latest
from notifier.store.database import Dialect, Tx
from notifier.store.rows import pack, unfold
from notifier.store.schema import (
    OPEN,
    Big,
    deliveries,
    groups,
    incidents,
    members,
    notifications,
    tallies,
    targets,
    threads,
)

ATTENTION_AT_ONCE = 200
GROUPS_AT_ONCE = 10
MEMBERS_AT_ONCE = 2_000
QUIET_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the configuration says about telling: the routing tree, the same by key, and each channel's target rows."""

    tree: Route
    routes: Mapping[str, Route]
    targets: Mapping[str, tuple[int, ...]]
    url: str | None
    expires_after: Duration
    fallback_after: Duration | None
    new_id: Callable[[], str]

    def route(self, key: str) -> Route:
        """The route of a stored group; one that has vanished is told by the root (alerting fails open)."""
        return self.routes.get(key, self.tree)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How much was done, whether more is due now, and when the next is due (None: nothing is)."""

    done: int
    more: bool
    next_at: Instant | None = None
    told: tuple[tuple[str, Reason], ...] = ()


def attend(tx: Tx, plan: Plan) -> Progress:
    """Route incidents that need attention, make them members, and say when their groups are due."""
    due = tx.run(
        _attention().with_for_update(skip_locked=True, of=incidents),
        {"now": tx.now, "most": ATTENTION_AT_ONCE},
    )
    rows = due.all()
    if not rows:
        return Progress(done=0, more=False, next_at=_next(tx, incidents.c.attention_at))
    joins = [join for row in rows if not row.routed for join in _joins(row, plan)]
    known = [row for row in rows if row.routed]
    existing = _memberships(tx, [row.number for row in known])
    by_number = {row.number: row for row in rows}
    wanted = {group_id: (route, labels) for group_id, _, route, labels in joins}
    found = _lock_groups(tx, sorted({*wanted, *(row.group_id for row in existing)}))
    _create_groups(tx, wanted, found, by_number, joins)
    due_at: dict[str, Instant] = {}
    for group_id, number, route, _ in joins:
        _sooner(due_at, group_id, _change(by_number[number], None), route, found, tx.now)
    for membership in existing:
        route = plan.route(found[membership.group_id].route)
        member = _change(by_number[membership.incident], membership)
        _sooner(due_at, membership.group_id, member, route, found, tx.now)
    if joins:
        tx.run(_join(tx.dialect), {"rows": pack((g, n, tx.now, tx.now) for g, n, _, _ in joins)})
    if existing:
        tx.run(_touch(tx.dialect), {"rows": pack((m.group_id, m.incident) for m in existing), "now": tx.now})
    tx.run(_due(tx.dialect), {"rows": pack(sorted(due_at.items()))})
    tx.run(_attended(tx.dialect), {"rows": pack([number] for number in sorted(by_number))})
    tx.signal("groups")
    return Progress(done=len(rows), more=len(rows) == ATTENTION_AT_ONCE)


def _attention() -> sa.Select[Any]:
    return (
        sa.select(incidents)
        .where(incidents.c.attention_at <= sa.bindparam("now"))
        .order_by(incidents.c.attention_at)
        .limit(sa.bindparam("most"))
    )


def _joins(row: sa.Row[Any], plan: Plan) -> list[tuple[str, int, Route, Mapping[str, str]]]:
    labels = json.loads(row.labels)
    found = []
    for route in routing.route(plan.tree, labels):
        shared = routing.group_labels(route, labels, row.id)
        found.append((routing.group_key(row.project, route, shared), row.number, route, shared))
    return found


def _memberships(tx: Tx, numbers: Sequence[int]) -> Sequence[sa.Row[Any]]:
    if not numbers:
        return ()
    return tx.run(sa.select(members).where(members.c.incident.in_(numbers))).all()


def _lock_groups(tx: Tx, ids: Sequence[str]) -> dict[str, sa.Row[Any]]:
    query = sa.select(groups).where(groups.c.id.in_(ids)).order_by(groups.c.id).with_for_update()
    return {row.id: row for row in tx.run(query)}


def _create_groups(
    tx: Tx,
    wanted: Mapping[str, tuple[Route, Mapping[str, str]]],
    found: Mapping[str, object],
    rows: Mapping[int, sa.Row[Any]],
    joins: Iterable[tuple[str, int, Route, Mapping[str, str]]],
) -> None:
    projects = {group_id: rows[number].project for group_id, number, _, _ in joins}
    new = [
        (group_id, projects[group_id], route.key, json.dumps(dict(labels), ensure_ascii=False), tx.now)
        for group_id, (route, labels) in sorted(wanted.items())
        if group_id not in found
    ]
    if new:
        tx.run(_insert_groups(tx.dialect), {"rows": pack(new)})


def _change(row: Any, told: Any | None) -> Member:
    return Member(
        incident=row.number,
        state=State(row.state),
        severity=Severity(row.severity),
        count=row.count,
        reopened=row.previous_id is not None,
        told_state=None if told is None or told.told_state is None else State(told.told_state),
        told_severity=None if told is None or told.told_severity is None else Severity(told.told_severity),
        told_count=0 if told is None else told.told_count,
        first_told_at=None if told is None else told.first_told_at,
        told_at=None if told is None else told.told_at,
        held_by=None if told is None or told.held_by is None else HeldBy(told.held_by),
    )


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


def flush(tx: Tx, plan: Plan) -> Progress:
    """Decide for every group that is due: at most one notification each, its deliveries, and the next due time."""
    query = (
        sa.select(groups)
        .where(groups.c.due_at <= tx.now)
        .order_by(groups.c.due_at)
        .limit(GROUPS_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    rows = tx.run(query).all()
    told = [_flush_group(tx, plan, row) for row in rows]
    more = len(rows) == GROUPS_AT_ONCE
    next_at = None if more else _next(tx, groups.c.due_at)
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
    query = (
        sa.select(
            members,
            incidents.c.number,
            incidents.c.state,
            incidents.c.severity,
            incidents.c.count,
            incidents.c.previous_id,
        )
        .join(incidents, incidents.c.number == members.c.incident)
        .where(
            members.c.group_id == group_id,
            sa.or_(members.c.changed_at.is_not(None), members.c.repeat_at <= tx.now),
        )
        .order_by(members.c.incident)
        .limit(MEMBERS_AT_ONCE)
    )
    found = [_change(row, row) for row in tx.run(query)]
    threshold = route.notify_after
    if threshold is None or not found:
        return found
    since = (tx.now - threshold.within) // MINUTE * MINUTE
    waiting = [member.incident for member in found if member.told_at is None]
    recent = {
        row.incident: int(row.n)
        for row in tx.run(
            sa.select(tallies.c.incident, sa.func.sum(tallies.c.n).label("n"))
            .where(tallies.c.incident.in_(waiting), tallies.c.minute >= since)
            .group_by(tallies.c.incident)
        )
    }
    return [replace(member, recent=recent.get(member.incident, 0)) for member in found]


def _record(tx: Tx, group_id: str, verdicts: Sequence[tuple[Member, telling.Verdict]]) -> bool:
    """Write what was decided about each member; whether an event slipped in between, so that the group is due again."""
    told, settled, held, wake = [], [], [], []
    for member, verdict in verdicts:
        if isinstance(verdict, Tell):
            told.append((
                group_id, member.incident, member.state.value if member.state is not State.ACKNOWLEDGED else "open",
                member.severity.value, member.count, verdict.reason.value, verdict.repeat_at,
            ))  # fmt: skip
        elif isinstance(verdict, Hold):
            held.append((group_id, member.incident, verdict.held_by.value))
            if verdict.wake:
                wake.append((member.incident, member.count))
        else:
            settled.append((group_id, member.incident, verdict.state.value))
    if told:
        tx.run(_told(tx.dialect), {"rows": pack(told), "now": tx.now})
    if settled:
        tx.run(_settled(tx.dialect), {"rows": pack(settled)})
    missed = False
    if held:
        tx.run(_held(tx.dialect), {"rows": pack(held)})
    if wake:
        missed = tx.run(_wait(tx.dialect), {"rows": pack(sorted(wake))}).rowcount < len(wake)
        if missed:
            tx.run(_touch(tx.dialect), {"rows": pack((g, n) for g, n, _ in held), "now": tx.now})
    return missed


def _rearm(tx: Tx, group: sa.Row[Any], *, told: bool, missed: bool, more: bool) -> None:
    """When the group is due next: at once if it was not finished, else at its next repeat."""
    repeat = (
        sa.select(sa.func.min(members.c.repeat_at)).where(members.c.group_id == group.id).scalar_subquery()
    )
    still_open = (
        sa.select(sa.literal(1))
        .where(members.c.group_id == group.id, members.c.told_state == "open")
        .exists()
    )
    values: dict[str, object] = {
        "due_at": tx.now if missed or more else repeat,
        "active": sa.case((still_open, 1), else_=0),
    }
    if told:
        values["last_told_at"] = tx.now
    tx.run(sa.update(groups).where(groups.c.id == group.id).values(**values))


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
        tx.run(sa.update(groups).where(groups.c.id == group.id).values(episode=episode))
    id_ = plan.new_id()
    message = _message(tx, plan, group, route, reason, told)
    rank = max(member.severity.rank for member, _ in told)
    tx.run(
        sa.insert(notifications).values(
            id=id_,
            project=group.project,
            group_id=group.id,
            episode=episode,
            reason=reason.value,
            at=tx.now,
            rank=rank,
            message=json.dumps(message.as_json(), ensure_ascii=False),
        )  # fmt: skip
    )
    chosen = [target for channel in route.channels for target in plan.targets.get(channel, ())]
    if reason is Reason.RESOLVED:
        chosen += tx.run(
            sa.select(threads.c.target).where(threads.c.group_id == group.id, threads.c.episode == episode)
        ).scalars()
    deliver(tx, plan, notification=id_, project=group.project, reason=reason, group_id=group.id, episode=episode,
            chosen=chosen)  # fmt: skip


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
    rows = tx.run(with_latest().where(incidents.c.number.in_(numbers)))
    return {row.number: incident_of(row, url) for row in rows}


def deliver(
    tx: Tx,
    plan: Plan,
    *,
    notification: str,
    project: str,
    reason: Reason,
    group_id: str,
    episode: int,
    chosen: Sequence[int],
    fallback_after: Duration | None = None,
) -> None:
    """One delivery per target, all of them or none, in the thread of the episode at each target."""
    wanted = sorted(set(chosen))
    if not wanted:
        return
    thread_of = _threads(tx, plan, group_id, episode, wanted)
    channel_of = {
        row.id: row.channel
        for row in tx.run(
            sa.select(targets.c.id, targets.c.channel)
            .where(targets.c.id.in_(wanted))
            .order_by(targets.c.id)
            .with_for_update()
        )
    }
    wait = plan.fallback_after if fallback_after is None else fallback_after
    rows = [
        {
            "id": plan.new_id(), "project": project, "notification": notification, "target": target,
            "channel": channel_of[target], "thread": thread_of[target], "reason": reason.value, "state": "pending",
            "created_at": tx.now, "due_at": tx.now, "expires_at": tx.now + plan.expires_after,
            "fallback_at": None if wait is None else tx.now + wait,
        }
        for target in wanted
    ]  # fmt: skip
    tx.run(sa.insert(deliveries).values(rows))
    earlier = sa.or_(targets.c.due_at.is_(None), targets.c.due_at > tx.now)
    tx.run(sa.update(targets).where(targets.c.id.in_(wanted), earlier).values(due_at=tx.now))
    ledger.add(tx, {"created_deliveries": len(rows)})
    tx.signal("targets")


def _threads(tx: Tx, plan: Plan, group_id: str, episode: int, wanted: Sequence[int]) -> dict[int, str]:
    query = sa.select(threads.c.id, threads.c.target, threads.c.episode).where(
        threads.c.group_id == group_id, threads.c.target.in_(wanted)
    )
    newest: dict[int, sa.Row[Any]] = {}
    for row in tx.run(query.order_by(threads.c.episode)):
        newest[row.target] = row
    found: dict[int, str] = {}
    new = []
    for target in wanted:
        last = newest.get(target)
        if last is not None and last.episode == episode:
            found[target] = last.id
            continue
        found[target] = plan.new_id()
        new.append({
            "id": found[target], "group_id": group_id, "episode": episode, "target": target,
            "previous_id": None if last is None else last.id, "created_at": tx.now,
        })  # fmt: skip
    if new:
        tx.run(sa.insert(threads).values(new))
    return found


def resolve_quiet(tx: Tx, auto_resolve: Duration) -> Progress:
    """Resolve incidents that no event has reached for `auto_resolve`."""
    before = tx.now - auto_resolve
    rows = tx.run(
        sa.select(incidents.c.number, incidents.c.last_seen)
        .where(incidents.c.closed == OPEN, incidents.c.quiet_since <= before)
        .order_by(incidents.c.quiet_since)
        .limit(QUIET_AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    quiet = [row.number for row in rows if row.last_seen <= before]
    if quiet:
        tx.run(
            sa.update(incidents)
            .where(incidents.c.number.in_(quiet))
            .values(
                state=State.RESOLVED.value,
                closed=incidents.c.number,
                resolved_at=tx.now,
                resolved_by="auto",
                waiting=0,
                attention_at=sa.func.coalesce(incidents.c.attention_at, tx.now),
            )  # fmt: skip
        )
        tx.signal("attention")
    busy = [row.number for row in rows if row.last_seen > before]
    if busy:
        tx.run(
            sa.update(incidents).where(incidents.c.number.in_(busy)).values(quiet_since=incidents.c.last_seen)
        )
    first = sa.select(sa.func.min(incidents.c.quiet_since)).where(incidents.c.closed == OPEN)
    since = tx.run(first).scalar()
    return Progress(
        done=len(quiet),
        more=len(rows) == QUIET_AT_ONCE,
        next_at=None if since is None else since + auto_resolve,
    )


def _next(tx: Tx, column: sa.Column[int]) -> Instant | None:
    return tx.run(sa.select(sa.func.min(column)).where(column.is_not(None))).scalar()


# Statements over a batch.


@cache
def _insert_groups(dialect: Dialect) -> sa.Insert:
    names = ["id", "project", "route", "labels", "created_at"]
    rows = unfold(dialect, "rows", [(name, groups.c[name].type) for name in names])
    return (
        _insert(dialect, groups)
        .from_select(names, sa.select(*rows.c).where(sa.true()))
        .on_conflict_do_nothing()
    )


@cache
def _join(dialect: Dialect) -> sa.Insert:
    names = ["group_id", "incident", "joined_at", "changed_at"]
    rows = unfold(dialect, "rows", [(name, members.c[name].type) for name in names])
    return (
        _insert(dialect, members)
        .from_select(names, sa.select(*rows.c).where(sa.true()))
        .on_conflict_do_nothing()
    )


def _member_rows(dialect: Dialect, *names: str) -> sa.Subquery:
    return unfold(
        dialect, "rows", [(name, members.c[name].type) for name in ("group_id", "incident", *names)]
    )


def _update_members(rows: sa.Subquery) -> sa.Update:
    return sa.update(members).where(
        members.c.group_id == rows.c.group_id, members.c.incident == rows.c.incident
    )


@cache
def _touch(dialect: Dialect) -> sa.Update:
    return _update_members(_member_rows(dialect)).values(changed_at=sa.bindparam("now", type_=Big))


@cache
def _told(dialect: Dialect) -> sa.Update:
    rows = _member_rows(dialect, "told_state", "told_severity", "told_count", "told_reason", "repeat_at")
    now = sa.bindparam("now", type_=Big)
    return _update_members(rows).values(
        told_state=rows.c.told_state,
        told_severity=rows.c.told_severity,
        told_count=rows.c.told_count,
        told_reason=rows.c.told_reason,
        repeat_at=rows.c.repeat_at,
        told_at=now,
        first_told_at=sa.func.coalesce(members.c.first_told_at, now),
        held_by=None,
        changed_at=None,
    )


@cache
def _settled(dialect: Dialect) -> sa.Update:
    rows = _member_rows(dialect, "told_state")
    over = rows.c.told_state == State.RESOLVED.value
    return _update_members(rows).values(
        changed_at=None,
        told_state=sa.case((over, rows.c.told_state), else_=members.c.told_state),
        repeat_at=sa.case((over, None), else_=members.c.repeat_at),
    )


@cache
def _held(dialect: Dialect) -> sa.Update:
    rows = _member_rows(dialect, "held_by")
    return _update_members(rows).values(held_by=rows.c.held_by, changed_at=None, repeat_at=None)


@cache
def _wait(dialect: Dialect) -> sa.Update:
    """Let the next event wake an incident, unless one has come since it was read."""
    rows = unfold(dialect, "rows", [("incident", Big), ("count", Big)])
    return (
        sa.update(incidents)
        .values(waiting=1)
        .where(incidents.c.number == rows.c.incident, incidents.c.count == rows.c.count)
    )


@cache
def _due(dialect: Dialect) -> sa.Update:
    rows = unfold(dialect, "rows", [("id", sa.Text()), ("due_at", Big)])
    sooner = sa.case((groups.c.due_at < rows.c.due_at, groups.c.due_at), else_=rows.c.due_at)
    return sa.update(groups).values(due_at=sooner).where(groups.c.id == rows.c.id)


@cache
def _attended(dialect: Dialect) -> sa.Update:
    rows = unfold(dialect, "rows", [("number", Big)])
    return sa.update(incidents).values(attention_at=None, routed=1).where(incidents.c.number == rows.c.number)


def _insert(dialect: Dialect, table: sa.Table) -> sqlite.Insert:
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)  # type: ignore[return-value]


__all__ = ["Plan", "Progress", "attend", "deliver", "flush", "resolve_quiet", "Settled"]
