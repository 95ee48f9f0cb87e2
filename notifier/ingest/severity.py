"""A severity in the sender's words as one of the five: no word that somebody chose costs an event."""

from __future__ import annotations

import re
from typing import Any, Final

from notifier.domain.severity import Severity

SPELLINGS: Final = {
    "critical": "crit fatal page emergency emerg alert panic disaster blocker urgent p0 p1 sev0 sev1 s0 s1",
    "error": "err errors failure severe major high p2 sev2 s2",
    "warning": "warn warnings medium moderate minor p3 sev3 s3",
    "info": "information informational notice debug trace verbose low p4 p5 sev4 sev5 s4 s5",
}
NAMED: Final = "critical, error, warning, info and none"

_FIVE: Final = frozenset(severity.value for severity in Severity)
_WORDS: Final = {
    **{severity: severity for severity in _FIVE},
    **{word: severity for severity, words in SPELLINGS.items() for word in words.split()},
}
_BETWEEN: Final = re.compile(r"[\s_-]+")


def read(value: Any) -> tuple[str, str | None]:
    """The severity, and a sentence where it was written in another way."""
    if value is None:
        return "error", None
    if type(value) is not str:
        return "error", f"severity: no string, so that it counts as error; it is one of {NAMED}"
    if value in _FIVE:
        return value, None
    severity = _WORDS.get(_BETWEEN.sub("", value.casefold()))
    if severity is None:
        return "error", f"severity: not known, so that it counts as error; it is one of {NAMED}"
    return severity, f"severity: taken as {severity}; it is one of {NAMED}"
