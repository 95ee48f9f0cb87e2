"""Sentences that say why events are one problem, from the parts of their fingerprint."""

from __future__ import annotations

from dataclasses import dataclass

from notifier.domain.value import replace
from notifier.policy.fingerprint.explanation import Explanation
from notifier.wording.text import plain

MAX_PLACES = 30
_ELEMENT, _MESSAGE = 200, 1_000
_OTHERWISE = (
    "By its content alone this event would be another problem: it was grouped by the rules of an earlier version, or "
    "counted as one of too many distinct errors."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupingSentences:
    """`because` names the parts: `places` in the code, `elements` given by the sender, or a `message`.

    `note` is set if the current rules would group the event differently.
    """

    because: str
    places: tuple[str, ...] = ()
    elements: tuple[str, ...] = ()
    message: str | None = None
    note: str | None = None


def grouping_sentences(explanation: Explanation, *, stored: str) -> GroupingSentences:
    """The explanation for an event of an incident with the fingerprint `stored`."""
    sentences = _sentences(explanation)
    return sentences if explanation.fingerprint == stored else replace(sentences, note=_OTHERWISE)


def _sentences(explanation: Explanation) -> GroupingSentences:
    if explanation.given:
        return GroupingSentences(
            because="The sender says what is one problem, by the `fingerprint` of its events.",
            elements=tuple(plain(element, _ELEMENT) for element in explanation.override),
        )
    kind = plain(explanation.exception or "", 160)
    places = dict.fromkeys(
        f"{plain(frame.file or '?', 240)} in {plain(frame.function or '?', 160)}"
        for frame in explanation.frames
        if frame.used
    )
    if places:
        return GroupingSentences(
            because=(
                f"Every {kind or 'exception'} of this service that comes through these places of its own code is this "
                "problem. Line numbers, messages, releases and hosts do not count."
            ),
            places=tuple(places)[:MAX_PLACES],
        )
    return GroupingSentences(
        because=(
            f"Every {kind or 'event'} of this service with this message is this problem, "
            "whatever stands in the places of what is masked."
        ),
        message=plain(explanation.masked, _MESSAGE) or None,
    )
