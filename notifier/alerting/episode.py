"""The episode of a group: from its first message until all its incidents are resolved and stay resolved."""

from __future__ import annotations

from notifier.domain.message import Conversation
from notifier.domain.time import Instant
from notifier.domain.value import Value
from notifier.store.compiled import each
from notifier.store.database import Tx
from notifier.store.json_rows import json_text, json_value
from notifier.store.statements.groups import GroupRow, begin_episodes, keep_conversations


class Episode(Value, frozen=True, kw_only=True):
    """An episode: its number, the time of its first message, and its mail conversation (None before the first message).

    `is_new` means that no message of the episode has been composed yet.
    """

    number: int
    since: Instant
    conversation: Conversation | None
    is_new: bool = False


def current_episode(tx: Tx, group: GroupRow, *, notifies: bool, continues: bool) -> Episode:
    """The current episode of a group. If that is over, `notifies` begins a new one unless it `continues`."""
    if group.active or not notifies or (continues and group.episode):
        stored = group.conversation
        conversation = None if stored is None else Conversation.from_json(json_value(stored))
        return Episode(number=group.episode, since=group.episode_at or 0, conversation=conversation)
    number = group.episode + 1
    each(tx, begin_episodes, [(group.id, number, tx.now)])
    return Episode(number=number, since=tx.now, conversation=None, is_new=True)


def keep_conversation(tx: Tx, group: str, episode: Episode, conversation: Conversation) -> None:
    """Store the conversation if the message has opened a new one."""
    if conversation != episode.conversation:
        each(tx, keep_conversations, [(group, json_text(conversation.as_json()))])
