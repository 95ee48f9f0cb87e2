"""Incidents as Alertmanager's API shows them: alerts with what silences and inhibits them, and groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from notifier.domain.notification import HeldBy
from notifier.domain.silence import Silence
from notifier.domain.time import DAY, Duration, Instant
from notifier.oncall import silences
from notifier.oncall.actor import Actor
from notifier.oncall.errors import Refused
from notifier.oncall.silences import Draft
from notifier.policy.muting import SilenceIndex
from notifier.store import silences as silence_rows
from notifier.store.database import Database, Tx
from notifier.store.json_rows import json_value
from notifier.store.views import alerts as views
from notifier.store.views.alerts import AlertMembership, UnresolvedAlert

MAX_ALERTS: Final = 10_000
ENDED_LISTED_FOR: Final[Duration] = 5 * DAY
"""How long an ended silence is listed, as in Alertmanager."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertGroup:
    """A group that an alert belongs to: its id, the key of its route, and its labels."""

    id: str
    route: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedAlert:
    """An unresolved incident.

    `posted` is what its sender posted (labels, annotations, generatorURL), None if it is no Prometheus alert.
    `silenced_by` are ids of silences, `inhibited_by` of incidents.
    """

    number: int
    id: str
    title: str
    labels: Mapping[str, str]
    posted: Mapping[str, Any] | None
    starts_at: Instant
    ends_at: Instant | None
    updated_at: Instant
    silenced_by: Sequence[str]
    inhibited_by: Sequence[str]
    groups: Sequence[AlertGroup]


async def find(database: Database, project: str) -> list[ListedAlert]:
    """The newest 10,000 unresolved incidents of a project, newest first."""
    return await database.read(lambda tx: _find(tx, project))


async def find_silences(database: Database, project: str) -> Sequence[Silence]:
    """The silences of a project that are not over or ended recently, newest first."""
    return await database.read(
        lambda tx: silence_rows.latest(tx, project, ended_since=tx.now - ENDED_LISTED_FOR, most=MAX_ALERTS)
    )


async def save_silence(database: Database, actor: Actor, id_: str, draft: Draft) -> str:
    """Changes the silence with this id, or makes a new one if there is none or it is over. Returns the id."""

    def work(tx: Tx) -> str:
        if id_:
            with suppress(Refused):
                return silences.change(tx, actor, id_, draft).id
        return silences.create(tx, actor, draft).id

    return await database.write(work)


def _find(tx: Tx, project: str) -> list[ListedAlert]:
    rows = views.unresolved(tx, project, most=MAX_ALERTS)
    index = SilenceIndex(silence_rows.latest(tx, project, ended_since=tx.now, most=MAX_ALERTS))
    of_incident: dict[int, list[AlertMembership]] = {}
    for membership in views.memberships(tx, [row.number for row in rows]):
        of_incident.setdefault(membership.incident, []).append(membership)
    return [_listed(row, of_incident.get(row.number, ()), index, project, tx.now) for row in rows]


def _listed(
    row: UnresolvedAlert,
    memberships: Sequence[AlertMembership],
    index: SilenceIndex,
    project: str,
    now: Instant,
) -> ListedAlert:
    labels = json_value(row.labels)
    inhibited = {
        membership.hold_ref
        for membership in memberships
        if membership.held_by == HeldBy.INHIBITED.value and membership.hold_ref is not None
    }
    return ListedAlert(
        number=row.number,
        id=row.id,
        title=row.title,
        labels=labels,
        posted=None if row.document is None else json_value(row.document),
        starts_at=row.first_seen if row.starts_at is None else row.starts_at,
        ends_at=row.ends_at,
        updated_at=row.last_seen if row.updated_at is None else row.updated_at,
        silenced_by=index.silencing(project, labels, now) if index else (),
        inhibited_by=sorted(inhibited),
        groups=[
            AlertGroup(id=membership.group_id, route=membership.route, labels=json_value(membership.labels))
            for membership in memberships
        ],
    )
