"""Explanations of fingerprints: what one is computed from, and what a sender may send instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from notifier.policy import fingerprint
from notifier.policy.fingerprint import locations, masking
from notifier.policy.fingerprint.exceptions import ReportedException, relevant_exception
from notifier.policy.fingerprint.locations import FrameLocation
from notifier.policy.fingerprint.masking import Part
from notifier.policy.fingerprint.records import identifying_text

_ELEMENTS: Final = 32
_ELEMENT_CHARS: Final = 1_024


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """How an event is grouped.

    `given` means that the sender's list decides. `exception` is the type of the relevant exception, `frames` are its
    frames. `text` is the message in use, `masked` the same with variable parts masked, `parts` are those parts.
    `override` is a list that a sender may send, and adapt.
    """

    fingerprint: str
    given: bool
    exception: str | None
    frames: Sequence[FrameLocation]
    text: str
    masked: str
    parts: Sequence[Part]
    override: Sequence[str]


def explain(
    *, service: str, message: str | None, exception: ReportedException | None, given: Sequence[str] = ()
) -> Explanation:
    told = None if exception is None else relevant_exception(exception)
    text = identifying_text((told.message if told is not None else None) or message or "")
    alone = told is None or not told.type
    return Explanation(
        fingerprint=fingerprint.compute(service=service, message=message, exception=exception, given=given),
        given=bool(given),
        exception=None if told is None else told.type,
        frames=() if told is None else locations.explained(told.frames),
        text=text,
        masked=masking.masked(text, alone=alone),
        parts=masking.parts(text, alone=alone),
        override=list(given) or _override(service, message, told),
    )


def _override(service: str, message: str | None, told: ReportedException | None) -> list[str]:
    """The parts of the default fingerprint as text, which group alike when sent as a list."""
    if told is None:
        elements = [service, masking.masked(identifying_text(message or ""))]
    else:
        texts = (
            masking.masked(identifying_text(text), alone=not told.type)
            for text in (told.message, message)
            if text
        )
        places = (place.strip().replace("\n", ":") for place in locations.of(told.frames))
        elements = [service, told.type or "", *(list(places) or texts)]
    return [element[:_ELEMENT_CHARS] for element in elements if element][:_ELEMENTS]
