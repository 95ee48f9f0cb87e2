"""`POST /v1/fingerprint`: how an event would be grouped, and why."""

from __future__ import annotations

from typing import Annotated, Self

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from notifier.api.body_reader import BodyReader, Headers
from notifier.api.dependencies import ReadCaller, Running
from notifier.api.openapi import problems
from notifier.api.problems import HttpProblem
from notifier.domain.event import Rejection
from notifier.ingest.batch import Malformed, accepts
from notifier.ingest.grouping import Grouping, grouping
from notifier.policy.fingerprint import VERSION

router = APIRouter(tags=["events"])

_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Event"}}},
    }
}


class FrameUse(BaseModel):
    """A frame of the exception that is told of, and whether the fingerprint is made of it."""

    file: str | None
    function: str | None
    used: bool


class MaskedPart(BaseModel):
    """An instance in the message: which kind of, and how it was written."""

    kind: str
    text: str


class MaskedMessage(BaseModel):
    text: str
    masked: str
    parts: list[MaskedPart]


class FingerprintAnswer(BaseModel):
    """How an event is told from others."""

    fingerprint: str
    version: Annotated[int, Field(description="Of the rules that made it.")]
    given: Annotated[bool, Field(description="Whether the sender's own `fingerprint` is in it.")]
    title: str
    exception: Annotated[str | None, Field(description="The type of the exception that is told of.")]
    frames: Annotated[list[FrameUse], Field(description="Its frames, outermost first.")]
    message: MaskedMessage
    override: Annotated[
        list[str], Field(description="A `fingerprint` that groups alike: copy and change it.")
    ]

    @classmethod
    def of(cls, grouped: Grouping) -> Self:
        found = grouped.explanation
        return cls(
            fingerprint=found.fingerprint,
            version=VERSION,
            given=found.given,
            title=grouped.title,
            exception=found.exception,
            frames=[FrameUse(file=one.file, function=one.function, used=one.used) for one in found.frames],
            message=MaskedMessage(
                text=found.text,
                masked=found.masked,
                parts=[MaskedPart(kind=part.kind, text=part.text) for part in found.parts],
            ),
            override=list(found.override),
        )


@router.post(
    "/v1/fingerprint",
    responses=problems(400, 401, 403, 408, 413, 415, 422, 503),
    openapi_extra=_BODY,
)
async def explain_fingerprint(request: Request, _: ReadCaller, service: Running) -> FingerprintAnswer:
    """How this event would be grouped, and why. It is scrubbed as any event, and nothing is stored."""
    headers = Headers(request.scope["headers"])
    if not accepts(headers.content_type):
        raise HttpProblem(415, "send application/json (or no content type)")
    limits = service.settings.ingest
    body = await BodyReader(limits.max_body_bytes, "fields").read(headers, request.receive)
    if len(body) > limits.max_event_bytes:
        raise HttpProblem(
            413, f"the event is over {limits.max_event_bytes} bytes (ingest.max_event_bytes): send less"
        )
    try:
        found = grouping(body, headers.content_type)
    except Malformed as refusal:
        raise HttpProblem(
            422, refusal.message, more={"errors": [{"path": "", "message": refusal.message}]}
        ) from None
    if isinstance(found, Rejection):
        errors = [{"path": found.path, "message": found.message}]
        sentence = f"{found.path}: {found.message}" if found.path else found.message
        raise HttpProblem(422, sentence, more={"errors": errors})
    return FingerprintAnswer.of(found)
