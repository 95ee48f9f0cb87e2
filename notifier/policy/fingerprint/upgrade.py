"""Fingerprints of a stored event under earlier versions of the rules."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from notifier.policy import fingerprint
from notifier.policy.fingerprint import uses_default, version_1

_KEPT = "trace"
"""The key under which ingest stores a message with a trace; `_` is appended if the sender uses that key."""


def first_version(document: str) -> str | None:
    """The fingerprint of version 1; None if the sender's list decides, which works alike in both versions."""
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


def earlier_versions(document: str) -> list[str]:
    """The fingerprints of versions 1 and 2 that differ from the current one.

    Before version 3, a trace in a message was plain text.
    """
    first = first_version(document)
    if first is None:
        return []
    event = json.loads(document)
    given, service = event.get("fingerprint") or (), event.get("service") or ""
    prints = [first]
    for message in _traced(event):
        prints += [
            version.compute(service=service, message=message, exception=None, given=given)
            for version in (version_1, fingerprint)
        ]
    return prints


def _traced(event: Mapping[str, Any]) -> list[str]:
    """The original message, before its trace was parsed.

    Several candidates are harmless, since at most one matches.
    """
    context = event.get("context")
    if not event.get("exception") or not isinstance(context, Mapping):
        return []
    kept = (context[name] for name in context if name.rstrip("_") == _KEPT)
    return ["\n".join(_lines(lines)) for lines in kept if isinstance(lines, list)]


def _lines(kept: Sequence[Any]) -> Iterator[str]:
    for line in kept:
        if isinstance(line, list):
            yield from _lines(line)
        elif isinstance(line, str):
            yield line


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
