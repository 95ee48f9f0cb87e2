"""How an event is grouped, and why."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from notifier.api.models.responses_base import ResponseModel
from notifier.ingest.grouping import Grouping
from notifier.policy.fingerprint import VERSION


class FrameUse(ResponseModel):
    """A frame of the exception that is told of, and whether the fingerprint is made of it."""

    file: str | None
    function: str | None
    used: bool


class MaskedPart(ResponseModel):
    """An instance in the message: which kind of, and how it was written."""

    kind: str
    text: str


class MaskedMessage(ResponseModel):
    text: str
    masked: str
    parts: list[MaskedPart]


class FingerprintAnswer(ResponseModel):
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

    @staticmethod
    def of(grouping: Grouping) -> FingerprintAnswer:
        explanation = grouping.explanation
        return FingerprintAnswer.model_validate(
            {
                "fingerprint": explanation.fingerprint,
                "version": VERSION,
                "given": explanation.given,
                "title": grouping.title,
                "exception": explanation.exception,
                "frames": explanation.frames,
                "message": explanation,
                "override": explanation.override,
            }
        )
