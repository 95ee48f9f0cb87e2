"""A group in a storm: its causes by count, its notifications, and one action on all its incidents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from notifier.domain.notification import HeldBy
from notifier.domain.route import Route
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.oncall import bulk
from notifier.oncall.actor import Actor
from notifier.oncall.bulk import BulkAction, BulkOutcome
from notifier.oncall.errors import Unknown
from notifier.policy.rules import AlertingRules
from notifier.store import views
from notifier.store.database import Database, Tx
from notifier.store.views import GroupCount, GroupMember, GroupNotification, StoredGroup, ToldTarget

__all__ = [
    "GroupCount",
    "GroupDetails",
    "GroupMember",
    "GroupNotification",
    "GroupTotals",
    "StoredGroup",
    "ToldTarget",
    "act_on_all",
    "group_details",
    "totals",
]

MAX_READ = 5_000
"""The limit of incidents that are read. The newest are counted and shown."""
MAX_SHOWN = 100
MAX_NOTIFICATIONS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTotals:
    """Counts over the incidents that were read. `severities` and `held` are those of unresolved ones."""

    incidents: int
    events: int
    states: Mapping[State, int]
    severities: Mapping[Severity, int]
    held: Mapping[HeldBy, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupDetails:
    """A group with its incidents and its route, or the root if its own is no longer configured.

    `incidents` are at most 100, unresolved ones first, then by count. `whole` is true if all incidents were read.
    """

    group: StoredGroup
    route: Route
    totals: GroupTotals
    incidents: tuple[GroupMember, ...]
    whole: bool
    notifications: tuple[GroupNotification, ...]
    now: int


async def group_details(
    database: Database, rules: AlertingRules, id_: str, *, project_scope: str | None
) -> GroupDetails:
    """The group with this id. Raises `Unknown`."""

    def read(tx: Tx) -> GroupDetails:
        group = _known(tx, id_, project_scope)
        return GroupDetails(
            group=group,
            route=rules.route(group.route),
            totals=totals(views.group_counts(tx, group.id, newest=MAX_READ)),
            incidents=views.group_members(tx, group.id, newest=MAX_READ, most=MAX_SHOWN),
            whole=not views.has_more(tx, group.id, than=MAX_READ),
            notifications=views.notifications_of(tx, group.id, most=MAX_NOTIFICATIONS),
            now=tx.now,
        )

    return await database.read(read)


async def act_on_all(database: Database, actor: Actor, act: BulkAction, id_: str) -> BulkOutcome:
    """Acts on up to `MAX_READ` unresolved incidents of a group.

    Incidents without an owner come first, so that a repetition continues where the previous one ended.
    """

    def read(tx: Tx) -> Sequence[str]:
        group = _known(tx, id_, actor.project_scope)
        return views.unresolved_in_group(tx, group.id, newest=MAX_READ, most=MAX_READ)

    return await bulk.in_batches(database, actor, act, await database.read(read))


def totals(counts: Sequence[GroupCount]) -> GroupTotals:
    """The sums over all states."""
    states: Counter[State] = Counter()
    severities: Counter[Severity] = Counter()
    held: Counter[HeldBy] = Counter()
    for count in counts:
        states[count.state] += count.incidents
        if count.state is not State.RESOLVED:
            severities[count.severity] += count.incidents
            if count.held_by is not None:
                held[count.held_by] += count.incidents
    return GroupTotals(
        incidents=sum(count.incidents for count in counts),
        events=sum(count.events for count in counts),
        states=states,
        severities=severities,
        held=held,
    )


def _known(tx: Tx, id_: str, project_scope: str | None) -> StoredGroup:
    group = None if "\0" in id_ or len(id_) > 200 else views.group_row(tx, id_, project=project_scope)
    if group is None:
        raise Unknown("group")
    return group
