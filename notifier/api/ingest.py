"""`POST /v1/events`, the hot path: it bypasses FastAPI, and ASGI if the server allows it. `202` means fsynced."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from notifier.access.caller import Caller
from notifier.access.errors import AccessError
from notifier.access.keyring import Keyring
from notifier.api.bearer import bearer_secret
from notifier.api.body_reader import BodyReader, Headers, sent_at
from notifier.api.direct_cycle import WholeAnswer
from notifier.api.errors import problem_of
from notifier.api.problems import HttpProblem, retry_after
from notifier.domain.errors import StoreError
from notifier.domain.event import Rejection
from notifier.domain.time import SECOND
from notifier.ingest.acceptance import AcceptanceResult, Busy, EventResult, Full
from notifier.ingest.batch import Malformed, accepts_content_type, split
from notifier.runtime.service import Runtime

_JSON = (b"content-type", b"application/json")
_encode = msgspec.json.Encoder().encode
_BUSY = {
    "quota": (429, "this key's ingest.rate_limit is used up: send the same again later"),
    "backlog": (503, "too much waits for the database: send the same again"),
    "database": (503, "the event could not be stored: send the same again"),
}


class IngestEndpoint:
    """The HTTP side of accepting events: key, content type, size, decompression, statuses and headers.

    `cloud_events` answers CloudEvents.
    """

    def __init__(self, runtime: Runtime, keyring: Keyring, cloud_events: ASGIApp | None = None) -> None:
        self._cloud_events = cloud_events
        self._runtime = runtime
        self._keyring = keyring
        self._bodies = BodyReader(runtime.settings.ingest.max_body_bytes, "events")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope["headers"])
        if headers.cloud_events and self._cloud_events is not None:
            await self._cloud_events(scope, receive, send)
            return
        answer = await self.respond(headers, receive, None)
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.lines})
        await send({"type": "http.response.body", "body": answer.body})

    async def respond(self, headers: Headers, receive: Receive, ready: bytes | None) -> WholeAnswer:
        """The answer to a native request; `ready` is its undecoded body if it has arrived already."""
        try:
            status, body = await self._answer(headers, receive, ready)
        except HttpProblem as problem:
            self._runtime.metrics.refused.labels(str(problem.status)).inc()
            return WholeAnswer.from_problem(problem, headers.request_id)
        return WholeAnswer.build(status, (_JSON,), body, headers.request_id)

    async def _answer(self, headers: Headers, receive: Receive, ready: bytes | None) -> tuple[int, bytes]:
        caller = await self._caller(headers)
        if not accepts_content_type(headers.content_type):
            raise HttpProblem(415, "send application/json or application/x-ndjson (or no content type)")
        body = await self._reader().read(headers, receive, ready)
        now = self._runtime.database.now()
        try:
            batch = split(body, headers.content_type)
        except Malformed as error:
            raise HttpProblem(413 if error.reason == "too_many" else 422, error.message) from None
        taken = await self._runtime.acceptance.take(
            caller, batch.items, now, sent_at=sent_at(headers.sent_at)
        )
        if not isinstance(taken, AcceptanceResult):
            raise retry_later(taken)
        if batch.single:
            return 202, _encode(accepted(taken.results[0]))
        return (202 if taken.stored else 422), _encode({"results": results_of(taken)})

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
        if self._bodies.largest != largest:  # the limit was reloaded
            self._bodies = BodyReader(largest, "events")
        return self._bodies


def retry_later(refusal: Busy | Full) -> HttpProblem:
    """The 429 or 503, with `Retry-After`, for events that were not accepted and can be sent again."""
    if isinstance(refusal, Full):
        sentence = "the database is full: free space or raise database.max_size; send the same again"
        return retry_after(503, sentence, refusal.retry_after)
    status, sentence = _BUSY[refusal.reason]
    return retry_after(status, sentence, refusal.retry_after)


def accepted(result: EventResult | Rejection) -> EventResult:
    """The result of a body that is one event. `HttpProblem` is raised if it was rejected."""
    if not isinstance(result, Rejection):
        return result
    if result.reason == "unreadable":
        raise HttpProblem(422, f"the body cannot be read as an event: {result.message}")
    errors = [{"path": result.path, "message": result.message}]
    status = 413 if result.reason == "too_large" else 422
    raise HttpProblem(status, sentence_of(result), more={"errors": errors})


def results_of(taken: AcceptanceResult) -> list[Any]:
    """The results of several events, in order."""
    return [
        _rejected(index, result) if isinstance(result, Rejection) else result
        for index, result in enumerate(taken.results)
    ]


def _rejected(index: int, rejection: Rejection) -> dict[str, Any]:
    return {"status": "rejected", "index": index, "error": sentence_of(rejection)}


def sentence_of(rejection: Rejection) -> str:
    """The rejection as a sentence: `labels[0]: what is wrong and what to do`."""
    return f"{rejection.path}: {rejection.message}" if rejection.path else rejection.message
