"""`POST /v1/events`: the hot path, a bare ASGI callable. `202` means committed and fsynced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

from notifier.access.caller import Caller
from notifier.access.errors import AccessError
from notifier.access.keyring import Keyring
from notifier.api.bearer import bearer_secret
from notifier.api.body_reader import BodyReader, Headers, sent_at
from notifier.api.errors import problem_of
from notifier.api.problems import GUARD_LINES, HttpProblem, retry_after
from notifier.domain.errors import Overloaded, StoreError, StoreFull
from notifier.domain.event import Event
from notifier.domain.time import SECOND, Instant
from notifier.ingest.intake import StoredEvent
from notifier.ingest.normalize import Malformed, Parsed, Rejection, accepts
from notifier.runtime.service import Runtime

_JSON = (b"content-type", b"application/json")
_encode = msgspec.json.Encoder().encode


class IngestEndpoint:
    """Reads, authenticates, normalises, waits for the commit, answers."""

    def __init__(self, runtime: Runtime, keyring: Keyring) -> None:
        self._runtime = runtime
        self._keyring = keyring
        self._bodies = BodyReader(runtime.settings.ingest.max_body_bytes, "events")
        self._results = {
            name: runtime.metrics.events.labels(name) for name in ("accepted", "duplicate", "rejected")
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope["headers"])
        try:
            status, body = await self._answer(headers, receive)
            start = [_JSON]
        except HttpProblem as problem:
            self._runtime.metrics.refused.labels(str(problem.status)).inc()
            status, body = problem.status, problem.body()
            start = [(name.encode(), value.encode()) for name, value in problem.all_headers().items()]
        start += GUARD_LINES
        start.append((b"content-length", b"%d" % len(body)))
        if headers.request_id is not None:
            start.append((b"x-request-id", headers.request_id))
        await send({"type": "http.response.start", "status": status, "headers": start})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, headers: Headers, receive: Receive) -> tuple[int, bytes]:
        caller = await self._caller(headers)
        if not accepts(headers.content_type):
            raise HttpProblem(415, "send application/json or application/x-ndjson (or no content type)")
        body = await self._reader().read(headers, receive)
        now = self._runtime.database.now()
        try:
            parsed = self._runtime.normalizer.parse(
                body,
                headers.content_type,
                project=caller.project,
                received_at=now,
                sent_at=sent_at(headers.sent_at),
            )
        except Malformed as refusal:
            raise HttpProblem(413 if refusal.reason == "too_many" else 422, refusal.message) from None
        events = [item.event for item in parsed.items if not isinstance(item, Rejection)]
        self._quota(caller, len(events), now)
        stored = await self._commit(caller, events)
        return self._results_of(parsed, stored)

    async def _caller(self, headers: Headers) -> Caller:
        try:
            caller = await self._keyring.caller(bearer_secret(headers.authorization))
            caller.require("ingest")
        except AccessError as error:
            raise problem_of(error) from None
        except StoreError:
            raise retry_after(503, "the key could not be looked up: send the same again", SECOND) from None
        return caller

    def _reader(self) -> BodyReader:
        largest = self._runtime.settings.ingest.max_body_bytes
        if self._bodies.largest != largest:  # reloaded
            self._bodies = BodyReader(largest, "events")
        return self._bodies

    def _quota(self, caller: Caller, count: int, now: Instant) -> None:
        wait = self._runtime.events_quota.take(caller.key_id, count, now)
        if wait is not None:
            raise retry_after(429, "this key's ingest.rate_limit is used up: send the same again later", wait)

    async def _commit(self, caller: Caller, events: Sequence[Event]) -> Sequence[StoredEvent]:
        if not events:
            return ()
        try:
            return await self._runtime.commit.submit(caller.key_id, events)
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

    def _results_of(self, parsed: Parsed, stored: Sequence[StoredEvent]) -> tuple[int, bytes]:
        remaining = iter(stored)
        results: list[dict[str, Any]] = []
        for index, item in enumerate(parsed.items):
            if isinstance(item, Rejection):
                self._results["rejected"].inc()
                if parsed.single:
                    code = 413 if item.reason == "too_large" else 422
                    errors = [{"path": item.path, "message": item.message}]
                    raise HttpProblem(code, _sentence(item), more={"errors": errors})
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
