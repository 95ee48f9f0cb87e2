"""Isolates of Unicode around text that is written from right to left, so that it reorders nothing beside it.

A first strong isolate (U+2068) and its end (U+2069) shut text off from the direction of its surroundings: a Hebrew or
Arabic title in an English sentence leaves the numbers and words behind it where they are.
"""

from __future__ import annotations

import re

FSI, PDI = "\u2068", "\u2069"
# Letters of Hebrew, Arabic and the other scripts of this direction, and Arabic digits.
_RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
_ISOLATE = re.compile(f"([{FSI}{PDI}])")


def isolated(text: str) -> str:
    """The text between isolates if it holds letters that are written from right to left."""
    return f"{FSI}{text}{PDI}" if not text.isascii() and _RIGHT_TO_LEFT.search(text) else text


def paired(text: str, unpaired: str = "") -> list[str]:
    """The text split at its isolates, which stand at the odd places; one without a counterpart becomes `unpaired`."""
    if FSI not in text and PDI not in text:
        return [text]
    parts, opened = _ISOLATE.split(text), list[int]()
    for place in range(1, len(parts), 2):
        mark, parts[place] = parts[place], unpaired
        if mark == FSI:
            opened.append(place)
        elif opened:
            parts[opened.pop()], parts[place] = FSI, PDI
    return parts


def closed(text: str) -> str:
    """The text with an end for each isolate that was cut off from its own."""
    return text + PDI * (text.count(FSI) - text.count(PDI))
