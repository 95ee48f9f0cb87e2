"""The episode of a group: from its first message until what it tells of is over and stays so."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from notifier.domain.event import Severity
from notifier.domain.incident import State
from notifier.domain.message import Conversation
from notifier.domain.time import Instant
from notifier.store.compiled import each
from notifier.store.database import Dialect, Tx
from notifier.store.json_rows import json_text, rows_from_json
from notifier.store.schema import OPEN, Big, groups, incidents, members
from notifier.store.views import with_latest


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """An episode has a number, the moment of its first message, and a conversation in mail (None before it).

    `begins`: nothing has been told of the episode yet.
    """

    number: int
    since: Instant
    conversation: Conversation | None
    begins: bool = False


def current_episode(tx: Tx, group: sa.Row[Any], *, begins: bool, goes_on: bool) -> Episode:
    """The episode that a flush tells of; a new one where the last is over and stays so."""
    if group.active or not begins or (goes_on and group.episode):
        stored = (
            None if group.conversation is None else Conversation.from_json(json.loads(group.conversation))
        )
        return Episode(number=group.episode, since=group.episode_at or 0, conversation=stored)
    number = group.episode + 1
    each(tx, _begun, [(group.id, number, tx.now)])
    return Episode(number=number, since=tx.now, conversation=None, begins=True)


def keep_conversation(tx: Tx, group: str, episode: Episode, conversation: Conversation) -> None:
    """Keep the conversation that a message has opened."""
    if conversation != episode.conversation:
        each(tx, _conversations, [(group, json_text(conversation.as_json()))])


def _begun(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "rows", [("id", sa.Text()), ("episode", Big), ("at", Big)])
    begun = {"episode": rows.c.episode, "episode_at": rows.c.at, "conversation": None}
    return sa.update(groups).where(groups.c.id == rows.c.id).values(**begun)


def _conversations(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "rows", [("id", sa.Text()), ("conversation", sa.Text())])
    return sa.update(groups).where(groups.c.id == rows.c.id).values(conversation=rows.c.conversation)


def standing_counts(_dialect: Dialect) -> sa.ClauseElement:
    """How many of a group's incidents that were told of in this episode stand where."""
    return (
        sa.select(
            incidents.c.state,
            sa.func.count().label("n"),
            sa.cast(sa.func.sum(incidents.c.count), Big).label("events"),
        )
        .join(members, incidents.c.number == members.c.incident)
        .where(*_of_episode())
        .group_by(incidents.c.state)
    )


def standing_first(_dialect: Dialect) -> sa.ClauseElement:
    """Those to show first: what is not resolved, then the most severe, then what has the most events."""
    severity = sa.case({one.value: one.rank for one in Severity}, value=incidents.c.severity, else_=0)
    return (
        with_latest()
        .join(members, incidents.c.number == members.c.incident)
        .where(*_of_episode())
        .order_by(
            sa.case((incidents.c.closed == OPEN, 0), else_=1),
            severity.desc(),
            incidents.c.count.desc(),
            sa.case((incidents.c.state == State.OPEN.value, 0), else_=1),
            incidents.c.number,
        )
        .limit(sa.bindparam("most", type_=sa.Integer()))
    )


def _of_episode() -> tuple[sa.ColumnElement[bool], ...]:
    return (
        members.c.group_id == sa.bindparam("group", type_=sa.Text()),
        members.c.told_at >= sa.bindparam("since", type_=Big),
    )
