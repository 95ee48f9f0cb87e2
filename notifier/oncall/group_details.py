"""A group in a storm: its causes by count, what was told of it, and one act on all of them."""

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
from notifier.oncall.bulk import Act, BulkOutcome
from notifier.oncall.errors import Unknown
from notifier.policy.rules import AlertingRules
from notifier.store import views
from notifier.store.database import Database, Tx
from notifier.store.views import GroupMember, StoredGroup, Telling, ToldTarget

__all__ = [
    "GroupDetails",
    "GroupMember",
    "GroupTotals",
    "StoredGroup",
    "Telling",
    "ToldTarget",
    "act_on_all",
    "group_details",
    "totals",
]

READ_AT_MOST = 5_000
"""The newest incidents of a group are counted and shown; older ones are not looked at."""
SHOWN_AT_MOST = 100
TELLINGS_AT_MOST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTotals:
    """Counts over the incidents of a group that were read. `severities` and `held` are of those not resolved."""

    incidents: int
    events: int
    states: Mapping[State, int]
    severities: Mapping[Severity, int]
    held: Mapping[HeldBy, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupDetails:
    """A group with its route (the root, where the configuration no longer has its own) and its incidents.

    `incidents` are at most 100: what is not resolved first, then by count. `whole`: all incidents were read.
    """

    group: StoredGroup
    route: Route
    totals: GroupTotals
    incidents: tuple[GroupMember, ...]
    whole: bool
    tellings: tuple[Telling, ...]
    now: int


async def group_details(
    database: Database, rules: AlertingRules, id_: str, *, project_scope: str | None
) -> GroupDetails:
    """The group of this id, or `Unknown`."""

    def read(tx: Tx) -> GroupDetails:
        group = _known(tx, id_, project_scope)
        members = views.group_members(tx, group.id, most=READ_AT_MOST + 1)
        read_ = members[:READ_AT_MOST]
        return GroupDetails(
            group=group,
            route=rules.route(group.route),
            totals=totals(read_),
            incidents=tuple(sorted(read_, key=_weight)[:SHOWN_AT_MOST]),
            whole=len(members) <= READ_AT_MOST,
            tellings=views.tellings(tx, group.id, most=TELLINGS_AT_MOST),
            now=tx.now,
        )

    return await database.read(read)


async def act_on_all(database: Database, actor: Actor, act: Act, id_: str) -> BulkOutcome:
    """Do it to the incidents of a group that are not resolved, at most `bulk.AT_MOST`, the most frequent first."""

    def read(tx: Tx) -> Sequence[str]:
        group = _known(tx, id_, actor.project_scope)
        members = views.group_members(tx, group.id, most=READ_AT_MOST)
        unresolved = [member for member in members if member.state is not State.RESOLVED]
        # What is still open comes first, so that a second press goes on where the first has ended.
        unresolved.sort(key=lambda member: (member.state is not State.OPEN, -member.count))
        return [member.id for member in unresolved[: bulk.AT_MOST]]

    return await bulk.on_named(database, actor, act, await database.read(read))


def totals(members: Sequence[GroupMember]) -> GroupTotals:
    """Count what was read."""
    unresolved = [member for member in members if member.state is not State.RESOLVED]
    return GroupTotals(
        incidents=len(members),
        events=sum(member.count for member in members),
        states=Counter(member.state for member in members),
        severities=Counter(member.severity for member in unresolved),
        held=Counter(member.held_by for member in unresolved if member.held_by is not None),
    )


def _weight(member: GroupMember) -> tuple[bool, int, int]:
    return member.state is State.RESOLVED, -member.count, -member.number


def _known(tx: Tx, id_: str, project_scope: str | None) -> StoredGroup:
    group = None if "\0" in id_ or len(id_) > 200 else views.group_row(tx, id_, project=project_scope)
    if group is None:
        raise Unknown("group")
    return group
