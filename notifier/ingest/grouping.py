"""How an event would be grouped, without storing it."""

from __future__ import annotations

from dataclasses import dataclass

from notifier.domain.event import Rejection
from notifier.ingest.batch import Malformed, split
from notifier.ingest.fields import InvalidField
from notifier.ingest.normalize import read_one
from notifier.policy.fingerprint.explanation import Explanation, explain


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """The incident's title, and what its fingerprint is made of."""

    title: str
    explanation: Explanation


def grouping(body: bytes, content_type: str | None) -> Grouping | Rejection:
    """The grouping of the single event in a body. Raises `Malformed` if there are several, or none."""
    batch = split(body, content_type)
    if not batch.single:
        raise Malformed("the body is a list: send one event as a JSON object")
    try:
        event, title = read_one(bytes(batch.items[0]))
    except InvalidField as error:
        return Rejection(path=error.path, message=error.message)
    assert event.service is not None
    explanation = explain(
        service=event.service,
        message=event.message,
        exception=event.exception,
        given=event.fingerprint or (),
    )
    return Grouping(title=title, explanation=explanation)
