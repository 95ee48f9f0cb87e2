"""Cases of the conformance suite: a configuration of a kind, with a receiver to send to."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from notifier.channels.base import FOLDER, Callback, Capabilities, ChannelSettings, Kind
from notifier.domain.delivery import Outcome
from notifier.domain.time import SECOND, Duration
from notifier.testing.http import Answer, Request, Server
from notifier.testing.webhook import WebhookReceiver

ECHO = "what-the-receiver-said"
"""The body of error answers; it must not appear in the error that is raised."""
WAIT: Duration = 7 * SECOND
OUTCOMES: Mapping[int, Outcome] = {
    301: Outcome.PERMANENT, 307: Outcome.PERMANENT, 400: Outcome.PERMANENT, 401: Outcome.PERMANENT,
    403: Outcome.PERMANENT, 404: Outcome.PERMANENT, 408: Outcome.TRANSIENT, 410: Outcome.GONE,
    413: Outcome.PERMANENT, 422: Outcome.PERMANENT, 425: Outcome.TRANSIENT, 429: Outcome.THROTTLED,
    500: Outcome.TRANSIENT, 502: Outcome.TRANSIENT, 503: Outcome.TRANSIENT, 599: Outcome.TRANSIENT,
}  # fmt: skip
"""The outcome of each HTTP status (RULES.md#outcomes)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A failure of the receiver, and the outcome that the channel must report for it.

    `cause` makes the running receiver fail at the next message. The error must have this `retry_after`.
    `deadline` limits the request, for failures that would take longer.
    """

    name: str
    outcome: Outcome
    cause: Callable[[Any], object]
    retry_after: Duration | None = None
    allow_private: bool = True
    deadline: Duration | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedMessage:
    """A message that the receiver got. Header names are lower-case; `text` is what a person can read."""

    body: bytes
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)


class ChannelCase(Protocol):
    """A kind with settings and a receiver, as the suite uses them.

    `can` are the capabilities of the kind with these settings, at most those of the kind. `secrets` must not
    appear in any output. `markup` are pieces of the receiver's syntax that must arrive as plain text.
    """

    @property
    def kind(self) -> Kind[Any]: ...
    @property
    def can(self) -> Capabilities: ...
    @property
    def secrets(self) -> Sequence[str]: ...
    @property
    def markup(self) -> Sequence[str]: ...
    @property
    def troubles(self) -> Sequence[Trouble]: ...

    def receiver(self) -> AbstractContextManager[Any]:
        """A receiver that accepts every message until the context ends."""

    def options(self, receiver: Any) -> dict[str, Any]:
        """The channel's block in a configuration, without `type`."""

    def received(self, receiver: Any) -> Sequence[ReceivedMessage]:
        """Every message received so far, oldest first."""

    def visible(self, receiver: Any) -> Sequence[str]:
        """The messages that are visible at the receiver now, without replies, oldest first."""

    def make_slow(self, receiver: Any) -> None:
        """Delay the answer to the next message by seconds, if the receiver supports it."""

    def make_quick(self, receiver: Any) -> None:
        """Answer all further messages at once."""

    def renders_markup(self, received: ReceivedMessage, piece: str) -> bool:
        """Whether the receiver interprets this piece of markup, which comes from an event."""

    def belongs_to(self, first: ReceivedMessage, later: ReceivedMessage, ref: str) -> bool:
        """Whether `later` refers to `first`, whose receipt contains `ref`."""

    def idempotency_key(self, received: ReceivedMessage) -> str | None:
        """The key by which the receiver recognizes a message that is sent again."""

    def press(self, receiver: Any) -> Callback | None:
        """The callback for a press of "Acknowledge" under the newest message; None if it has no such button."""


class _Scripted(Protocol):
    def script(self, *answers: Answer) -> None: ...


def answers(status: int, *, retry_after: bool = True) -> Callable[[_Scripted], None]:
    """A cause that makes an HTTP receiver answer once with this status, a foreign `Location` and a page with `ECHO`."""
    headers = {"Location": "https://elsewhere.example.com/", **({"Retry-After": "7"} if retry_after else {})}
    answer = Answer(status=status, headers=headers, body=f"<html>{ECHO}</html>".encode())
    return lambda receiver: receiver.script(answer)


def move(receiver: Any) -> None:
    """Move the receiver to another port, so that its old address refuses connections."""
    receiver.stop()
    receiver.start()


HTTP_TROUBLES: tuple[Trouble, ...] = (
    *(
        Trouble(name=str(status), outcome=outcome, cause=answers(status), retry_after=WAIT)
        for status, outcome in OUTCOMES.items()
    ),
    Trouble(
        name="throttled-without-a-time", outcome=Outcome.THROTTLED, cause=answers(429, retry_after=False)
    ),
    Trouble(name="hangs-up", outcome=Outcome.AMBIGUOUS, cause=lambda to: to.script(Answer(close=True))),
    Trouble(
        name="silent",
        outcome=Outcome.AMBIGUOUS,
        cause=lambda to: to.script(Answer(delay=60.0)),
        deadline=SECOND // 2,
    ),
    Trouble(name="unreachable", outcome=Outcome.TRANSIENT, cause=move),
    Trouble(name="blocked-address", outcome=Outcome.BLOCKED, cause=lambda _to: None, allow_private=False),
)
"""HTTP statuses, no answer, a closed connection, a refused connection, and a blocked address."""


class HttpCase:
    """A kind that sends one HTTP request for each message, to a receiver that answers with a status.

    `options` builds the channel's block from a running `WebhookReceiver`. `repeat_header` is the header with
    the idempotency key.
    """

    def __init__(
        self,
        kind: Kind[Any],
        options: Callable[[WebhookReceiver], dict[str, Any]],
        *,
        can: Capabilities | None = None,
        secrets: Sequence[str] = (),
        markup: Sequence[str] = (),
        repeat_header: str = "idempotency-key",
    ) -> None:
        self.kind = kind
        self.can = kind.can if can is None else can
        self.secrets = secrets
        self.markup = markup
        self.troubles: Sequence[Trouble] = HTTP_TROUBLES
        self._options = options
        self._repeat_header = repeat_header

    def receiver(self) -> AbstractContextManager[Any]:
        return WebhookReceiver()

    def options(self, receiver: Any) -> dict[str, Any]:
        return self._options(receiver)

    def received(self, receiver: Any) -> Sequence[ReceivedMessage]:
        server: Server = receiver
        return [_received(request) for request in server.requests]

    def visible(self, receiver: Any) -> Sequence[str]:
        return [received.text for received in self.received(receiver)]

    def make_slow(self, receiver: Any) -> None:
        receiver.script(Answer(delay=60.0))

    def make_quick(self, receiver: Any) -> None:
        """Do nothing: `make_slow` delays one answer only."""

    def renders_markup(self, received: ReceivedMessage, piece: str) -> bool:
        return piece in received.text

    def belongs_to(self, first: ReceivedMessage, later: ReceivedMessage, ref: str) -> bool:  # noqa: ARG002
        return ref in later.text or ref in later.headers.values()

    def idempotency_key(self, received: ReceivedMessage) -> str | None:
        return received.headers.get(self._repeat_header)

    def press(self, receiver: Any) -> Callback | None:  # noqa: ARG002
        return None


def parse_settings(kind: Kind[Any], options: Mapping[str, Any]) -> ChannelSettings:
    """The settings from a channel's block. `ValidationError` is raised if the block is invalid."""
    settings: ChannelSettings = kind.settings.model_validate(
        dict(options), context={FOLDER: Path(tempfile.gettempdir())}
    )
    return settings


def _received(request: Request) -> ReceivedMessage:
    return ReceivedMessage(
        body=request.body, headers=request.headers, text=request.body.decode("utf-8", "replace")
    )
