"""A press: what a person does to the incidents of a message by a button under it, at whichever receiver."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

from notifier.domain.button import Button, Span
from notifier.domain.time import Instant


class PressOrigin(Protocol):
    """The message and the person of a press, in the receiver's own terms."""

    def refusal(self, refs: AbstractSet[str]) -> str | None:
        """Why the press may not act for a thread, as a sentence for who pressed; None: it may.

        `refs` are the references (`Receipt.ref`) of the thread's messages; empty where none was kept.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person as the receiver names them. The name is empty where the receiver gives none."""

    id: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.id})" if self.name else self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """A button that a person pressed, from a callback that is the receiver's own.

    `id` is the callback's, unique among all receivers' and the same when it is sent again (a hash of its signature,
    say): a press acts once. `at` is when the receiver says that it happened, in milliseconds since 1970. `kind` is the
    name of the channel's kind and `receiver` what people call it. `channels` are the configured channels that the
    callback speaks for, each with its readers' time zone. `thread` is the `thread_id` of the message, `span` how long a
    silence lasts. `reply_url` is where the receiver takes a late answer, None where it takes none.
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
