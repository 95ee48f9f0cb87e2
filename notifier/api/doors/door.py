"""The HTTP that all doors share: the key, the limits on the body, and the answers."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Protocol, TypeVar

from starlette.types import Receive, Scope, Send

from notifier.access.caller import Caller
from notifier.access.errors import AccessError, Unauthenticated
from notifier.access.keyring import Keyring
from notifier.api.body_reader import BodyReader, Headers
from notifier.api.doors.credentials import PresentedKey, presented, refuse_strong_keys_in_addresses
from notifier.api.doors.request import DoorAnswer, DoorRequest, request_of
from notifier.api.errors import problem_of
from notifier.api.ingest import retry_later
from notifier.api.problems import HttpProblem, retry_after
from notifier.domain.errors import NotifierError, StoreError
from notifier.domain.key import DoorName
from notifier.domain.key import Scope as KeyScope
from notifier.domain.time import SECOND
from notifier.ingest.acceptance import AcceptanceResult
from notifier.ingest.batch import Malformed
from notifier.ingest.formats.reading import BodyParser, ParsedBody
from notifier.runtime.service import Runtime

CODINGS: Final = ("gzip", "deflate", "br")


class Door(Protocol):
    """A kind of sender. `name` is the value of a key's `for`, and the format label of its metrics."""

    @property
    def name(self) -> DoorName: ...
    @property
    def codings(self) -> Collection[str]:
        """The content encodings that its clients use, of gzip, deflate and br."""

    @property
    def key_in_body(self) -> bool:
        """Whether `own_key` reads the body, which is then read before the request is authenticated."""

    def scope(self, request: DoorRequest) -> KeyScope:
        """The scope that this request needs."""

    def own_key(self, request: DoorRequest) -> PresentedKey | None:
        """The key in the format's own place, or None."""

    async def answer(self, request: DoorRequest, caller: Caller) -> DoorAnswer:
        """The answer to an authenticated request. `HttpProblem` and errors of the service become a refusal."""

    def refusal(self, problem: HttpProblem) -> DoorAnswer:
        """The problem in a form that the door's clients understand."""


class EventsDoor:
    """The base of doors that take events with the scope `ingest`, for formats without a place for a key."""

    codings: Collection[str] = CODINGS
    key_in_body = False

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def scope(self, _: DoorRequest) -> KeyScope:
        return "ingest"

    def own_key(self, _: DoorRequest) -> PresentedKey | None:
        return None


class DoorEndpoint:
    """The ASGI endpoint of one door."""

    def __init__(self, runtime: Runtime, keyring: Keyring, door: Door) -> None:
        self._runtime = runtime
        self._keyring = keyring
        self._door = door
        self._bodies = self._reader_of(runtime.settings.ingest.max_body_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._respond(scope, receive)
        except HttpProblem as problem:
            self._runtime.metrics.refused.labels(str(problem.status)).inc()
            answer = self._door.refusal(problem)
        headers = [(b"content-length", b"%d" % len(answer.body))]
        if answer.content_type is not None:
            headers.append((b"content-type", answer.content_type.encode()))
        headers += [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _respond(self, scope: Scope, receive: Receive) -> DoorAnswer:
        request = request_of(scope)
        headers = Headers(scope["headers"])
        door = self._door
        key = presented(request, door.own_key)
        if key is None and door.key_in_body:
            request = request.with_body(await self._reader().read(headers, receive))
            caller = await self._caller(request, presented(request, door.own_key))
        else:
            caller = await self._caller(request, key)
            request = request.with_body(await self._reader().read(headers, receive))
        try:
            return await door.answer(request, caller)
        except NotifierError as error:
            problem = problem_of(error)
            if problem.status == 500:
                raise
            raise problem from None

    async def _caller(self, request: DoorRequest, key: PresentedKey | None) -> Caller:
        try:
            if key is None:
                raise Unauthenticated("send a key: see `notifier keys create`")
            caller = await self._keyring.caller(key.secret, door=self._door.name)
            caller.require(self._door.scope(request))
        except AccessError as error:
            raise problem_of(error) from None
        except StoreError:
            raise retry_after(503, "the key could not be looked up: send the same again", SECOND) from None
        refuse_strong_keys_in_addresses(key, caller)
        return caller

    def _reader(self) -> BodyReader:
        largest = self._runtime.settings.ingest.max_body_bytes
        if self._bodies.largest != largest:  # reloaded
            self._bodies = self._reader_of(largest)
        return self._bodies

    def _reader_of(self, largest: int) -> BodyReader:
        return BodyReader(largest, "events", self._door.codings)


R = TypeVar("R")


def read_body(format_: BodyParser[R], request: DoorRequest, caller: Caller) -> R:
    """The body, read by the format. `HttpProblem` is raised with 413 if it is too large, else 422."""
    try:
        return format_(request.body, request.headers, service=caller.service)
    except Malformed as error:
        status = 413 if error.reason in {"too_many", "too_large"} else 422
        raise HttpProblem(status, error.message) from None


async def take(runtime: Runtime, caller: Caller, read: ParsedBody, format_: str) -> AcceptanceResult:
    """Ingest what was read, and count what is no event.

    `HttpProblem` with 429 or 503 is raised if nothing was accepted.
    """
    for kind, count in read.dropped.items():
        runtime.metrics.dropped.labels(format_, kind).inc(count)
    if not read.items:
        return AcceptanceResult(results=(), stored=False)
    now = runtime.database.now()
    taken = await runtime.acceptance.take(caller, read.items, now, sent_at=read.sent_at, format_=format_)
    if not isinstance(taken, AcceptanceResult):
        raise retry_later(taken)
    return taken
