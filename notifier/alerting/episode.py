"""The episode of a group: from its first message until every incident that it tells of is resolved and stays so."""

from __future__ import annotations

from notifier.domain.message import Conversation
from notifier.domain.time import Instant
from notifier.domain.value import Value
from notifier.store.compiled import each
from notifier.store.database import Tx
from notifier.store.json_rows import json_text, json_value
from notifier.store.statements.groups import GroupRow, begin_episodes, keep_conversations


class Episode(Value, frozen=True, kw_only=True):
    """An episode has a number, the moment of its first message, and a conversation in mail (None before it).

    `begins`: nothing has been told of the episode yet.
    """

    number: int
    since: Instant
    conversation: Conversation | None
    begins: bool = False


def current_episode(tx: Tx, group: GroupRow, *, begins: bool, goes_on: bool) -> Episode:
    """The episode that a flush tells of: the group's last, or a new one where that is over and does not go on."""
    if group.active or not begins or (goes_on and group.episode):
        stored = group.conversation
        conversation = None if stored is None else Conversation.from_json(json_value(stored))
        return Episode(number=group.episode, since=group.episode_at or 0, conversation=conversation)
    number = group.episode + 1
    each(tx, begin_episodes, [(group.id, number, tx.now)])
    return Episode(number=number, since=tx.now, conversation=None, begins=True)


def keep_conversation(tx: Tx, group: str, episode: Episode, conversation: Conversation) -> None:
    """Keep the conversation that a message has opened."""
    if conversation != episode.conversation:
        each(tx, keep_conversations, [(group, json_text(conversation.as_json()))])
