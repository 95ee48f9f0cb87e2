"""Escapes text and encodes bodies for Slack."""

from __future__ import annotations

import json
from typing import Any

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def escaped(text: str, limit: int) -> str:
    """The text with `&`, `<` and `>` escaped, cut to `limit` UTF-16 units without splitting an entity."""
    # Each character takes at least one unit, so one more than the limit is enough to see that the text is cut.
    parts = [_ESCAPES.get(char, char) for char in text[: limit + 1]]
    sizes = [len(part) + (ord(part[0]) > 0xFFFF) for part in parts]
    if sum(sizes) <= limit:
        return "".join(parts)
    used, kept = 1, 0
    while used + sizes[kept] <= limit:
        used += sizes[kept]
        kept += 1
    return "".join(parts[:kept]) + "…"


def encoded(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
