"""Templates of messages: which are a problem's name, whatever is filled in. Pure.

The native client, which imports nothing of the service, knows the same words: a test compares the two.
"""

from __future__ import annotations

import re
from typing import Final

# Words that any failure may be told with: a template of nothing else would make one incident of all.
EMPTY: Final = frozenset({
    "a", "an", "at", "by", "caught", "critical", "err", "error", "errors", "exc", "exception", "fail", "failed",
    "failure", "fatal", "for", "got", "in", "message", "msg", "occurred", "of", "on", "the", "unexpected", "unhandled",
    "warning", "with",
})  # fmt: skip
_FILLED_IN: Final = re.compile(
    r"%(?:\(\w{0,64}\))?[#0 +-]{0,4}[\d*]{0,4}(?:\.[\d*]{1,4})?[hlL]?[a-zA-Z%]|\{[^{}\s]{0,64}\}"
).sub
_WORDS: Final = re.compile(r"[^\W\d_]+").findall


def says_what(template: str) -> bool:
    """Whether a template has a word of its own; one that is a record's JSON has names, the same whatever is told."""
    if template.lstrip()[:1] in {"{", "["}:
        return False
    return not EMPTY.issuperset(word.lower() for word in _WORDS(_FILLED_IN(" ", template)))
