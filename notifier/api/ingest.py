"""`POST /v1/events`: the hot path, a bare ASGI callable. `202` means committed and fsynced."""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

import msgspec

from notifier.api.auth import Keyring, require
from notifier.api.patience import Patience
from notifier.api.problems import Problem, retry_after
from notifier.domain.errors import Overloaded, StoreError, StoreFull
from notifier.domain.event import Event
from notifier.domain.time import SECOND, Instant, parse_rfc3339
from notifier.ingest.normalize import Malformed, Parsed, Rejection, accepts
from notifier.runtime import Runtime
from notifier.store.intake import Stored
from notifier.store.keys import Key

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PATIENCE_S = 30.0
"""How long a sender may take for its body: uvicorn itself waits for ever."""

MEMBERS = 64
"""Of one gzip body: each costs a copy of what follows it."""

_JSON = (b"content-type", b"application/json")
_encode = msgspec.json.Encoder().encode


class IngestEndpoint:
    """Reads, authenticates, normalises, waits for the commit, answers."""

    def __init__(self, runtime: Runtime, keyring: Keyring) -> None:
        self._runtime = runtime
        self._keyring = keyring
        self._largest = runtime.settings.ingest.max_body_bytes
        self._patience = Patience(PATIENCE_S)
        self._results = {
            name: runtime.metrics.events.labels(name) for name in ("accepted", "duplicate", "rejected")
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _Headers(scope["headers"])
        try:
            status, body = await self._answer(headers, receive)
            start = [_JSON]
        except Problem as problem:
            self._runtime.metrics.refused.labels(str(problem.status)).inc()
            status, body = problem.status, problem.body()
            start = [(name.encode(), value.encode()) for name, value in problem.all_headers().items()]
        start.append((b"content-length", b"%d" % len(body)))
        if headers.request_id is not None:
            start.append((b"x-request-id", headers.request_id))
        await send({"type": "http.response.start", "status": status, "headers": start})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, headers: _Headers, receive: Receive) -> tuple[int, bytes]:
        key = await self._keyring.authenticate(headers.authorization)
        require(key, "ingest")
        if not accepts(headers.content_type):
            raise Problem(415, "send application/json or application/x-ndjson (or no content type)")
        body = await self._body(headers, receive)
        now = self._runtime.database.now()
        try:
            parsed = self._runtime.normalizer.parse(
                body,
                headers.content_type,
                project=key.project,
                received_at=now,
                sent_at=_sent_at(headers.sent_at),
            )
        except Malformed as refusal:
            raise Problem(413 if refusal.reason == "too_many" else 422, refusal.message) from None
        events = [item.event for item in parsed.items if not isinstance(item, Rejection)]
        self._quota(key, len(events), now)
        stored = await self._commit(key, events)
        return self._results_of(parsed, stored)

    async def _body(self, headers: _Headers, receive: Receive) -> bytes:
        if headers.encoding not in {"", "identity", "gzip"}:
            raise Problem(415, "this content encoding is not known: send the body as it is, or with gzip")
        if headers.length > self._largest:
            raise self._too_large()
        try:
            body = await self._patience.wait(self._received(receive))
        except TimeoutError:
            # What may still come is not waited for: the connection ends with the answer.
            raise Problem(
                408,
                f"the body did not come within {PATIENCE_S:.0f} s: send it at once",
                {"connection": "close"},
            ) from None
        return body if headers.encoding != "gzip" else self._unzip(body)

    async def _received(self, receive: Receive) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Problem(400, "the body ended early")
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self._largest:
                raise self._too_large()
            chunks.append(chunk)
            if not message.get("more_body", False):
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _unzip(self, body: bytes) -> bytes:
        """Decompress all members (RFC 1952), up to the cap: a bomb is not unpacked first and measured afterwards."""
        plain = b""
        try:
            for _ in range(MEMBERS):
                if not body:
                    break
                inflater = zlib.decompressobj(wbits=31)
                plain += inflater.decompress(body, self._largest + 1 - len(plain))
                if len(plain) > self._largest:
                    raise self._too_large()
                if not inflater.eof:
                    raise Problem(422, "the gzip body ends early: send it whole")
                body = inflater.unused_data
        except zlib.error:
            raise Problem(
                422, "the body says gzip and is not: compress it again, or leave Content-Encoding out"
            ) from None
        if body:
            raise Problem(413, f"the body has more than {MEMBERS} gzip members: compress it as one")
        return plain

    def _too_large(self) -> Problem:
        return Problem(
            413, f"the body is over {self._largest} bytes (ingest.max_body_bytes): send fewer events at once"
        )

    def _quota(self, key: Key, count: int, now: Instant) -> None:
        wait = self._runtime.events_quota.take(key.id, count, now)
        if wait is not None:
            raise retry_after(429, "this key's ingest.rate_limit is used up: send the same again later", wait)

    async def _commit(self, key: Key, events: Sequence[Event]) -> Sequence[Stored]:
        if not events:
            return ()
        try:
            return await self._runtime.commit.submit(key.id, events)
        except Overloaded as error:
            raise retry_after(
                503, "too much waits for the database: send the same again", error.retry_after
            ) from None
        except StoreFull:
            raise retry_after(
                503,
                "the database is full: free space or raise database.max_size; send the same again",
                30 * SECOND,
            ) from None
        except StoreError:
            raise retry_after(503, "the event could not be stored: send the same again", SECOND) from None

    def _results_of(self, parsed: Parsed, stored: Sequence[Stored]) -> tuple[int, bytes]:
        remaining = iter(stored)
        results: list[dict[str, Any]] = []
        for index, item in enumerate(parsed.items):
            if isinstance(item, Rejection):
                self._results["rejected"].inc()
                if parsed.single:
                    code = 413 if item.reason == "too_large" else 422
                    errors = [{"path": item.path, "message": item.message}]
                    raise Problem(code, _sentence(item), more={"errors": errors})
                results.append({"status": "rejected", "index": index, "error": _sentence(item)})
                continue
            one = next(remaining)
            status = "duplicate" if one.duplicate else "accepted"
            self._results[status].inc()
            results.append(
                {
                    "id": item.event.id,
                    "incident_id": one.incident_id,
                    "status": status,
                    "warnings": item.warnings,
                }
            )
        if parsed.single:
            return 202, _encode(results[0])
        return (202 if stored else 422), _encode({"results": results})


def _sentence(rejection: Rejection) -> str:
    """`labels[0]: what is wrong and what to do`."""
    return f"{rejection.path}: {rejection.message}" if rejection.path else rejection.message


class _Headers:
    """The few headers that matter here, in one pass."""

    __slots__ = ("authorization", "content_type", "encoding", "length", "request_id", "sent_at")

    def __init__(self, raw: Sequence[tuple[bytes, bytes]]) -> None:
        self.authorization: str | None = None
        self.content_type: str | None = None
        self.encoding = ""
        self.length = 0
        self.request_id: bytes | None = None
        self.sent_at: str | None = None
        for name, value in raw:
            if name == b"authorization":
                self.authorization = value.decode("latin-1")
            elif name == b"content-type":
                self.content_type = value.decode("latin-1")
            elif name == b"content-length":
                self.length = int(value) if value.isdigit() and len(value) < 19 else 0
            elif name == b"content-encoding":
                self.encoding = value.decode("latin-1").strip().lower()
            elif name == b"notifier-sent-at":
                self.sent_at = value.decode("latin-1")
            elif name == b"x-request-id":
                self.request_id = bytes(byte for byte in value[:128] if 0x20 < byte < 0x7F)


def _sent_at(value: str | None) -> Instant | None:
    """`Notifier-Sent-At`: RFC 3339, or seconds since the epoch; anything else counts as not sent."""
    if value is None:
        return None
    try:
        return parse_rfc3339(value)
    except ValueError:
        pass
    try:
        return int(float(value) * SECOND)
    except (ValueError, OverflowError):
        return None
