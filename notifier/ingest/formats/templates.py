"""Message templates: which of them are specific enough to name a problem. Pure.

The client has a copy of the word list, because it imports nothing of the service; a test compares the two.
"""

from __future__ import annotations

import re
from typing import Final

# Words of any error message: a template of nothing else would put unrelated failures into one incident.
EMPTY: Final = frozenset({
    "a", "an", "at", "by", "caught", "critical", "err", "error", "errors", "exc", "exception", "fail", "failed",
    "failure", "fatal", "for", "got", "in", "message", "msg", "occurred", "of", "on", "the", "unexpected", "unhandled",
    "warning", "with",
})  # fmt: skip
_FILLED_IN: Final = re.compile(
    r"%(?:\(\w{0,64}\))?[#0 +-]{0,4}[\d*]{0,4}(?:\.[\d*]{1,4})?[hlL]?[a-zA-Z%]|\{[^{}\s]{0,64}\}"
).sub
_WORDS: Final = re.compile(r"[^\W\d_]+").findall


def is_specific(template: str) -> bool:
    """Whether a template has a word of its own. A template that is JSON does not qualify."""
    if template.lstrip()[:1] in {"{", "["}:
        return False
    return not EMPTY.issuperset(word.lower() for word in _WORDS(_FILLED_IN(" ", template)))
