"""How an event is grouped, and why."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from notifier.api.models.responses_base import ResponseModel
from notifier.ingest.grouping import Grouping
from notifier.policy.fingerprint import VERSION


class FrameUse(ResponseModel):
    """A frame of the reported exception, and whether the fingerprint uses it."""

    file: str | None
    function: str | None
    used: bool


class MaskedPart(ResponseModel):
    """A masked part of the message: its kind, and its original text."""

    kind: str
    text: str


class MaskedMessage(ResponseModel):
    text: str
    masked: str
    parts: list[MaskedPart]


class FingerprintAnswer(ResponseModel):
    """How an event is grouped."""

    fingerprint: str
    version: Annotated[int, Field(description="The version of the grouping rules.")]
    given: Annotated[bool, Field(description="Whether it includes the sender's own `fingerprint`.")]
    title: str
    exception: Annotated[str | None, Field(description="The type of the reported exception.")]
    frames: Annotated[list[FrameUse], Field(description="The exception's frames, outermost first.")]
    message: MaskedMessage
    override: Annotated[
        list[str], Field(description="A `fingerprint` that groups the same way, to copy and change.")
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
