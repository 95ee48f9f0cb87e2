"""Unicode isolates around right-to-left text, so that it does not reorder the text beside it.

A first strong isolate (U+2068) and its end (U+2069) separate text from the direction of its surroundings: numbers and
words after a Hebrew or Arabic title in an English sentence stay where they are.
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
    """The text, enclosed in isolates if it contains right-to-left letters."""
    return f"{FSI}{text}{PDI}" if not text.isascii() and _RIGHT_TO_LEFT.search(text) else text


def paired(text: str, unpaired: str = "") -> list[str]:
    """The text split at its isolates, which are at odd positions; unpaired ones are replaced by `unpaired`."""
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
    """The text with an end appended for each isolate that lacks one."""
    return text + PDI * (text.count(FSI) - text.count(PDI))
