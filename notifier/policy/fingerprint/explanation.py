"""Why a problem is told from another: what its fingerprint is made of, and what a sender may write instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from notifier.policy import fingerprint
from notifier.policy.fingerprint import masking, places
from notifier.policy.fingerprint.failures import Failure, told_of
from notifier.policy.fingerprint.masking import Part
from notifier.policy.fingerprint.places import Place
from notifier.policy.fingerprint.sayings import telling_apart

_ELEMENTS: Final = 32
_ELEMENT_CHARS: Final = 1_024


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """`given`: the sender's list decides. `override` is a list that a sender may send, and change."""

    fingerprint: str
    given: bool
    exception: str | None
    frames: Sequence[Place]
    text: str
    masked: str
    parts: Sequence[Part]
    override: Sequence[str]


def explain(
    *, service: str, message: str | None, exception: Failure | None, given: Sequence[str] = ()
) -> Explanation:
    told = None if exception is None else told_of(exception)
    text = telling_apart((told.message if told is not None else None) or message or "")
    alone = told is None or not told.type
    return Explanation(
        fingerprint=fingerprint.compute(service=service, message=message, exception=exception, given=given),
        given=bool(given),
        exception=None if told is None else told.type,
        frames=() if told is None else places.explained(told.frames),
        text=text,
        masked=masking.masked(text, alone=alone),
        parts=masking.parts(text, alone=alone),
        override=list(given) or _override(service, message, told),
    )


def _override(service: str, message: str | None, told: Failure | None) -> list[str]:
    """The default's elements in words: as a sender's own list they group alike."""
    if told is None:
        words = [service, masking.masked(telling_apart(message or ""))]
    else:
        said = (
            masking.masked(telling_apart(text), alone=not told.type)
            for text in (told.message, message)
            if text
        )
        found = (place.strip().replace("\n", ":") for place in places.of(told.frames))
        words = [service, told.type or "", *(list(found) or said)]
    return [word[:_ELEMENT_CHARS] for word in words if word][:_ELEMENTS]
