"""Maps a sender's word for a severity to one of the five. An unknown word never costs an event."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from notifier.domain.severity import Severity

SPELLINGS: Final = {
    "critical": "crit fatal page emergency emerg alert panic dpanic wtf disaster catastrophic blocker urgent highest "
    "p0 p1 sev0 sev1 s0 s1",
    "error": "err errors failure failed fault exception severe major high p2 sev2 s2",
    "warning": "warn warnings caution average medium moderate minor p3 sev3 s3",
    "info": "information informational notice debug trace verbose fine finer finest config default notset success ok "
    "normal low lowest trivial p4 p5 sev4 sev5 s4 s5",
}
"""Words of Python, syslog, Java, .NET, Go, OpenTelemetry, Zabbix, Jira and on-call teams."""
MAX_WORD_CHARS: Final = 64
NAMED: Final = "critical, error, warning, info and none"

_FIVE: Final = frozenset(severity.value for severity in Severity)
_WORDS: Final = {
    **{severity: severity for severity in _FIVE},
    **{word: severity for severity, words in SPELLINGS.items() for word in words.split()},
}
# `logging.ERROR`, `LogLevel.Error`, `SEVERITY_NUMBER_ERROR`, `Severity: high`, `2 - High`
_BEFORE: Final = re.compile(
    r".*[.:/=]|^\d+ ?- ?(?=[a-z])|[\s_-]|severity_?number(?=_?[a-z])|severity(?=[\s_-]*[a-z])"
    r"|(?:log[\s_-]*)?level|^log_"
)
_SHORTER: Final = ((re.compile(r"^(?:priority|prio)(?=\d)"), "p"), (re.compile(r"^severity(?=\d)"), "sev"))
# OpenTelemetry has four levels of each.
_NUMBERED: Final = re.compile(r"^(trace|debug|info|warn|error|fatal)[1-4]$")


def read(value: Any) -> tuple[str, str | None]:
    """The severity, and a warning if it was spelled otherwise."""
    if value is None:
        return "error", None
    if type(value) is not str:
        return "error", f"severity: no string, so that it counts as error; it is one of {NAMED}"
    if value in _FIVE:
        return value, None
    severity = _WORDS.get(_word(value))
    if severity is None:
        return "error", f"severity: not known, so that it counts as error; it is one of {NAMED}"
    return severity, f"severity: taken as {severity}; it is one of {NAMED}"


def with_mapped_severity(labels: Mapping[str, str]) -> dict[str, str]:
    """The labels with the severity that an event with them would have."""
    word = labels.get("severity")
    return dict(labels) if word is None else {**labels, "severity": read(word)[0]}


def _word(text: str) -> str:
    """The word of a severity without the prefix that a language adds."""
    word = _BEFORE.sub("", text[:MAX_WORD_CHARS].casefold().strip(" .:"))
    for pattern, short in _SHORTER:
        word = pattern.sub(short, word)
    return _NUMBERED.sub(r"\1", word)
