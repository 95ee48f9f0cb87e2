"""Rerouting: moves members of groups whose route was removed to the groups of the current routing tree.

A member keeps the record of what was notified about it, so that nothing is notified twice or lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from notifier.alerting.member import member_of
from notifier.domain.notification import HeldBy
from notifier.domain.route import Route
from notifier.domain.state import State
from notifier.domain.time import SECOND, Instant
from notifier.policy import notifying, routing
from notifier.policy.rules import AlertingRules
from notifier.store.compiled import execute, insert, update
from notifier.store.database import Tx
from notifier.store.json_rows import encode_rows, encode_values, json_text, json_value
from notifier.store.schema import groups, threads
from notifier.store.statements.groups import (
    GroupRow,
    insert_groups,
    lock_groups,
    next_group_ids,
    wake_orphaned_groups,
)
from notifier.store.statements.members import (
    MemberRow,
    copy_members,
    count_members,
    delete_members,
    lock_movable,
    movable_members,
)
from notifier.store.statements.threads import ThreadRow, episode_threads, threads_of_episode

GROUPS_AT_ONCE = 2_000
MEMBERS_AT_ONCE = 2_000
AGAIN = SECOND
"""The delay before members that another transaction has locked are tried again."""

# Holds that belong to a route: another route decides anew.
_OF_THE_ROUTE = (HeldBy.MUTE_TIME.value, HeldBy.BELOW_THRESHOLD.value, HeldBy.ROUTE.value)


def make_orphaned_groups_due(tx: Tx, keys: Sequence[str], after: str = "") -> str | None:
    """Make groups due whose route was removed and that still have something to notify, among the next groups by id.

    `keys` are the existing routes, `after` is the id to continue from. Returns the last id, or None at the
    end.
    """
    ids = execute(tx, next_group_ids, {"after": after, "most": GROUPS_AT_ONCE}).scalars().all()
    parameters = {"groups": encode_values(ids), "routes": encode_values(keys), "now": tx.now}
    if execute(tx, wake_orphaned_groups, parameters).rowcount:
        tx.signal("groups")
    return ids[-1] if len(ids) == GROUPS_AT_ONCE else None


def reroute(tx: Tx, rules: AlertingRules, group: GroupRow) -> int:
    """Move the members of a due group whose route was removed. Returns how many moved.

    Incidents that another transaction has locked stay, since that transaction may be about to change the
    membership; the group is then due again.
    """
    locked = execute(tx, lock_movable, {"group": group.id, "most": MEMBERS_AT_ONCE}).scalars().all()
    members = movable_members(tx, group=group.id, incidents=encode_values(locked))
    targets = _target_groups(rules, members)
    total = int(execute(tx, count_members, {"group": group.id}).scalar_one())
    rows = _lock(tx, targets, group.project)
    if len(members) == total and len(targets) == 1:
        ((id_, target),) = targets.items()
        _move_to_one_group(tx, group, rows[id_], target)
    else:
        _move_to_several_groups(tx, rules, group, rows, targets)
    _move(tx, group, targets)
    left = total - len(members)
    again = None if not left else tx.now if len(members) == MEMBERS_AT_ONCE else tx.now + AGAIN
    update(tx, groups, {"id": group.id}, {"due_at": again, **({} if left else {"active": 0})})
    if members:
        tx.signal("groups")
    return len(members)


_EPISODE = ("episode", "active", "urgent", "episode_at", "last_told_at", "conversation")


@dataclass(slots=True, kw_only=True)
class TargetGroup:
    """A group of the current routing tree, and the members that move there."""

    route: Route
    labels: Mapping[str, str]
    members: list[MemberRow]

    @property
    def told(self) -> bool:
        """Whether people were notified about a member but not about its resolution."""
        return any(map(_has_open_thread, self.members))


def _target_groups(rules: AlertingRules, members: Sequence[MemberRow]) -> dict[str, TargetGroup]:
    targets: dict[str, TargetGroup] = {}
    walked: dict[str, tuple[Route, ...]] = {}
    for member in members:
        labels = json_value(member.labels)
        if member.labels not in walked:
            walked[member.labels] = routing.route(rules.tree, labels)
        for route in walked[member.labels]:
            shared = routing.group_labels(route, labels, member.id)
            identity = (member.environment, member.fingerprint)
            id_ = routing.group_key(member.project, route, shared, identity)
            targets.setdefault(id_, TargetGroup(route=route, labels=shared, members=[])).members.append(
                member
            )
    return targets


def _lock(tx: Tx, targets: Mapping[str, TargetGroup], project: str) -> dict[str, GroupRow]:
    """Lock the target groups, creating them if necessary. Returns their rows by id."""
    made = [
        (id_, project, target.route.key, json_text(dict(target.labels)), tx.now)
        for id_, target in sorted(targets.items())
    ]
    if made:
        execute(tx, insert_groups, {"rows": encode_rows(made)})
    return {group.id: group for group in lock_groups(tx, groups=encode_values(sorted(targets)))}


def _move_to_one_group(tx: Tx, old: GroupRow, new: GroupRow, target: TargetGroup) -> None:
    """Move all members to one group.

    A group without an episode inherits the old group's episode and threads.
    """
    if new.active or new.episode:
        episode = _merge_into(tx, old, new, target)
        taken = _threads_taken(tx, new.id, episode)
        for thread in _told_threads(tx, old) if target.told else ():
            if thread.target not in taken:
                update(tx, threads, {"id": thread.id}, {"group_id": new.id, "episode": episode})
        return
    values: dict[str, object] = {name: getattr(old, name) for name in _EPISODE}
    values["due_at"] = _due(tx, target, new.due_at, old.last_told_at)
    update(tx, groups, {"id": new.id}, values)
    update(tx, threads, {"group_id": old.id}, {"group_id": new.id})


def _move_to_several_groups(
    tx: Tx,
    rules: AlertingRules,
    old: GroupRow,
    rows: Mapping[str, GroupRow],
    targets: Mapping[str, TargetGroup],
) -> None:
    """Move the members to several groups.

    Each group's thread follows the shared one, which shows the resolution.
    """
    told_threads = _told_threads(tx, old)
    made = []
    for id_, target in sorted(targets.items()):
        new = rows[id_]
        episode = _merge_into(tx, old, new, target)
        taken = _threads_taken(tx, id_, episode) if new.active else frozenset()
        made += [
            {
                "id": rules.new_id(),
                "group_id": id_,
                "episode": episode,
                "target": thread.target,
                "previous_id": thread.id,
                "created_at": tx.now,
            }
            for thread in (told_threads if target.told else ())
            if thread.target not in taken
        ]
    if made:
        insert(tx, threads, made)


def _merge_into(tx: Tx, old: GroupRow, new: GroupRow, target: TargetGroup) -> int:
    """Merge the moving members' episode into the new group. Returns the number of the resulting episode."""
    last_told_at = max((at for at in (old.last_told_at, new.last_told_at) if at is not None), default=None)
    values: dict[str, object] = {"due_at": _due(tx, target, new.due_at, last_told_at)}
    episode = new.episode
    if target.told:
        episode += 0 if new.active else 1
        # The moving members were notified about earlier, so that the episode begins with the older of the
        # two.
        began = [old.episode_at, new.episode_at if new.active else None]
        values |= {
            "active": 1,
            "last_told_at": last_told_at,
            "episode": episode,
            "episode_at": min((at for at in began if at is not None), default=None),
        }
        # The mail conversation continues under its subject.
        values |= {} if new.active else {"conversation": old.conversation}
    update(tx, groups, {"id": new.id}, values)
    return episode


def _told_threads(tx: Tx, old: GroupRow) -> Sequence[ThreadRow]:
    """The threads of the group's episode if that is not over."""
    return episode_threads(tx, group=old.id, episode=old.episode) if old.active else ()


def _threads_taken(tx: Tx, group: str, episode: int) -> frozenset[int]:
    """The targets that have a thread in this episode."""
    return frozenset(execute(tx, threads_of_episode, {"group": group, "episode": episode}).scalars())


def _due(tx: Tx, target: TargetGroup, due_at: Instant | None, last_told_at: Instant | None) -> Instant | None:
    moments = [] if due_at is None else [due_at]
    for member in target.members:
        changed_at = _changed_at(member, tx.now)
        if changed_at is not None:
            moments.append(_change_due(tx, member, target.route, changed_at, last_told_at))
        moments += [at for at in (member.repeat_at, _escalate_at(member, target.route)) if at is not None]
    return min(moments, default=None)


def _change_due(
    tx: Tx, row: MemberRow, route: Route, changed_at: Instant, last_told_at: Instant | None
) -> Instant:
    """When a change of a member makes the new group due. A person's act is due at once."""
    member = member_of(row, row)
    snoozed = row.snoozed_until is not None and row.snoozed_until > tx.now
    if notifying.is_manual(member) or (snoozed and member.held_by is not HeldBy.SNOOZED):
        return tx.now
    return notifying.change_due(member, route, changed_at=changed_at, last_told_at=last_told_at)


def _has_open_thread(member: MemberRow) -> bool:
    """Whether people were notified about the incident but not about its resolution."""
    return member.told_at is not None and member.told_state != State.RESOLVED.value


def _changed_at(member: MemberRow, now: Instant) -> Instant | None:
    held_by_route = member.changed_at is None and member.held_by in _OF_THE_ROUTE
    return now if held_by_route else member.changed_at


def _escalate_at(member: MemberRow, route: Route) -> Instant | None:
    """When the next escalation step of the new route is due; steps already sent are not repeated."""
    return notifying.next_step(member_of(member, member), route)


def _move(tx: Tx, group: GroupRow, targets: Mapping[str, TargetGroup]) -> None:
    rows = [
        (id_, member.incident, _changed_at(member, tx.now), _escalate_at(member, target.route), group.id)
        for id_, target in targets.items()
        for member in target.members
    ]
    if rows:
        execute(tx, copy_members, {"rows": encode_rows(rows)})
        moved = encode_values({row[1] for row in rows})
        execute(tx, delete_members, {"incidents": moved, "group": group.id})
