"""Log records as reports."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Final

from notifier.client import shown
from notifier.client.events import About
from notifier.client.guard import inside

if TYPE_CHECKING:
    from notifier.client.notifier import Notifier

_SEVERITIES: Final = ((logging.CRITICAL, "critical"), (logging.ERROR, "error"), (logging.WARNING, "warning"))
_OWN: Final = "notifier.client"
_FILLED_IN: Final = re.compile(r"%(?:\(\w*\))?[#0 +-]*[\d*]*(?:\.[\d*]+)?[hlL]?[a-zA-Z%]").sub
_WORDS: Final = re.compile(r"[^\W\d_]+").findall
# Words that any failure may be told with: a template of nothing else would make one incident of all.
_EMPTY: Final = frozenset({
    "a", "an", "at", "by", "caught", "critical", "err", "error", "errors", "exc", "exception", "fail", "failed",
    "failure", "fatal", "for", "got", "in", "message", "msg", "occurred", "of", "on", "the", "unexpected", "unhandled",
    "warning", "with",
})  # fmt: skip


class Handler(logging.Handler):
    """A record with an exception reports the exception, once; one without reports its message.

    An exception that is logged within a request or a task and raised on is the request's or the task's failure, and
    the task's own rules say whether that is reported.
    """

    def __init__(self, notifier: Notifier, level: int = logging.ERROR) -> None:
        super().__init__(level)
        self._notifier = notifier

    def emit(self, record: logging.LogRecord) -> None:
        if inside() or record.name.startswith(_OWN):
            return
        error = record.exc_info[1] if record.exc_info else None
        about = _about(record, error, self._notifier.options.service)
        if error is None:
            self._notifier.capture(None, about)
        else:
            self._notifier.logged(error, about)


def _about(record: logging.LogRecord, error: BaseException | None, service: str) -> About:
    try:
        message = record.getMessage()
    except Exception:  # noqa: BLE001 - arguments that do not fit their message, or hostile ones
        message = str(shown.plain(record.msg))
    severity = next((name for level, name in _SEVERITIES if record.levelno >= level), "info")
    # The template is the same problem, whatever was filled in; an exception has a better identity.
    template = record.args and error is None and isinstance(record.msg, str) and _says_what(record.msg)
    return About(
        severity=severity,
        message=message,
        context={"logger": record.name},
        fingerprint=["log", service, record.name, record.msg[:1_000]] if template else None,
    )


def _says_what(template: str) -> bool:
    """Whether a template has a word of its own. A record's names are the same whatever is filled in."""
    if template.lstrip()[:1] in {"{", "["}:
        return False
    return not _EMPTY.issuperset(word.lower() for word in _WORDS(_FILLED_IN(" ", template)))
