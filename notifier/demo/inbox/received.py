"""The latest messages, newest first, and a way to wait for changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime

from notifier.demo.inbox.messages import InboxEntry, ReceivedMessage, SlackPost

KEPT = 200


class ReceivedMessages:
    """The received messages, for use in one event loop. The oldest beyond `kept` are dropped."""

    def __init__(self, *, kept: int = KEPT, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._kept = kept
        self._now = now
        self._entries: dict[int, InboxEntry] = {}
        self._numbers = 0
        self._changed = asyncio.Event()
        self.revision = 0
        self.closed = False

    def put(self, message: ReceivedMessage) -> InboxEntry:
        self._numbers += 1
        entry = InboxEntry(number=self._numbers, revision=self.revision + 1, at=self._now(), message=message)
        return self._keep(entry)

    def edit(self, ts: str, message: SlackPost) -> bool:
        """Replace the Slack message with this `ts`; false if there is none."""
        entry = self.slack(ts)
        if entry is None:
            return False
        self._keep(replace(entry, revision=self.revision + 1, message=message))
        return True

    def note(self, ts: str, text: str | None) -> None:
        """Set the note for the person who pressed a button of this message; None removes it."""
        entry = self.slack(ts)
        if entry is not None and isinstance(entry.message, SlackPost) and entry.message.note != text:
            message = replace(entry.message, note=text)
            self._keep(replace(entry, revision=self.revision + 1, message=message))

    def at(self, number: int) -> InboxEntry | None:
        """The message with this number, or None."""
        return self._entries.get(number)

    def slack(self, ts: str) -> InboxEntry | None:
        """The Slack message with this `ts`, or None."""
        for entry in self._entries.values():
            if isinstance(entry.message, SlackPost) and entry.message.ts == ts:
                return entry
        return None

    def newest(self) -> list[InboxEntry]:
        return sorted(self._entries.values(), key=lambda entry: entry.number, reverse=True)

    async def changed(self, since: int) -> int:
        """Wait until the revision differs from `since` or the inbox is closed, and return it."""
        while self.revision == since and not self.closed:
            await self._changed.wait()
        return self.revision

    async def follow(self) -> AsyncIterator[InboxEntry]:
        """The messages that arrive or are edited from now on, until the inbox is closed."""
        seen = self.revision
        while not self.closed:
            await self.changed(seen)
            for entry in sorted(self._entries.values(), key=lambda entry: entry.revision):
                if entry.revision > seen:
                    seen = entry.revision
                    yield entry

    def close(self) -> None:
        self.closed = True
        self._wake()

    def _keep(self, entry: InboxEntry) -> InboxEntry:
        self._entries[entry.number] = entry
        self.revision = entry.revision
        while len(self._entries) > self._kept:
            del self._entries[min(self._entries)]
        self._wake()
        return entry

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
