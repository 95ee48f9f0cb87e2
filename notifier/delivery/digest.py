"""A digest: one message with exact figures, in place of the messages that many threads have for one target.

Digests of one storm share a thread. A channel that can edit messages updates one message with the figures of the
whole storm.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from notifier.domain.message import SHOWN_AT_MOST, Message, Told, by_weight
from notifier.domain.notification import Reason
from notifier.domain.state import State
from notifier.domain.time import HOUR, Duration
from notifier.policy.rules import AlertingRules
from notifier.policy.targets import Send
from notifier.store import ledger
from notifier.store.compiled import execute, insert, update
from notifier.store.database import Tx
from notifier.store.json_rows import encode_values, json_value
from notifier.store.notifications import announce
from notifier.store.schema import deliveries, targets, threads
from notifier.store.statements.deliveries import (
    PENDING,
    RankedDelivery,
    add_to_digest,
    delivery_messages,
    ranked_deliveries,
)
from notifier.store.statements.storm import biggest_causes, storm_totals
from notifier.store.statements.targets import DueTarget
from notifier.store.statements.threads import is_live
from notifier.wording import sentences
from notifier.wording.sentences import StormFigures

STORM: Duration = HOUR
"""How long one message is updated during a storm. Then a new message is sent, since an edit alerts nobody."""
BIGGEST_AT_MOST = 3
TOLD_OF_EACH = 3
"""How many incidents of each message are shown before the remaining room is filled with further ones."""


def digest(tx: Tx, rules: AlertingRules, target: DueTarget, sends: Sequence[Send]) -> Send:
    """Create a digest delivery for the sends. Their deliveries stay pending until the digest is delivered."""
    members = [send.newest for send in sends]
    carried = [id_ for send in sends for id_ in (*send.older, send.newest)]
    rows = ranked_deliveries(tx, ids=encode_values(carried))
    newest = set(members)
    worst = [row.id for row in rows if row.id in newest][:SHOWN_AT_MOST]
    shown = delivery_messages(tx, ids=encode_values(worst))
    id_ = rules.new_id()
    thread = _thread(tx, target, id_)
    parts = [Message.from_json(json_value(row.message or row.base)) for row in shown]
    told = _told(parts)
    own = _totals(tx, "", carried)
    totals = own if thread == id_ else _totals(tx, thread, carried)
    figures = _figures(totals, own, _biggest(tx, thread, carried), told)
    numbers = {item.incident.number for item in told if item.incident.number}
    unshown = max(0, own.causes - len(numbers), len(members) - len(told))
    message = _message(tx.now, rows, parts, told, unshown, figures)
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
        "fallback_at": min((row.fallback_at for row in rows if row.fallback_at is not None), default=None),
    }
    insert(tx, deliveries, [row])
    execute(tx, add_to_digest, {"ids": encode_values(carried), "id": id_})
    ledger.add(tx, {"created_deliveries": 1})
    return Send(newest=id_, older=())


def _thread(tx: Tx, target: DueTarget, id_: str) -> str:
    """The thread of the current storm, or a new one if messages are pending there: digests never queue up."""
    going_on = target.storm_at is not None and tx.now < target.storm_at + STORM
    if going_on and execute(tx, is_live, {"thread": target.storm_thread}).first() is None:
        return str(target.storm_thread)
    row = {"id": id_, "group_id": f"storm:{id_}", "episode": 0, "target": target.id, "created_at": tx.now}
    insert(tx, threads, [row])
    update(tx, targets, {"id": target.id}, {"storm_thread": id_, "storm_at": tx.now})
    return id_


def _told(parts: Sequence[Message]) -> tuple[Told, ...]:
    """The first incidents of each message, then further ones while there is room, most important first."""
    first = [item for part in parts for item in part.told[:TOLD_OF_EACH]]
    more = [item for part in parts for item in part.told[TOLD_OF_EACH:]]
    return tuple(by_weight((by_weight(first) + by_weight(more))[:SHOWN_AT_MOST]))


def _totals(tx: Tx, thread: str, carried: Sequence[str]) -> Any:
    """The figures of the deliveries together with those that earlier digests of the thread covered."""
    return execute(tx, storm_totals, {"thread": thread, "ids": encode_values(carried)}).one()


def _biggest(tx: Tx, thread: str, carried: Sequence[str]) -> list[Any]:
    wanted = {"thread": thread, "ids": encode_values(carried), "most": BIGGEST_AT_MOST}
    return [row for row in execute(tx, biggest_causes, wanted) if row.events]


def _figures(totals: Any, own: Any, biggest: Sequence[Any], told: Sequence[Told]) -> StormFigures:
    """The figures of a storm. `own` are those of this digest alone."""
    worst = next((item.incident for item in told if item.incident.state is not State.RESOLVED), None)
    if worst is not None and (not biggest or biggest[0].rank >= worst.severity.rank):
        worst = None
    return StormFigures(
        events=int(totals.events or 0),
        causes=totals.causes,
        services=totals.services,
        biggest=tuple((row.title, int(row.events)) for row in biggest),
        service=totals.service if totals.services == 1 else None,
        told_here=(int(own.events or 0), own.causes) if own.causes != totals.causes else None,
        worst=None if worst is None else (worst.title, worst.count),
    )


def _message(
    now: int,
    rows: Sequence[RankedDelivery],
    parts: Sequence[Message],
    told: tuple[Told, ...],
    unshown: int,
    figures: StormFigures,
) -> Message:
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
        told=told,
        more=unshown,
        totals=totals,
        suppressed=sum(part.suppressed for part in parts),
        note=sentences.storm(figures),
        thread_id="",
    )
