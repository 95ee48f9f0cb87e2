"""The fingerprint that the first rules would have given a stored event."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from notifier.policy.fingerprint import uses_default, version_1


def first_version(document: str) -> str | None:
    """A stored event's fingerprint of version 1; None where the sender's own list decides: both versions agree then."""
    event = json.loads(document)
    given = event.get("fingerprint") or ()
    if given and not uses_default(given):
        return None
    exception = event.get("exception")
    return version_1.compute(
        service=event.get("service") or "",
        message=event.get("message"),
        exception=None if exception is None else _StoredException.of(exception),
        given=given,
    )


@dataclass(frozen=True, slots=True)
class _StoredFrame:
    file: str | None
    function: str | None
    in_app: bool | None


@dataclass(frozen=True, slots=True)
class _StoredException:
    type: str | None
    message: str | None
    frames: Sequence[_StoredFrame]
    cause: _StoredException | None

    @classmethod
    def of(cls, exception: Mapping[str, Any]) -> _StoredException:
        cause = exception.get("cause")
        frames = exception.get("frames") or ()
        return cls(
            type=exception.get("type"),
            message=exception.get("message"),
            frames=[
                _StoredFrame(frame.get("file"), frame.get("function"), frame.get("in_app"))
                for frame in frames
            ],
            cause=None if cause is None else cls.of(cause),
        )
