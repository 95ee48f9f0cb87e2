"""Groups whose route is not in the configuration any more: their incidents go where the present tree sends them.

What has been told about an incident goes with it, so that nothing is told twice and nothing is forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from notifier.alerting.member import member_of
from notifier.domain.incident import State
from notifier.domain.notification import HeldBy
from notifier.domain.route import Route
from notifier.domain.time import SECOND, Instant
from notifier.policy import notifying, routing
from notifier.policy.rules import AlertingRules
from notifier.store.compiled import execute, insert, update, upsert
from notifier.store.database import Dialect, Tx
from notifier.store.json_rows import encode_rows, encode_values, in_json, json_text, rows_from_json
from notifier.store.schema import Big, groups, incidents, members, threads
from notifier.store.statements.alerting import insert_groups, lock_groups, members_with_incidents, next_groups

GROUPS_AT_ONCE = 2_000
MEMBERS_AT_ONCE = 2_000
AGAIN = SECOND
"""When what another transaction held is tried again."""

Text = sa.Text()

# Holds that are the route's own: another route decides anew.
_OF_THE_ROUTE = (HeldBy.MUTE_TIME.value, HeldBy.BELOW_THRESHOLD.value, HeldBy.ROUTE.value)
# The last decision is the old group's: what is decided in the new one begins a row of its own.
_NOT_COPIED = {"group_id", "incident", "changed_at", "escalate_at", "decided", "decided_at"}
_COPIED = tuple(column.name for column in members.c if column.name not in _NOT_COPIED)


def make_orphaned_groups_due(tx: Tx, keys: Sequence[str], after: str = "") -> str | None:
    """Make due what has a vanished route and something left to tell, among the next groups by id.

    `keys` are the routes that there are. Where to go on, None at the end.
    """
    ids = execute(tx, next_groups, {"after": after, "most": GROUPS_AT_ONCE}).scalars().all()
    if execute(
        tx, _mark, {"groups": encode_values(ids), "routes": encode_values(keys), "now": tx.now}
    ).rowcount:
        tx.signal("groups")
    return ids[-1] if len(ids) == GROUPS_AT_ONCE else None


def reroute(tx: Tx, rules: AlertingRules, group: sa.Row[Any]) -> bool:
    """Move the members of a due group whose route has vanished. Whether some are left: then it is due again.

    An incident that another transaction holds is left for the next time: whoever holds it may be about to say that this
    membership has changed.
    """
    rows = execute(tx, _movable, {"group": group.id, "most": MEMBERS_AT_ONCE}).all()
    target_groups = _target_groups(rules, rows)
    total = int(execute(tx, _count, {"group": group.id}).scalar_one())
    found = _lock(tx, target_groups, group.project)
    if len(rows) == total and len(target_groups) == 1:
        ((id_, target_group),) = target_groups.items()
        _take_over(tx, group, found[id_], target_group)
    else:
        _split_over(tx, rules, group, found, target_groups)
    _move(tx, group, target_groups)
    left = total - len(rows)
    again = None if not left else tx.now if len(rows) == MEMBERS_AT_ONCE else tx.now + AGAIN
    update(tx, groups, {"id": group.id}, {"due_at": again, **({} if left else {"active": 0})})
    if rows:
        tx.signal("groups")
    return left > 0


_EPISODE = ("episode", "active", "episode_at", "last_told_at", "conversation")


@dataclass(slots=True, kw_only=True)
class TargetGroup:
    """A group that the present tree chooses, and the members that go there."""

    route: Route
    labels: Mapping[str, str]
    rows: list[sa.Row[Any]]

    @property
    def told(self) -> bool:
        """Whether somebody waits to hear how one of them ends."""
        return any(map(_is_told, self.rows))


def _target_groups(rules: AlertingRules, rows: Sequence[sa.Row[Any]]) -> dict[str, TargetGroup]:
    target_groups: dict[str, TargetGroup] = {}
    known: dict[str, tuple[Route, ...]] = {}
    for row in rows:
        labels = json.loads(row.labels)
        if row.labels not in known:
            known[row.labels] = routing.route(rules.tree, labels)
        for route in known[row.labels]:
            shared = routing.group_labels(route, labels, row.id)
            id_ = routing.group_key(row.project, route, shared, (row.environment, row.fingerprint))
            target_groups.setdefault(id_, TargetGroup(route=route, labels=shared, rows=[])).rows.append(row)
    return target_groups


def _lock(tx: Tx, target_groups: Mapping[str, TargetGroup], project: str) -> dict[str, sa.Row[Any]]:
    """The rows of the groups, made where there are none."""
    made = [
        (id_, project, target_group.route.key, json_text(dict(target_group.labels)), tx.now)
        for id_, target_group in sorted(target_groups.items())
    ]
    if made:
        execute(tx, insert_groups, {"rows": encode_rows(made)})
    return {row.id: row for row in execute(tx, lock_groups, {"groups": encode_values(sorted(target_groups))})}


def _take_over(tx: Tx, old: sa.Row[Any], new: sa.Row[Any], target_group: TargetGroup) -> None:
    """All go to one group: where it has told nothing yet, it is the old one under another name, threads and all."""
    if new.active or new.episode:
        episode = _merge_into(tx, old, new, target_group)
        taken = _targets(tx, new.id, episode)
        for row in _told_threads(tx, old) if target_group.told else ():
            if row.target not in taken:
                update(tx, threads, {"id": row.id}, {"group_id": new.id, "episode": episode})
        return
    values = {name: getattr(old, name) for name in _EPISODE}
    values["due_at"] = _due(tx, target_group, new.due_at, old.last_told_at)
    update(tx, groups, {"id": new.id}, values)
    update(tx, threads, {"group_id": old.id}, {"group_id": new.id})


def _split_over(
    tx: Tx,
    rules: AlertingRules,
    old: sa.Row[Any],
    found: Mapping[str, sa.Row[Any]],
    target_groups: Mapping[str, TargetGroup],
) -> None:
    """They go to several groups: whoever was told hears the end in a thread that follows the one they share."""
    known = _told_threads(tx, old)
    made = []
    for id_, target_group in sorted(target_groups.items()):
        new = found[id_]
        episode = _merge_into(tx, old, new, target_group)
        taken = _targets(tx, id_, episode) if new.active else frozenset()
        made += [
            {
                "id": rules.new_id(),
                "group_id": id_,
                "episode": episode,
                "target": row.target,
                "previous_id": row.id,
                "created_at": tx.now,
            }
            for row in (known if target_group.told else ())
            if row.target not in taken
        ]
    if made:
        insert(tx, threads, made)


def _merge_into(tx: Tx, old: sa.Row[Any], new: sa.Row[Any], target_group: TargetGroup) -> int:
    """Let a group take up those who come; the number of the episode that they are of."""
    last_told_at = max((at for at in (old.last_told_at, new.last_told_at) if at is not None), default=None)
    values: dict[str, object] = {"due_at": _due(tx, target_group, new.due_at, last_told_at)}
    episode = int(new.episode)
    if target_group.told:
        episode += 0 if new.active else 1
        # What has come was told of before this group's episode began: it is of the same one from now on.
        began = [old.episode_at, new.episode_at if new.active else None]
        values |= {
            "active": 1,
            "last_told_at": last_told_at,
            "episode": episode,
            "episode_at": min((at for at in began if at is not None), default=None),
        }
        # What people have in their mailbox goes on under its subject.
        values |= {} if new.active else {"conversation": old.conversation}
    update(tx, groups, {"id": new.id}, values)
    return episode


def _told_threads(tx: Tx, old: sa.Row[Any]) -> Sequence[sa.Row[Any]]:
    """Those of the episode that is not over."""
    if not old.active:
        return ()
    theirs = sa.select(threads).where(threads.c.group_id == old.id, threads.c.episode == old.episode)
    return tx.run(theirs.order_by(threads.c.id)).all()


def _targets(tx: Tx, group: str, episode: int) -> frozenset[int]:
    found = sa.select(threads.c.target).where(threads.c.group_id == group, threads.c.episode == episode)
    return frozenset(tx.run(found).scalars())


def _due(
    tx: Tx, target_group: TargetGroup, due_at: Instant | None, last_told_at: Instant | None
) -> Instant | None:
    moments = [] if due_at is None else [due_at]
    for row in target_group.rows:
        changed_at = _changed_at(row, tx.now)
        if changed_at is not None:
            moments.append(_change_due(tx, row, target_group.route, changed_at, last_told_at))
        moments += [at for at in (row.repeat_at, _escalate_at(row, target_group.route)) if at is not None]
    return min(moments, default=None)


def _change_due(
    tx: Tx, row: sa.Row[Any], route: Route, changed_at: Instant, last_told_at: Instant | None
) -> Instant:
    """What a person has done to it is looked at at once, as it would have been where it came from."""
    member = member_of(row, row)
    snoozed = row.snoozed_until is not None and row.snoozed_until > tx.now
    if notifying.is_by_hand(member) or (snoozed and member.held_by is not HeldBy.SNOOZED):
        return tx.now
    return notifying.change_due(member, route, changed_at=changed_at, last_told_at=last_told_at)


def _is_told(row: sa.Row[Any]) -> bool:
    """Somebody has heard of it, and not of its end."""
    return row.told_at is not None and row.told_state != State.RESOLVED.value


def _changed_at(row: sa.Row[Any], now: Instant) -> Instant | None:
    at: Instant | None = row.changed_at
    return now if at is None and row.held_by in _OF_THE_ROUTE else at


def _escalate_at(row: sa.Row[Any], route: Route) -> Instant | None:
    """When the present route's next step is due: steps that were taken stay taken."""
    return notifying.next_step(member_of(row, row), route)


def _move(tx: Tx, group: sa.Row[Any], target_groups: Mapping[str, TargetGroup]) -> None:
    moves = [
        (id_, row.incident, _changed_at(row, tx.now), _escalate_at(row, target_group.route))
        for id_, target_group in target_groups.items()
        for row in target_group.rows
    ]
    if moves:
        execute(tx, _join, {"rows": encode_rows(moves), "group": group.id})
        execute(
            tx,
            _leave,
            {"incidents": encode_values({incident for _, incident, _, _ in moves}), "group": group.id},
        )


def _mark(dialect: Dialect) -> sa.ClauseElement:
    now = sa.bindparam("now", type_=Big)
    untold = sa.exists().where(
        members.c.group_id == groups.c.id, incidents.c.number == members.c.incident, _is_to_hear()
    )
    return (
        sa.update(groups)
        .where(
            groups.c.id.in_(in_json(dialect, "groups", Text)),
            groups.c.route.not_in(in_json(dialect, "routes", Text)),
            sa.or_(groups.c.due_at.is_(None), groups.c.due_at > now),
            untold,
        )
        .values(due_at=now)
    )


def _of_group() -> sa.ColumnElement[bool]:
    """Members that somebody has yet to hear about."""
    return sa.and_(members.c.group_id == sa.bindparam("group", type_=Text), _is_to_hear())


def _is_to_hear() -> sa.ColumnElement[bool]:
    return sa.or_(
        incidents.c.closed == sa.literal_column("0"),
        members.c.changed_at.is_not(None),
        sa.and_(members.c.told_at.is_not(None), members.c.told_state != "resolved"),
    )


def _movable(_dialect: Dialect) -> sa.ClauseElement:
    return (
        members_with_incidents()
        .where(_of_group())
        .order_by(members.c.incident)
        .limit(sa.bindparam("most", type_=sa.Integer()))
        .with_for_update(skip_locked=True, of=incidents)
    )


def _count(_dialect: Dialect) -> sa.ClauseElement:
    joined = members.join(incidents, incidents.c.number == members.c.incident)
    return sa.select(sa.func.count()).select_from(joined).where(_of_group())


def _join(dialect: Dialect) -> sa.ClauseElement:
    """Where the incident is a member there and nobody has heard of it, what is known here counts."""
    given = ("group_id", "incident", "changed_at", "escalate_at")
    rows = rows_from_json(dialect, "rows", [(name, members.c[name].type) for name in given])
    known = sa.select(*(rows.c[name] for name in given), *(members.c[name] for name in _COPIED)).where(
        members.c.group_id == sa.bindparam("group", type_=Text), members.c.incident == rows.c.incident
    )
    joining = upsert(dialect, members).from_select([*given, *_COPIED], known)
    changes: dict[str, sa.ColumnElement[Any]] = {
        name: joining.excluded[name] for name in ("escalate_at", *_COPIED)
    }
    changes["changed_at"] = sa.func.coalesce(members.c.changed_at, joining.excluded.changed_at)
    return joining.on_conflict_do_update(
        index_elements=["group_id", "incident"],
        set_=changes,
        where=sa.and_(members.c.told_at.is_(None), joining.excluded.told_at.is_not(None)),
    )


def _leave(dialect: Dialect) -> sa.ClauseElement:
    return sa.delete(members).where(
        members.c.group_id == sa.bindparam("group", type_=Text),
        members.c.incident.in_(in_json(dialect, "incidents", Big)),
    )
