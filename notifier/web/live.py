"""`/live`: server-sent events that ask an open page to refresh; they contain "changed" and nothing else."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from notifier.domain.errors import StoreError
from notifier.oncall import changes
from notifier.oncall.context import OncallContext
from notifier.web.errors import PageError

BEAT_S = 15.0
"""The seconds between two beats of a stream, and between two checks of its session."""
MIN_INTERVAL_S = 1.0
MOST_PER_SESSION = 6
MOST_STREAMS = 200
RETRY_MS = 3_000

_HEADERS = {
    "content-type": "text/event-stream",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
    "x-content-type-options": "nosniff",
}
_CHANGED = b"event: changed\ndata:\n\n"
_OVER = b"event: over\ndata:\n\n"
_BEAT = b": beat\n\n"


class LiveStreams:
    """All streams of this process. Without streams the database is not polled."""

    def __init__(self, service: OncallContext, *, beat_s: float = BEAT_S) -> None:
        self._database = service.database
        self._beat_s = beat_s
        self._changes = changes.subscribe(service.database)
        self._waiting: set[asyncio.Event] = set()
        self._of_session: Counter[str] = Counter()
        self._ended = False
        self._watch: asyncio.Task[None] | None = None

    def response(self, session: str, is_valid: Callable[[], Awaitable[bool]]) -> Response:
        """A stream for one page of a session, open while `is_valid` is true.

        `PageError` is raised if there are too many.
        """
        if self._ended or len(self._waiting) >= MOST_STREAMS or self._of_session[session] >= MOST_PER_SESSION:
            raise PageError(503, "Too many pages listen at once: this one does without.")
        return _Stream(self, session, is_valid)

    def end(self) -> None:
        """End every stream when the service stops; browsers reconnect."""
        self._ended = True
        self._wake()

    async def run(
        self, session: str, is_valid: Callable[[], Awaitable[bool]], receive: Receive, send: Send
    ) -> None:
        """One stream, until the client disconnects, its session ends or the service stops."""
        changed = asyncio.Event()
        self._waiting.add(changed)
        self._of_session[session] += 1
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._watching())
        leaving = asyncio.create_task(_disconnected(receive))
        try:
            await _send_text(send, b"retry: %d\n\n" % RETRY_MS)
            while not self._ended and not leaving.done():
                await _send_text(send, await self._next(changed, leaving, is_valid))
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except _SessionOverError:
            await send({"type": "http.response.body", "body": _OVER, "more_body": False})
        finally:
            leaving.cancel()
            self._waiting.discard(changed)
            self._of_session -= Counter([session])

    async def _next(
        self, changed: asyncio.Event, leaving: asyncio.Task[None], is_valid: Callable[[], Awaitable[bool]]
    ) -> bytes:
        """The next message: "changed", or a beat if nothing has changed."""
        waiting = asyncio.create_task(changed.wait())
        await asyncio.wait({waiting, leaving}, timeout=self._beat_s, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if changed.is_set():
            changed.clear()
            return _CHANGED
        with suppress(StoreError):  # A page stays open while the database is unreachable.
            if not leaving.done() and not await is_valid():
                raise _SessionOverError
        return _BEAT

    async def _watching(self) -> None:
        """Signal changes to the streams, at most once a second, while there are streams."""
        counted = -1
        while self._waiting and not self._ended:
            signalled = False
            with suppress(TimeoutError):
                async with asyncio.timeout(self._beat_s):
                    await self._changes.wait(None)
                    signalled = True
            before = counted
            with suppress(StoreError):
                counted = await changes.accepted_events(self._database)
            if signalled or counted != before >= 0:
                self._wake()
            await asyncio.sleep(MIN_INTERVAL_S)

    def _wake(self) -> None:
        for changed in self._waiting:
            changed.set()


class _SessionOverError(Exception):
    """The session was ended elsewhere, or its key was revoked."""


class _Stream(Response):
    """The response to one request for a stream."""

    def __init__(self, streams: LiveStreams, session: str, is_valid: Callable[[], Awaitable[bool]]) -> None:
        super().__init__(None, 200, _HEADERS)
        self._streams = streams
        self._session = session
        self._is_valid = is_valid

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        headers = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._streams.run(self._session, self._is_valid, receive, send)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_text(send: Send, text: bytes) -> None:
    await send({"type": "http.response.body", "body": text, "more_body": True})
