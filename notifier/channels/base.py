"""A channel: the protocol that every kind implements, and the values that it is given.

A kind is one module: its settings model, a pure payload function, and a class with `send` and `aclose`. It never
retries, sleeps, logs a secret or touches the store. Third parties find all of this in `notifier.channels.api`, and
register a `Kind` under the entry-point group `notifier.channels`.
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
"""What a validator of settings finds in its `info.context`: the configuration's folder, where relative paths start."""


class ChannelSettings(BaseModel):
    """Base of every kind's settings: frozen, unknown keys refused. `type`, `rate_limit` and `digest` are not here."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


S = TypeVar("S", bound=ChannelSettings)
S_contra = TypeVar("S_contra", bound=ChannelSettings, contravariant=True)


class Channel(Protocol):
    """A configured sender.

    `send` delivers one message to one target (an address, a Slack channel, a URL's name) and returns a receipt
    once the receiver has taken it, or raises `SendError`. `thread` is what is known of earlier messages about the
    same episode at the same target. The caller bounds the time (30 s) and records the outcome.
    """

    async def send(self, message: Message, *, target: str, thread: Thread) -> Receipt: ...

    async def aclose(self) -> None: ...


@runtime_checkable
class Checkable(Protocol):
    """A sender that can say without sending whether it would be heard: `notifier doctor` asks those that have this.

    `check` goes as far as the receiver lets it (name, connection, certificate, login, the target itself) and returns a
    sentence on what answered, or raises `SendError` as `send` does.
    """

    async def check(self, *, target: str) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """A request from a receiver, of at most 64 KiB. `headers` have lower-case names; `body` is as it came."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackReply:
    """The body of the `200` that a receiver gets."""

    body: bytes = b""
    content_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackRefusal:
    """Why a callback is not taken, as a sentence that repeats nothing of it.

    `authentic` says that the receiver did send it and that it cannot be read (`400`); else nobody knows whose it is
    (`401`).
    """

    detail: str
    authentic: bool = False


class Inbound(Protocol[S_contra]):
    """How presses come back from the receivers of a kind. Pure, and no input makes it raise.

    `receiver` is what people call it, as in "from Slack by ann".
    """

    receiver: str

    def read(
        self, callback: Callback, channels: Mapping[str, S_contra], *, now: Instant
    ) -> Press | CallbackReply | CallbackRefusal:
        """The press that a callback tells of, once a secret of these channels, all of the kind, has vouched for it.

        A reply, where the callback is the receiver's own and nothing was pressed that acts.
        """

    def reply(self, text: str | None) -> CallbackReply:
        """The reply that who pressed sees, and nobody else; with None, that there is nothing to tell, or not yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolbox:
    """The tools that the runtime lends to channels. `url` is the base of links (`server.url`), or None."""

    clock: Clock
    http: GuardedClient
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """The abilities of a kind's receivers, as far as its channels use them; the conformance suite asks for each.

    - `threads`: the messages of one episode stand together; a receipt's `ref` comes back as `Thread.ref`.
    - `edits`: what was posted first is changed as its incidents change.
    - `buttons`: messages have buttons, and `Kind.inbound` reads the presses.
    - `links`: messages carry links that act in the name of the target, which is then one person.
    - `acknowledges`, `resolves`: an acknowledgement, or the end, changes what stands at the receiver.
    - `idempotent`: a repeat goes out under the same key, by which the receiver can drop it.
    - `max_bytes`: the size of a message at most; None where a kind keeps to none.
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
    """One kind of channel, as the registry knows it.

    `targets` names the recipients (one delivery each); the names are stored and shown, so they hold no secret.
    `warnings` are sentences about what a channel of these settings cannot do, for `notifier check`. `digest` is whether
    pending messages beyond the rate limit go as one digest (else they are paced), and `digestible` whether these
    settings let one message stand for several threads. `pace` is the least time between two
    messages to one target. `concurrency` is how many sends of one channel may run at once. `recipients` are the keys
    that only name who is told: another name there says nothing about the health of those that stay. `preview` is the
    text that a message goes out as, for people to look at, without anything secret; None: the kind shows none. Its
    arguments are the channel's name and settings, the message, and the base of links.
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
