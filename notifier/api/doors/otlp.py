"""The doors of OTLP/HTTP: logs are ingested, traces and metrics acknowledged and dropped.

Answers use the request's encoding: an Export...ServiceResponse, or a google.rpc.Status for a refusal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec

from notifier.access.caller import Caller
from notifier.api.doors.door import EventsDoor, take
from notifier.api.doors.request import DoorAnswer, DoorRequest
from notifier.api.ingest import sentence_of
from notifier.api.problems import HttpProblem
from notifier.domain.event import Rejection
from notifier.ingest.acceptance import EventResult
from notifier.ingest.batch import MAX_EVENTS, Malformed
from notifier.ingest.formats.otlp.json_body import read_json
from notifier.ingest.formats.otlp.protobuf_body import read_protobuf
from notifier.ingest.formats.otlp.records import NAME, RECORDS, LogRecord, events
from notifier.ingest.formats.reading import MissingExtra, ParsedBody
from notifier.ingest.traces import TraceBudget
from notifier.runtime.service import Runtime
from notifier.telemetry.logging import get

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
_STATUSES: Final = {422: 400}
_VARINT, _LENGTH = 0, 2

log = get("notifier.otlp")


class _OtlpDoor(EventsDoor):
    """The base of these doors, with refusals that exporters understand."""

    name: Final = "otlp"

    def refusal(self, problem: HttpProblem) -> DoorAnswer:
        """The refusal in JSON, which every exporter can show. Exporters retry after 429 and 503 only."""
        status = _STATUSES.get(problem.status, problem.status)
        body = msgspec.json.encode({"code": status, "message": problem.detail})
        return DoorAnswer(status=status, body=body, headers=problem.headers)


class OtlpLogs(_OtlpDoor):
    """`POST /v1/logs`."""

    async def answer(self, request: DoorRequest, caller: Caller) -> DoorAnswer:
        kind = _kind(request)
        records, dropped = _read(kind, request.body)
        results: list[EventResult | Rejection] = []
        warnings: dict[str, None] = {}
        for read in _batches(records[:RECORDS], dropped, caller.service):
            taken = await take(self._runtime, caller, read, NAME)
            results.extend(taken.results)
            warnings |= dict.fromkeys(read.warnings)
        refused = [result for result in results if isinstance(result, Rejection)]
        too_many = max(0, len(records) - RECORDS)
        sentences = [sentence_of(rejection) for rejection in refused[:1]]
        if too_many:
            sentences.append(f"more than {RECORDS} records of errors in one request: send fewer at once")
        warning = "; ".join(sentences or warnings)
        return _response(kind, rejected=len(refused) + too_many, sentence=warning)


class OtlpDropped(_OtlpDoor):
    """`POST /v1/traces` and `/v1/metrics`: accepted without error, and dropped."""

    def __init__(self, runtime: Runtime, signal: str) -> None:
        super().__init__(runtime)
        self._signal = signal
        self._named = False

    async def answer(self, request: DoorRequest, caller: Caller) -> DoorAnswer:
        self._runtime.metrics.dropped.labels(NAME, self._signal).inc()
        if not self._named:
            self._named = True
            log.warning("otlp_signal_dropped", signal=self._signal, key=caller.name)
        return _response(_kind(request))


def _kind(request: DoorRequest) -> str:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {PROTOBUF, JSON}:
        raise HttpProblem(415, f"send {PROTOBUF} or {JSON}")
    return kind


def _read(kind: str, body: bytes) -> tuple[list[LogRecord], int]:
    reader: Callable[[bytes], tuple[list[LogRecord], int]] = read_json if kind == JSON else read_protobuf
    try:
        return reader(body)
    except Malformed as error:
        raise HttpProblem(400, error.message) from None
    except MissingExtra:
        raise HttpProblem(
            415,
            "protobuf needs the extra `otlp` of this service: install it, or have the exporter send http/json",
        ) from None


def _batches(records: list[LogRecord], dropped: int, service: str | None) -> Iterator[ParsedBody]:
    """The events in batches no larger than a native request; dropped ones are counted with the first batch."""
    traces = TraceBudget()
    for start in range(0, max(1, len(records)), MAX_EVENTS):
        some = records[start : start + MAX_EVENTS]
        yield events(some, dropped if start == 0 else 0, service=service, traces=traces)


def _response(kind: str, *, rejected: int = 0, sentence: str = "") -> DoorAnswer:
    """An export response: empty, or a partial success with the number refused and the reason."""
    if kind == JSON:
        partial: Mapping[str, Any] = {"rejectedLogRecords": str(rejected), "errorMessage": sentence}
        body = msgspec.json.encode({"partialSuccess": partial} if rejected or sentence else {})
        return DoorAnswer(status=200, body=body)
    message = _field(1, rejected) + _field(2, sentence) if rejected or sentence else b""
    return DoorAnswer(status=200, body=_field(1, message), content_type=PROTOBUF)


def _field(number: int, value: int | str | bytes) -> bytes:
    """A field of a protobuf message; an empty one is omitted."""
    if not value:
        return b""
    if isinstance(value, int):
        return _varint(number << 3 | _VARINT) + _varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | _LENGTH) + _varint(len(raw)) + raw


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
