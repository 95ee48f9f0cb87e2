"""A press of a button under a message, from any receiver, and the act it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

from notifier.domain.button import Button, Span
from notifier.domain.time import Instant


class PressOrigin(Protocol):
    """The message and the person of a press, in the receiver's terms."""

    def refusal(self, refs: AbstractSet[str]) -> str | None:
        """Why the press may not act for a thread, as a sentence for the person; None if it may.

        `refs` are the references (`Receipt.ref`) of the thread's messages; empty if none was stored.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person as the receiver names them. The name is empty if the receiver gives none."""

    id: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.id})" if self.name else self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """A button that a person pressed, from a verified callback of the receiver.

    `id` is the callback's, unique among all receivers and the same if the callback is repeated (a hash of its
    signature, for example), so that a press acts once. `at` is the time of the press in milliseconds, as the receiver
    reports it. `kind` is the name of the channel's kind, `receiver` its name for people. `channels` are the
    configured channels that the callback belongs to, each with its readers' time zone. `thread` is the `thread_id` of
    the message, `span` the duration of a silence. `reply_url` accepts a later reply, or is None if the receiver
    accepts none.
    """

    id: str
    at: Instant
    kind: str
    receiver: str
    channels: Mapping[str, str]
    button: Button
    span: Span | None = None
    thread: str
    person: Person
    origin: PressOrigin
    reply_url: str | None = None
