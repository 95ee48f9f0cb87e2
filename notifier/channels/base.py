"""The protocol that all kinds of channels implement, and the values they receive.

A kind is one module: a settings model, a pure payload function, and a class with `send` and `aclose`. It never
retries, sleeps, logs a secret or accesses the store. Third parties import all of this from `notifier.channels.api`,
and register a `Kind` in the entry-point group `notifier.channels`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel, ConfigDict

from notifier.domain.delivery import Receipt, Thread
from notifier.domain.interaction import Press
from notifier.domain.message import Message
from notifier.domain.time import Duration, Instant

if TYPE_CHECKING:
    from notifier.channels.http import GuardedClient
    from notifier.telemetry.clock import Clock


FOLDER = "folder"
"""The key in a validator's `info.context` for the configuration's folder, which relative paths start from."""


class ChannelSettings(BaseModel):
    """Base of all kinds' settings: frozen, no unknown keys. `type`, `rate_limit` and `digest` are read elsewhere."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


S = TypeVar("S", bound=ChannelSettings)
S_contra = TypeVar("S_contra", bound=ChannelSettings, contravariant=True)


class Channel(Protocol):
    """A configured sender.

    `send` delivers one message to one target (an address, a Slack channel, the name of a URL). It returns a receipt
    once the receiver has accepted the message, or raises `SendError`. `thread` holds what is known of earlier
    messages of the same episode to the same target. The caller limits the time (30 s) and records the outcome.
    """

    async def send(self, message: Message, *, target: str, thread: Thread) -> Receipt: ...

    async def aclose(self) -> None: ...


@runtime_checkable
class Checkable(Protocol):
    """A sender that can be checked without sending anything; `notifier doctor` uses it.

    `check` goes as far as the receiver allows (name, connection, certificate, login, the target itself). It returns a
    sentence about what answered, or raises `SendError` as `send` does.
    """

    async def check(self, *, target: str) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """A request from a receiver, at most 64 KiB. `headers` have lower-case names; `body` is unchanged."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackReply:
    """The body of the `200` response to a receiver."""

    body: bytes = b""
    content_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackRefusal:
    """Why a callback is refused, as a sentence that repeats none of its content.

    `authentic` is true if the receiver sent it but it cannot be read (`400`). Otherwise its sender is unknown
    (`401`).
    """

    detail: str
    authentic: bool = False


class Inbound(Protocol[S_contra]):
    """Parses the button presses that receivers of a kind send back. Pure, and never raises.

    `receiver` is the name shown to people, as in "from Slack by ann".
    """

    receiver: str

    def read(
        self, callback: Callback, channels: Mapping[str, S_contra], *, now: Instant
    ) -> Press | CallbackReply | CallbackRefusal:
        """The press in a callback, verified by a secret of one of these channels, which are all of the kind.

        Returns a reply if the callback is authentic but no button with an action was pressed.
        """

    def reply(self, text: str | None) -> CallbackReply:
        """The reply, visible only to the person who pressed. None means there is nothing to say, or not yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolbox:
    """The parts of the runtime that channels use. `url` is the base of links (`server.url`), or None."""

    clock: Clock
    http: GuardedClient
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """The abilities of a kind's receivers, as far as its channels use them. The conformance suite tests each.

    - `threads`: the messages of one episode are grouped; a receipt's `ref` is passed back as `Thread.ref`.
    - `edits`: the first message is edited as its incidents change.
    - `buttons`: messages have buttons, and `Kind.inbound` parses the presses.
    - `links`: messages contain links that act in the name of the target, which must be one person.
    - `acknowledges`, `resolves`: acknowledging or resolving changes the state at the receiver.
    - `idempotent`: a repeat has the same key, so that the receiver can drop it.
    - `max_bytes`: the maximum size of a message. None if there is no limit.
    """

    threads: bool = False
    edits: bool = False
    buttons: bool = False
    links: bool = False
    acknowledges: bool = False
    resolves: bool = False
    idempotent: bool = False
    max_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[S]):
    """One kind of channel, as registered.

    `targets` returns the recipients, one delivery each; they are stored and shown, so they must hold no secret.
    `warnings` are sentences for `notifier check` about what a channel with these settings cannot do. If `digest` is
    true, pending messages beyond the rate limit are sent as one digest, else they are paced; `digestible` says
    whether these settings let one message stand for several threads. `pace` is the minimum time between two messages
    to one target, `concurrency` the number of simultaneous sends of one channel. `recipients` are the settings that
    only name recipients: changing them says nothing about the health of the remaining targets. `preview` returns the
    text of a message without secrets, given the channel's name, its settings, the message and the base of links; None
    if the kind has no preview.
    """

    name: str
    settings: type[S]
    open: Callable[[str, S, Toolbox], Channel]
    targets: Callable[[S], Sequence[str]]
    warnings: Callable[[S], Iterable[str]] = lambda _settings: ()
    digest: bool = True
    digestible: Callable[[S], bool] = lambda _settings: True
    pace: Duration = 0
    concurrency: int = 8
    recipients: tuple[str, ...] = ()
    inbound: Inbound[S] | None = None
    preview: Callable[[str, S, Message, str | None], str] | None = None
    can: Capabilities = Capabilities()
