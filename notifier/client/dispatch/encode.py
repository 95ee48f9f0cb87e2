"""Encodes documents as JSON records, whatever they contain."""

from __future__ import annotations

import json
from typing import Any, Final

from notifier.client.capture import json_safe

MIN_BYTES: Final = 16_384
_encode: Final = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


def record(document: dict[str, Any]) -> bytes:
    """One line of JSON. Values from `before_send` that JSON cannot hold are converted to strings."""
    try:
        text = _encode(document)
    except (ValueError, TypeError, RecursionError):
        text = json.dumps(json_safe.plain(document, budget=4 * json_safe.BUDGET), separators=(",", ":"))
    return text.encode("ascii", "backslashreplace")


def shrink(line: bytes) -> bytes | None:
    """The event without its large parts: source lines, context, long texts. None if it is small or no event.

    `before_send` may have changed it in any way.
    """
    if len(line) <= MIN_BYTES:
        return None
    try:
        return record(_cut(json.loads(line)))
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def _cut(document: dict[str, Any]) -> dict[str, Any]:
    for name in ("context", "labels", "arguments", "result", "links"):
        if document.get(name):
            document[name] = {} if isinstance(document[name], dict) else None
    inner = document.get("exception") or document.get("error")
    while isinstance(inner, dict):
        inner["frames"] = [{**frame, "code": None} for frame in (inner.get("frames") or [])[-20:]]
        inner["message"] = str(inner.get("message"))[:500]
        inner["notes"] = (inner.get("notes") or [])[:3]
        inner = inner.get("cause")
    return {name: value for name, value in document.items() if value is not None}
