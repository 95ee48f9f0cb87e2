"""A digest: one message for what many threads wait to say to one target, with exact figures.

Digests of one storm share a thread, so that a channel which can edit shows one message, the figures of the whole storm
in it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from notifier.delivery.jobs import with_messages
from notifier.domain.message import SHOWN_AT_MOST, Message
from notifier.domain.notification import Reason
from notifier.domain.time import HOUR, Duration
from notifier.policy.rules import AlertingRules
from notifier.policy.targets import Send
from notifier.store import ledger
from notifier.store.compiled import execute, insert, update
from notifier.store.database import Dialect, Tx
from notifier.store.json_rows import encode_values, in_json
from notifier.store.notifications import announce
from notifier.store.schema import decisions, deliveries, incidents, notifications, targets, threads
from notifier.store.statements.outbox import PENDING, add_to_digest, is_live, ranked
from notifier.store.views.incidents import label
from notifier.wording import sentences

STORM: Duration = HOUR
"""How long one message stands for a storm; what goes on is told by a new one, for nobody is called by an edit."""
BIGGEST_AT_MOST = 3
TITLE = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of a whole storm at one target. `biggest` are titles with their events, the most first."""

    events: int
    causes: int
    services: int
    biggest: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        return sentences.storm(
            events=self.events, causes=self.causes, services=self.services, biggest=self.biggest
        )


def digest(tx: Tx, rules: AlertingRules, target: sa.Row[Any], sends: Sequence[Send]) -> Send:
    """One delivery that tells what many threads wait to say; they stay pending until it has arrived."""
    members = [send.newest for send in sends]
    carried = [id_ for send in sends for id_ in (*send.older, send.newest)]
    rows = execute(tx, ranked, {"ids": encode_values(carried)}).all()
    worst = set(members)
    shown = with_messages(tx, [row.id for row in rows if row.id in worst][:SHOWN_AT_MOST])
    id_ = rules.new_id()
    thread = _thread(tx, target, id_)
    figures = _figures(tx, thread, carried)
    message = _message(tx.now, rows, list(shown.values()), len(members), figures)
    notification = announce(tx, rules, project=message.project, message=message, rank=rows[0].rank)
    row = {
        "id": id_,
        "project": message.project,
        "notification": notification,
        "target": target.id,
        "channel": target.channel,
        "thread": thread,
        "reason": Reason.DIGEST.value,
        "rank": rows[0].rank,
        "state": PENDING,
        "created_at": tx.now,
        "due_at": tx.now,
        "expires_at": tx.now + rules.expires_after,
        "fallback_at": min((one.fallback_at for one in rows if one.fallback_at is not None), default=None),
    }
    insert(tx, deliveries, [row])
    execute(tx, add_to_digest, {"ids": encode_values(carried), "id": id_})
    ledger.add(tx, {"created_deliveries": 1})
    return Send(newest=id_, older=())


def _thread(tx: Tx, target: sa.Row[Any], id_: str) -> str:
    """The thread of the storm that is going on, else a new one: a digest never waits in line with another."""
    going_on = target.storm_at is not None and tx.now < target.storm_at + STORM
    if going_on and execute(tx, is_live, {"thread": target.storm_thread}).first() is None:
        return str(target.storm_thread)
    row = {"id": id_, "group_id": f"storm:{id_}", "episode": 0, "target": target.id, "created_at": tx.now}
    insert(tx, threads, [row])
    update(tx, targets, {"id": target.id}, {"storm_thread": id_, "storm_at": tx.now})
    return id_


def _figures(tx: Tx, thread: str, carried: Sequence[str]) -> Figures:
    wanted = {"thread": thread, "ids": encode_values(carried)}
    totals = execute(tx, _totals, wanted).one()
    rows = execute(tx, _biggest, {**wanted, "most": BIGGEST_AT_MOST})
    return Figures(
        events=int(totals.events or 0),
        causes=totals.causes,
        services=totals.services,
        biggest=tuple((_short(row.title), int(row.events)) for row in rows if row.events),
    )


def _short(title: str) -> str:
    return title if len(title) <= TITLE else f"{title[: TITLE - 1]}…"


def _message(
    now: int, rows: Sequence[sa.Row[Any]], shown: Sequence[sa.Row[Any]], alerts: int, figures: Figures
) -> Message:
    parts = [Message.from_json(json.loads(row.message or row.base)) for row in shown]
    told = [one for part in parts for one in part.told[:3]]
    told.sort(key=lambda one: (-one.incident.severity.rank, -one.incident.count))
    totals: dict[str, int] = {}
    for row in rows:
        totals[row.reason] = totals.get(row.reason, 0) + 1
    projects = sorted({row.project for row in rows})
    return Message(
        id="",
        reason=Reason.DIGEST,
        at=now,
        project=projects[0],
        group=None,
        labels={},
        told=tuple(told[:SHOWN_AT_MOST]),
        more=max(0, alerts - min(len(told), SHOWN_AT_MOST)),
        totals=totals,
        suppressed=sum(part.suppressed for part in parts),
        note=str(figures),
        thread_id="",
    )


def _told(dialect: Dialect) -> sa.Subquery:
    """What this digest and those before it in the storm carry: how many events each incident adds."""
    before = sa.select(deliveries.c.id).where(deliveries.c.thread == sa.bindparam("thread", type_=sa.Text()))
    carried = sa.or_(
        deliveries.c.carried_by.in_(before), deliveries.c.id.in_(in_json(dialect, "ids", sa.Text()))
    )
    # What the fallback tells was decided as the alert that it tells again.
    origin = sa.func.coalesce(notifications.c.fallback_of, notifications.c.id)
    wanted = (
        sa.select(origin.label("id"))
        .join(deliveries, deliveries.c.notification == notifications.c.id)
        .where(carried)
    )
    return (
        sa.select(decisions.c.incident, sa.func.sum(decisions.c.events).label("events"))
        .where(decisions.c.notification.is_not(None), decisions.c.notification.in_(wanted))
        .group_by(decisions.c.incident)
        .subquery("told")
    )


def _totals(dialect: Dialect) -> sa.ClauseElement:
    told = _told(dialect)
    service = label(dialect, "service")
    return sa.select(
        sa.func.sum(told.c.events).label("events"),
        sa.func.count().label("causes"),
        sa.func.count(sa.distinct(service)).label("services"),
    ).select_from(told.join(incidents, incidents.c.number == told.c.incident))


def _biggest(dialect: Dialect) -> sa.ClauseElement:
    told = _told(dialect)
    return (
        sa.select(incidents.c.title, told.c.events)
        .join(told, incidents.c.number == told.c.incident)
        .order_by(told.c.events.desc(), incidents.c.number)
        .limit(sa.bindparam("most", type_=sa.Integer()))
    )
