"""A case of the conformance suite: one way to configure a kind, and what takes the place of its receiver."""

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
"""What a receiver answers together with an error: no error repeats it."""
WAIT: Duration = 7 * SECOND
OUTCOMES: Mapping[int, Outcome] = {
    301: Outcome.PERMANENT, 307: Outcome.PERMANENT, 400: Outcome.PERMANENT, 401: Outcome.PERMANENT,
    403: Outcome.PERMANENT, 404: Outcome.PERMANENT, 408: Outcome.TRANSIENT, 410: Outcome.GONE,
    413: Outcome.PERMANENT, 422: Outcome.PERMANENT, 425: Outcome.TRANSIENT, 429: Outcome.THROTTLED,
    500: Outcome.TRANSIENT, 502: Outcome.TRANSIENT, 503: Outcome.TRANSIENT, 599: Outcome.TRANSIENT,
}  # fmt: skip
"""What statuses of HTTP mean (RULES.md#outcomes)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A mishap at a receiver, and the outcome that a channel must make of it.

    `cause` makes it happen to the next message, at the running receiver. `retry_after` is what the error must carry;
    `deadline` is what a request may take, where the trouble is that it takes longer.
    """

    name: str
    outcome: Outcome
    cause: Callable[[Any], object]
    retry_after: Duration | None = None
    allow_private: bool = True
    deadline: Duration | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenMessage:
    """A message as it arrived. `headers` have lower-case names; `text` is what a person may read of it."""

    body: bytes
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)


class ChannelCase(Protocol):
    """A kind with settings and a receiver, as the suite uses them.

    `can` is what the kind states, or less where it can less with these settings. `secrets` must be shown nowhere.
    `markup` are pieces of the receiver's syntax that no event may bring in.
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
        """A receiver that runs until the context ends, and takes everything."""

    def options(self, receiver: Any) -> dict[str, Any]:
        """The channel's block in a configuration, without `type`."""

    def taken(self, receiver: Any) -> Sequence[TakenMessage]:
        """Every message that has arrived, oldest first."""

    def standing(self, receiver: Any) -> Sequence[str]:
        """The messages that a person sees at the receiver now, without replies, oldest first."""

    def make_slow(self, receiver: Any) -> None:
        """Have the next message answered in seconds, where the receiver can be slow."""

    def make_quick(self, receiver: Any) -> None:
        """Have the messages after that answered at once."""

    def brings_in(self, taken: TakenMessage, piece: str) -> bool:
        """Whether this piece of markup, which stood in an event, is markup at the receiver."""

    def belongs_to(self, first: TakenMessage, later: TakenMessage, ref: str) -> bool:
        """Whether a later message says that it belongs to the first, whose receipt had this reference."""

    def repeat_key(self, taken: TakenMessage) -> str | None:
        """The key by which the receiver knows a repeat."""

    def press(self, receiver: Any) -> Callback | None:
        """The callback of a person who presses "Acknowledge" under the newest message; None without such a button."""


class _Scripted(Protocol):
    def script(self, *answers: Answer) -> None: ...


def answered(status: int, *, retry_after: bool = True) -> Callable[[_Scripted], None]:
    """Have an HTTP receiver answer with this status, a redirect elsewhere, and a page that says `ECHO`."""
    headers = {"Location": "https://elsewhere.example.com/", **({"Retry-After": "7"} if retry_after else {})}
    answer = Answer(status=status, headers=headers, body=f"<html>{ECHO}</html>".encode())
    return lambda receiver: receiver.script(answer)


def moved(receiver: Any) -> None:
    """Move the receiver to another port, so that nobody listens where it was."""
    receiver.stop()
    receiver.start()


HTTP_TROUBLES: tuple[Trouble, ...] = (
    *(
        Trouble(name=str(status), outcome=outcome, cause=answered(status), retry_after=WAIT)
        for status, outcome in OUTCOMES.items()
    ),
    Trouble(
        name="throttled-without-a-time", outcome=Outcome.THROTTLED, cause=answered(429, retry_after=False)
    ),
    Trouble(name="hangs-up", outcome=Outcome.AMBIGUOUS, cause=lambda to: to.script(Answer(close=True))),
    Trouble(
        name="silent",
        outcome=Outcome.AMBIGUOUS,
        cause=lambda to: to.script(Answer(delay=60.0)),
        deadline=SECOND // 2,
    ),
    Trouble(name="unreachable", outcome=Outcome.TRANSIENT, cause=moved),
    Trouble(name="blocked-address", outcome=Outcome.BLOCKED, cause=lambda _to: None, allow_private=False),
)
"""Statuses, silence, a hang-up, nobody there, and an address that the policy refuses."""


class HttpCase:
    """A kind that posts once for each message to a receiver that answers with a status.

    `options` makes the channel's block from a running `WebhookReceiver`. A repeat's key is in `repeat_header`.
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

    def taken(self, receiver: Any) -> Sequence[TakenMessage]:
        server: Server = receiver
        return [_taken(request) for request in server.requests]

    def standing(self, receiver: Any) -> Sequence[str]:
        return [taken.text for taken in self.taken(receiver)]

    def make_slow(self, receiver: Any) -> None:
        receiver.script(Answer(delay=60.0))

    def make_quick(self, receiver: Any) -> None:
        """Only the next answer was slow."""

    def brings_in(self, taken: TakenMessage, piece: str) -> bool:
        return piece in taken.text

    def belongs_to(self, first: TakenMessage, later: TakenMessage, ref: str) -> bool:  # noqa: ARG002
        return ref in later.text or ref in later.headers.values()

    def repeat_key(self, taken: TakenMessage) -> str | None:
        return taken.headers.get(self._repeat_header)

    def press(self, receiver: Any) -> Callback | None:  # noqa: ARG002
        return None


def parse_settings(kind: Kind[Any], options: Mapping[str, Any]) -> ChannelSettings:
    """The settings that a block makes. `ValidationError` where the block has a problem."""
    settings: ChannelSettings = kind.settings.model_validate(
        dict(options), context={FOLDER: Path(tempfile.gettempdir())}
    )
    return settings


def _taken(request: Request) -> TakenMessage:
    return TakenMessage(
        body=request.body, headers=request.headers, text=request.body.decode("utf-8", "replace")
    )
