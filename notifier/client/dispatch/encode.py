"""Documents as JSON records; whatever is in them, a record comes out."""

from __future__ import annotations

import json
from typing import Any, Final

from notifier.client.capture import json_safe

LEAST_BYTES: Final = 16_384
_encode: Final = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


def record(document: dict[str, Any]) -> bytes:
    """One line of JSON. What an application's `before_send` put in and JSON cannot hold is shown as text."""
    try:
        text = _encode(document)
    except (ValueError, TypeError, RecursionError):
        text = json.dumps(json_safe.plain(document, budget=4 * json_safe.BUDGET), separators=(",", ":"))
    return text.encode("ascii", "backslashreplace")


def shrunk(line: bytes) -> bytes | None:
    """The event without what is large: source lines, context, long texts; None: it was small already, or is no event.

    `before_send` may have made anything of it.
    """
    if len(line) <= LEAST_BYTES:
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
