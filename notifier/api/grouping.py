"""`POST /v1/fingerprint`: how an event would be grouped, and why."""

from __future__ import annotations

from fastapi import APIRouter, Request

from notifier.api.body_reader import BodyReader, Headers
from notifier.api.dependencies import ReadCaller, Running
from notifier.api.models.responses_fingerprint import FingerprintAnswer
from notifier.api.openapi import problems
from notifier.api.problems import HttpProblem
from notifier.domain.event import Rejection
from notifier.ingest.batch import Malformed, accepts_content_type
from notifier.ingest.grouping import grouping

router = APIRouter(tags=["events"])

_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Event"}}},
    }
}


@router.post(
    "/v1/fingerprint",
    responses=problems(400, 401, 403, 408, 413, 415, 422, 503),
    openapi_extra=_BODY,
)
async def explain_fingerprint(request: Request, _: ReadCaller, service: Running) -> FingerprintAnswer:
    """How this event would be grouped, and why. It is scrubbed like any event, and not stored."""
    headers = Headers(request.scope["headers"])
    if not accepts_content_type(headers.content_type):
        raise HttpProblem(415, "send application/json (or no content type)")
    limits = service.settings.ingest
    body = await BodyReader(limits.max_body_bytes, "fields").read(headers, request.receive)
    if len(body) > limits.max_event_bytes:
        raise HttpProblem(
            413, f"the event is over {limits.max_event_bytes} bytes (ingest.max_event_bytes): send less"
        )
    try:
        result = grouping(body, headers.content_type)
    except Malformed as refusal:
        raise HttpProblem(
            422, refusal.message, more={"errors": [{"path": "", "message": refusal.message}]}
        ) from None
    if isinstance(result, Rejection):
        errors = [{"path": result.path, "message": result.message}]
        sentence = f"{result.path}: {result.message}" if result.path else result.message
        raise HttpProblem(422, sentence, more={"errors": errors})
    return FingerprintAnswer.of(result)
