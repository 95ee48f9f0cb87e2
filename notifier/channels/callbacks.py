"""Callbacks from receivers: finds the channels that a callback may belong to, and sends late replies."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from notifier.channels.base import (
    Callback,
    CallbackRefusal,
    CallbackReply,
    ChannelSettings,
    Inbound,
    Kind,
    Toolbox,
)
from notifier.channels.http import parse_url
from notifier.channels.registry import ChannelConfig
from notifier.domain.errors import SendError
from notifier.domain.interaction import Press
from notifier.domain.time import Instant
from notifier.telemetry.logging import get

MAX_CONCURRENT_REPLIES = 32
REPLY_WITHIN_S = 10.0


class ActiveChannels(Protocol):
    """The part of the current configuration that callbacks need."""

    @property
    def configs(self) -> Mapping[str, ChannelConfig]: ...
    @property
    def toolbox(self) -> Toolbox: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackReader:
    """A kind's `inbound` with the settings of its channels, by name."""

    kind: str
    inbound: Inbound[Any]
    channels: Mapping[str, ChannelSettings]
    now: Instant

    def read(self, callback: Callback) -> Press | CallbackReply | CallbackRefusal:
        return self.inbound.read(callback, self.channels, now=self.now)


class Callbacks:
    """The callbacks of all kinds. One instance per process."""

    def __init__(
        self, *, use: Callable[[], AbstractContextManager[ActiveChannels]], now: Callable[[], Instant]
    ) -> None:
        self._use = use
        self._now = now
        self._replies: set[asyncio.Task[None]] = set()

    def of_kind(self, kind: Kind[Any]) -> CallbackReader | None:
        """The reader of a kind. None if its messages have no buttons."""
        if kind.inbound is None:
            return None
        with self._use() as active:
            channels = {
                name: config.settings
                for name, config in active.configs.items()
                if config.kind.name == kind.name
            }
        return CallbackReader(kind=kind.name, inbound=kind.inbound, channels=channels, now=self._now())

    def of_channel(self, name: str) -> CallbackReader | None:
        """The reader of a channel's kind. None if there is no such channel, or its messages have no buttons."""
        with self._use() as active:
            config = active.configs.get(name)
        return None if config is None else self.of_kind(config.kind)

    def reply(self, reader: CallbackReader, press: Press, text: str | None) -> CallbackReply:
        """The reply to a press. If it has a text, it is also posted to the press's `reply_url` in the background."""
        reply = reader.inbound.reply(text)
        if text is None or press.reply_url is None:
            return reply
        if len(self._replies) < MAX_CONCURRENT_REPLIES:
            self._spawn(self._post(press, press.reply_url, reply))
        else:
            get(f"notifier.{press.kind}").warning(f"{press.kind}_reply_dropped", waiting=len(self._replies))
        return reply

    def reply_later(self, reader: CallbackReader, press: Press, text: Awaitable[str | None]) -> CallbackReply:
        """An empty reply. The text is posted to the press's `reply_url` once it is known."""
        self._spawn(self._later(reader, press, text))
        return reader.inbound.reply(None)

    async def aclose(self) -> None:
        for task in self._replies:
            task.cancel()
        await asyncio.gather(*self._replies, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="callback-reply")
        self._replies.add(task)
        task.add_done_callback(self._replies.discard)

    async def _later(self, reader: CallbackReader, press: Press, text: Awaitable[str | None]) -> None:
        self.reply(reader, press, await text)

    async def _post(self, press: Press, url: str, reply: CallbackReply) -> None:
        log, event = get(f"notifier.{press.kind}"), f"{press.kind}_reply_failed"
        headers = {"Content-Type": reply.content_type or "application/octet-stream"}
        try:
            with self._use() as active:
                async with asyncio.timeout(REPLY_WITHIN_S):
                    answer = await active.toolbox.http.post(parse_url(url), reply.body, headers=headers)
        except (SendError, ValueError, TimeoutError) as error:
            log.warning(event, why=str(error) or "no answer in time")
            return
        if answer.status >= 300:
            log.warning(event, why=f"{press.receiver} answered {answer.status}")
