"""Text and bodies as Slack wants them."""

from __future__ import annotations

import json
from typing import Any

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def escaped(text: str, limit: int) -> str:
    """`&`, `<` and `>` as Slack wants them, cut to `limit` UTF-16 units without splitting an entity."""
    # Each character takes a unit at least: what is beyond the limit decides nothing but that there is more.
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
