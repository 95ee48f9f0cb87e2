"""CloudEvents at `POST /v1/events`, with the same answers as native events."""

from __future__ import annotations

from typing import Final

import msgspec

from notifier.access.caller import Caller
from notifier.api.doors.door import EventsDoor, read_body, take
from notifier.api.doors.request import DoorAnswer, DoorRequest, problem_answer
from notifier.api.ingest import accepted, results_of
from notifier.api.problems import HttpProblem
from notifier.domain.event import Rejection
from notifier.ingest.acceptance import AcceptanceResult
from notifier.ingest.formats import cloudevents
from notifier.ingest.formats.reading import ParsedBody


class CloudEventsDoor(EventsDoor):
    """The native path, for requests whose headers say that they are CloudEvents."""

    name: Final = "cloudevents"
    codings = ("gzip",)

    async def answer(self, request: DoorRequest, caller: Caller) -> DoorAnswer:
        if cloudevents.mode_of(request.headers) is None:
            raise HttpProblem(
                415, "send CloudEvents as JSON: structured, in a batch, or with attributes in headers"
            )
        read = read_body(cloudevents.read, request, caller)
        events = [item for item in read.items if isinstance(item, dict)]
        taken = await take(self._runtime, caller, ParsedBody(events), cloudevents.NAME)
        following = iter(taken.results)
        results = [
            next(following) if isinstance(item, dict) else Rejection(path="", message=item, reason="invalid")
            for item in read.items
        ]
        if read.single:
            return DoorAnswer(status=202, body=msgspec.json.encode(accepted(results[0])))
        body = {"results": results_of(AcceptanceResult(results=results, stored=taken.stored))}
        return DoorAnswer(status=202 if taken.stored else 422, body=msgspec.json.encode(body))

    def refusal(self, problem: HttpProblem) -> DoorAnswer:
        return problem_answer(problem)
