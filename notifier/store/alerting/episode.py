"""The episode of a group: from its first message until what it tells of is over and stays so."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from notifier.domain.message import Conversation
from notifier.domain.time import Instant
from notifier.store.compiled import update
from notifier.store.database import Tx
from notifier.store.rows import text
from notifier.store.schema import groups


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """Its number, when it was first told of, and its present conversation in mail; None before the first message."""

    number: int
    since: Instant
    conversation: Conversation | None


def present(tx: Tx, group: sa.Row[Any], *, begins: bool, goes_on: bool) -> Episode:
    """The episode that a flush tells of; a new one where the last is over and stays so."""
    if group.active or not begins or (goes_on and group.episode):
        stored = (
            None if group.conversation is None else Conversation.from_json(json.loads(group.conversation))
        )
        return Episode(number=group.episode, since=group.episode_at or 0, conversation=stored)
    number = group.episode + 1
    changes = {"episode": number, "episode_at": tx.now, "conversation": None}
    update(tx, groups, {"id": group.id}, changes)
    return Episode(number=number, since=tx.now, conversation=None)


def converse(tx: Tx, group: str, episode: Episode, conversation: Conversation) -> None:
    """Keep the conversation that a message has opened."""
    if conversation != episode.conversation:
        update(tx, groups, {"id": group}, {"conversation": text(conversation.as_json())})
