"""What the first rules would have made of a stored event."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from notifier.policy.fingerprint import uses_default, version_1


def first_version(document: str) -> str | None:
    """Its fingerprint of version 1; None where that is the same: the sender's own list decides alone."""
    event = json.loads(document)
    given = event.get("fingerprint") or ()
    if given and not uses_default(given):
        return None
    exception = event.get("exception")
    return version_1.compute(
        service=event.get("service") or "",
        message=event.get("message"),
        exception=None if exception is None else _Failure.of(exception),
        given=given,
    )


@dataclass(frozen=True, slots=True)
class _Frame:
    file: str | None
    function: str | None
    in_app: bool | None


@dataclass(frozen=True, slots=True)
class _Failure:
    type: str | None
    message: str | None
    frames: Sequence[_Frame]
    cause: _Failure | None

    @classmethod
    def of(cls, exception: Mapping[str, Any]) -> _Failure:
        cause = exception.get("cause")
        frames = exception.get("frames") or ()
        return cls(
            type=exception.get("type"),
            message=exception.get("message"),
            frames=[_Frame(one.get("file"), one.get("function"), one.get("in_app")) for one in frames],
            cause=None if cause is None else cls.of(cause),
        )
