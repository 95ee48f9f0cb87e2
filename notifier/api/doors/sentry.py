"""The door for Sentry's SDKs: the DSN's key, envelopes and stored events, and answers that do not silence an SDK."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from notifier.access.caller import Caller
from notifier.api.doors.credentials import PresentedKey
from notifier.api.doors.door import EventsDoor, read_body, take
from notifier.api.doors.request import DoorAnswer, DoorRequest
from notifier.api.ingest import retry_later, sentence_of
from notifier.api.problems import HttpProblem
from notifier.domain.event import Rejection
from notifier.domain.monitor import CheckIn
from notifier.ingest.acceptance import Busy, EventResult
from notifier.ingest.formats.reading import FormatReader
from notifier.runtime.service import Runtime

NAME: Final = "sentry"
RATE_LIMITED_FOR_S: Final = 3_600
_CATEGORIES: Final[Mapping[str, str]] = {
    "log": "log_item",
    "profile": "profile",
    "profile_chunk": "profile_chunk",
    "replay_event": "replay",
    "replay_recording": "replay",
    "session": "session",
    "sessions": "session",
    "span": "span",
    "statsd": "metric_bucket",
    "trace_metric": "trace_metric",
    "transaction": "transaction",
}
_KEY: Final = re.compile(r"(?:^|[\s,])sentry_key=([^\s,]+)")


class SentryDoor(EventsDoor):
    """One of an SDK's two endpoints: `read` makes events from its bodies."""

    name: Final = NAME

    def __init__(self, runtime: Runtime, read: FormatReader) -> None:
        super().__init__(runtime)
        self._read = read

    def own_key(self, request: DoorRequest) -> PresentedKey | None:
        """The DSN's key, in a header (Python) or in the query (Node)."""
        for name in ("x-sentry-auth", "authorization"):
            found = _KEY.search(request.headers.get(name, ""))
            if found is not None:
                return PresentedKey(found[1], in_address=True)
        secret = request.query.get("sentry_key")
        return PresentedKey(secret, in_address=True) if secret else None

    async def answer(self, request: DoorRequest, caller: Caller) -> DoorAnswer:
        read = read_body(self._read, request, caller)
        if read.check_ins:
            await self._check_in(caller, read.check_ins)
        taken = await take(self._runtime, caller, read, self.name)
        rejected = [result for result in taken.results if isinstance(result, Rejection)]
        results = [result for result in taken.results if isinstance(result, EventResult)]
        if rejected and not results:
            status = 413 if rejected[0].reason == "too_large" else 422
            raise HttpProblem(status, f"no event could be read: {sentence_of(rejected[0])}")
        answer: dict[str, Any] = {"id": results[0].id if results else None}
        warnings = [*read.warnings, *(sentence for result in results for sentence in result.warnings)]
        if warnings:
            answer["warnings"] = warnings
        body = json.dumps(answer, ensure_ascii=False).encode()
        return DoorAnswer(status=200, body=body, headers=rate_limits(read.dropped))

    async def _check_in(self, caller: Caller, check_ins: Sequence[CheckIn]) -> None:
        taken = await self._runtime.monitors.take(caller, check_ins, service=caller.service)
        if isinstance(taken, Busy):
            raise retry_later(taken)
        surplus = sum(monitor is None for monitor in taken.monitors)
        if surplus:
            self._runtime.metrics.dropped.labels(self.name, "check_in").inc(surplus)

    def refusal(self, problem: HttpProblem) -> DoorAnswer:
        return refusal(problem)


def rate_limits(dropped: Mapping[str, int]) -> Mapping[str, str]:
    """A rate-limit header for item types that are no events: an SDK with tracing sends one with each request."""
    categories = sorted({_CATEGORIES[kind] for kind in dropped if kind in _CATEGORIES})
    return {"x-sentry-rate-limits": f"{RATE_LIMITED_FOR_S}:{';'.join(categories)}:key"} if categories else {}


def refusal(problem: HttpProblem) -> DoorAnswer:
    """The problem.

    A 429 without a header would stop every category for a minute; this one names errors and the time.
    """
    headers: Mapping[str, str] = {**problem.headers, "x-sentry-error": _ascii(problem.detail)}
    if problem.status == 429:
        seconds = problem.headers.get("retry-after", "1")
        headers = {**headers, "x-sentry-rate-limits": f"{seconds}:error:key"}
    return DoorAnswer(
        status=problem.status,
        body=problem.body(),
        content_type="application/problem+json",
        headers=headers,
    )


def _ascii(text: str) -> str:
    return " ".join(text.encode("ascii", "replace").decode().split())
