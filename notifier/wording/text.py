"""Text that is plain and bounded: what comes from an event passes here before a channel sees it."""

from __future__ import annotations

import re

TITLE = VALUE = 200
NOTE = 600

# C0, C1, zero width and bidi controls, line and paragraph separators, lone surrogates, the BOM, tag characters.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]+"
)


def plain(value: object, limit: int = VALUE) -> str:
    """One visible line of at most `limit` characters; what cannot be seen becomes a space."""
    # A prefix is enough: huge values must not cost their whole length, four to one is generous for what is removed.
    text = str(value)[: limit * 4]
    text = " ".join(_UNSEEN.sub(" ", text).split())
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def number(count: int) -> str:
    """`2,000`."""
    return f"{count:,}"


def counted(count: int, noun: str) -> str:
    """`1 event`, `2,000 events`."""
    return f"{number(count)} {noun if count == 1 else f'{noun}s'}"
