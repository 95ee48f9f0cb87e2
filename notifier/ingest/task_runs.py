"""Changes of task runs from a request's bytes: limits, sanitising, scrubbing, times. Pure.

A change is kept whenever possible: what is too large is cut, and an unknown field is ignored, each with a warning. A
known field of the wrong type rejects its change alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from notifier.domain.event import Rejection
from notifier.domain.task_run import Replayable, RunState, TaskRun
from notifier.domain.time import Instant
from notifier.domain.value import replace
from notifier.ingest import sanitise, schema
from notifier.ingest.batch import Malformed, split
from notifier.ingest.fields import (
    Fields,
    InvalidField,
    as_object,
    choice,
    identity,
    instant,
    integer,
    kind,
    object_in,
)
from notifier.ingest.lenient import DocumentReader
from notifier.ingest.normalize import MAX_AGE
from notifier.ingest.scrub import scrub, suspicious
from notifier.policy import runs

RESULT_BYTES: Final = 65_536
ARGUMENTS_BYTES: Final = 65_536
ERROR_BYTES: Final = 65_536
PREVIEW_CHARS: Final = 1_000
KEY_CHARS: Final = 256
REASON_CHARS: Final = 64

_KNOWN: Final = frozenset({
    "id", "task", "service", "environment", "state", "attempt", "max_attempts", "queued_at", "started_at",
    "finished_at", "duration_ms", "result", "error", "key", "process_id", "replay_of", "arguments", "replayable",
    "incident_id",
})  # fmt: skip
_STATES: Final = tuple(state.value for state in RunState)
_REPLAYABLE: Final = tuple(each.value for each in Replayable)
_encode = msgspec.json.Encoder().encode
_SENTENCES: Final = {
    "empty": "there is no change in the body: send an array of task runs' changes",
    "too_many": "more than 1000 changes in one body: send them in several requests",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedRun:
    """A change, and sentences about what was altered or ignored in it."""

    run: TaskRun
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestContext:
    """The context of a request: its project, when it arrived, and when its sender says that it was sent."""

    project: str
    received_at: Instant
    sent_at: Instant | None


def read(
    body: bytes, content_type: str | None, request: RequestContext
) -> tuple[AcceptedRun | Rejection, ...]:
    """The changes of a body, in order. Raises `Malformed` if it cannot be split into changes."""
    try:
        items = split(body, content_type).items
    except Malformed as error:
        raise Malformed(_SENTENCES.get(error.reason, error.message), reason=error.reason) from None
    return tuple([_item(bytes(raw), request) for raw in items])


def _item(raw: bytes, request: RequestContext) -> AcceptedRun | Rejection:
    reading = _RunReader(request)
    try:
        tree = as_object(sanitise.read(raw), "")
        run = reading.run(tree, scrub(tree) if suspicious(raw) else tree)
    except sanitise.UnreadableJson as error:
        return Rejection(path="", message=str(error))
    except InvalidField as error:
        return Rejection(path=error.path, message=error.message)
    return AcceptedRun(run=run, warnings=tuple(reading.warnings()))


class _RunReader(DocumentReader):
    """Reads one change."""

    def __init__(self, request: RequestContext) -> None:
        super().__init__()
        self._request = request

    def run(self, tree: Fields, clean: Fields) -> TaskRun:
        self.keep_unknown(clean, _KNOWN, "")
        state = RunState(self._required(choice(tree, "state", _STATES, ""), "state"))
        queued, started, finished = (
            self._occurred_at(tree, name) for name in ("queued_at", "started_at", "finished_at")
        )
        arguments, replayable = self._arguments(tree, clean)
        change = TaskRun(
            project=self._request.project,
            id=self._required(identity(tree.get("id")), "id"),
            task=self._required(self.text(clean, "task", "", schema.NAME_CHARS), "task"),
            service=self._required(self.text(clean, "service", "", schema.NAME_CHARS), "service"),
            environment=self.text(clean, "environment", "", schema.NAME_CHARS) or "production",
            state=state,
            attempt=_attempt_number(tree, "attempt") or 1,
            max_attempts=_attempt_number(tree, "max_attempts"),
            created_at=self._created(queued, started),
            started_at=started,
            finished_at=self._request.received_at if finished is None and state.final else finished,
            duration_ms=_milliseconds(tree),
            result=self._result(clean.get("result")),
            error=self._error(clean),
            key=_name(tree, "key", KEY_CHARS),
            process=_name(tree, "process_id", schema.ID_CHARS),
            replay_of=_name(tree, "replay_of", schema.ID_CHARS),
            arguments=arguments,
            replayable=replayable,
        )
        return _with_reason(change) if state is RunState.LOST else change

    def keep_unknown(self, fields: Fields, known: Any, where: str) -> None:
        """Ignores unknown fields: a change has no `context` to keep them under."""
        for name in fields:
            if name not in known:
                self.warn(f'unknown field "{where}{name[:64]}" is ignored')

    def _required(self, value: str | None, name: str) -> str:
        if not value or value.isspace():
            raise InvalidField(name, "is required")
        return value

    def _occurred_at(self, tree: Fields, name: str) -> Instant | None:
        """The time by our clock, which a wrong clock of the sender does not affect (RULES.md#incidents)."""
        value = tree.get(name)
        if value is None:
            return None
        if type(value) is not str or not value:
            raise InvalidField(name, f"must be an RFC 3339 date-time, this is {kind(value)}")
        stamp, sent_at, received_at = instant(value, name), self._request.sent_at, self._request.received_at
        at = stamp if sent_at is None else min(received_at, received_at - (sent_at - stamp))
        if received_at - MAX_AGE <= at <= received_at:
            return at
        self.warn(f"{name}: in the future or more than 30 days ago; it is ignored")
        return None

    def _created(self, queued: Instant | None, started: Instant | None) -> Instant:
        received_at = self._request.received_at
        if self._request.sent_at is None:
            return received_at
        return min(received_at if at is None else at for at in (queued, started))

    def _result(self, result: Any) -> Any:
        result = _plain(result)
        text = b"" if result is None else _encode(result)
        if len(text) <= RESULT_BYTES:
            return result
        self.warn(f"result: {len(text)} bytes; the first {PREVIEW_CHARS} characters are kept")
        preview = text.decode()[:PREVIEW_CHARS]
        return {"truncated": True, "bytes": len(text), "preview": preview}

    def _error(self, clean: Fields) -> dict[str, Any] | None:
        given = clean.get("error")
        if isinstance(given, str):
            given = {"message": given}
        known = {"error": given}
        fields = object_in(known, "error", "")
        if fields is None:
            return None
        reason = self.text(fields, "reason", "error.", REASON_CHARS)
        bare = {name: value for name, value in fields.items() if name != "reason"}
        failure = self.failure({"error": bare}, "error", "", schema.CAUSES)
        document = {name: value for name, value in msgspec.to_builtins(failure).items() if value}
        if reason is not None or "reason" in fields:
            document["reason"] = reason
        if len(_encode(document)) > ERROR_BYTES:
            self.warn(f"error: over {ERROR_BYTES} bytes; its frames and causes are left out")
            document.pop("frames", None)
            document.pop("cause", None)
        return document

    def _arguments(self, tree: Fields, clean: Fields) -> tuple[Fields | None, Replayable]:
        """The arguments to store, and whether they can be replayed: altered arguments cannot."""
        replayable = Replayable(choice(tree, "replayable", _REPLAYABLE, "no"))
        posted, stored = object_in(tree, "arguments", ""), object_in(clean, "arguments", "")
        if posted is None or stored is None:
            return None, replayable
        self._check(posted)
        whole = _plain({"args": stored.get("args") or [], "kwargs": stored.get("kwargs") or {}})
        fits = len(_encode(whole)) <= ARGUMENTS_BYTES
        if not fits:
            self.warn(f"arguments: over {ARGUMENTS_BYTES} bytes; they are left out")
        if replayable is Replayable.YES and not (fits and stored == posted and _is_unchanged(posted)):
            replayable = Replayable.TOUCHED
        return whole if fits else None, replayable

    def _check(self, arguments: Fields) -> None:
        args, kwargs = arguments.get("args"), arguments.get("kwargs")
        if not isinstance(args, list | None):
            raise InvalidField("arguments.args", f"must be an array, this is {kind(args)}")
        if not isinstance(kwargs, dict | None):
            raise InvalidField("arguments.kwargs", f"must be an object, this is {kind(kwargs)}")
        self.keep_unknown(arguments, ("args", "kwargs"), "arguments.")


def _with_reason(run: TaskRun) -> TaskRun:
    """The run with a reason, if it is lost without one."""
    if run.error is not None and run.error.get("reason"):
        return run
    error = run.error or {"type": runs.TASK_LOST, "message": "it did not come to its end"}
    return replace(run, error={**error, "reason": "interrupted"})


def _attempt_number(tree: Fields, name: str) -> int | None:
    value = integer(tree, name, "")
    if value is not None and not 1 <= value <= runs.LARGEST_ATTEMPT:
        raise InvalidField(name, f"must be between 1 and {runs.LARGEST_ATTEMPT}")
    return value


def _milliseconds(tree: Fields) -> float | None:
    value = tree.get("duration_ms")
    if value is None:
        return None
    if type(value) not in {int, float} or value < 0:
        raise InvalidField("duration_ms", "must be a number of milliseconds, not below 0")
    return float(value)


def _name(tree: Fields, name: str, chars: int) -> str | None:
    """A name, unchanged because names are compared. A name that holds a secret is replaced by its hash."""
    value = tree.get(name)
    if value is None or value == "":
        return None
    if type(value) is not str or len(value) > chars:
        raise InvalidField(name, f"must be a string of at most {chars} characters")
    return identity(value, name, chars)


def _is_unchanged(value: Any) -> bool:
    """Whether parsing left the value unchanged: no number, character or depth that cannot be stored."""
    if isinstance(value, str):
        huge = isinstance(value, sanitise.Huge)
        return not huge and sanitise.REPLACEMENT not in value and value != sanitise.TOO_DEEP
    if isinstance(value, dict):
        return all(_is_unchanged(key) and _is_unchanged(inner) for key, inner in value.items())
    return all(map(_is_unchanged, value)) if isinstance(value, list) else True


def _plain(value: Any) -> Any:
    """The value in JSON's types: the digits of a huge number become a string."""
    if isinstance(value, sanitise.Huge):
        return str(value)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return list(map(_plain, value)) if isinstance(value, list) else value
