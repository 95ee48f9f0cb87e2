"""Log records as reports."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from typing import Final, cast

from notifier.client.capture import json_safe, report_arguments
from notifier.client.capture.events import ReportDetails
from notifier.client.capture.reentrancy import in_client_code
from notifier.client.capture.reporting import Reporting

STACK_LINES: Final = 40
"""The number of innermost lines kept of `stack_info`."""

_OWN: Final = "notifier.client"
_OF_ANY_RECORD: Final = frozenset({
    *vars(logging.makeLogRecord({})), "message", "asctime", "taskName", "color_message",
})  # fmt: skip
_FILLED_IN: Final = re.compile(r"%(?:\(\w*\))?[#0 +-]*[\d*]*(?:\.[\d*]+)?[hlL]?[a-zA-Z%]").sub
_WORDS: Final = re.compile(r"[^\W\d_]+").findall
# Words of any error message: a template of nothing else would put unrelated failures into one incident.
_EMPTY: Final = frozenset({
    "a", "an", "at", "by", "caught", "critical", "err", "error", "errors", "exc", "exception", "fail", "failed",
    "failure", "fatal", "for", "got", "in", "message", "msg", "occurred", "of", "on", "the", "unexpected", "unhandled",
    "warning", "with",
})  # fmt: skip


class Handler(logging.Handler):
    """Reports a record's exception, or its message if it has none.

    An exception that is logged in a request or task and then raised is reported once, as the request's or the task's
    failure, and the task's options decide whether it is reported.
    """

    def __init__(self, reporting: Reporting, level: int = logging.ERROR) -> None:
        super().__init__(level)
        self._reporting = reporting
        reporting.watched.add(f"the log from {logging.getLevelName(level)} on, where its handler was added")

    def emit(self, record: logging.LogRecord) -> None:
        if in_client_code() or str(record.name).startswith(_OWN):
            return
        error = record.exc_info[1] if record.exc_info else None
        try:
            details = _details(record, error, self._reporting.options.service)
            told_of = _mentioned_exception(record, details.message or "") if error is None else None
        except RecursionError:
            return  # the cause is raised too, and reported with more detail
        if error is not None:
            self._reporting.logged(error, details)
        elif told_of is not None:
            self._reporting.mentioned(told_of, details)
        else:
            self._reporting.capture(None, details)


def _details(record: logging.LogRecord, error: BaseException | None, service: str) -> ReportDetails:
    try:
        message = report_arguments.text(record.getMessage())
    except BaseException:  # noqa: BLE001 - arguments that do not fit their message, or end the process when shown
        message = str(json_safe.plain(record.msg))
    # The template identifies the problem, whatever is filled in, unless there is an exception.
    template = record.args and error is None and isinstance(record.msg, str) and _is_specific(record.msg)
    return ReportDetails(
        severity=report_arguments.severity_of_level(record.levelno),
        message=message,
        context={**_extra(record), "logger": record.name},
        fingerprint=["log", service, str(record.name), record.msg[:1_000]] if template else None,
    )


def _extra(record: logging.LogRecord) -> dict[str, object]:
    extra = {name: value for name, value in vars(record).items() if name not in _OF_ANY_RECORD}
    if record.stack_info:
        extra["stack"] = str(record.stack_info).splitlines()[-STACK_LINES:]
    return extra


def _mentioned_exception(record: logging.LogRecord, message: str) -> BaseException | None:
    """The exception that a record without one refers to: an argument, or the handled one if its text is quoted."""
    arguments = record.args.values() if isinstance(record.args, Mapping) else record.args or ()
    for value in (record.msg, *arguments, *_extra(record).values()):
        # Not `isinstance`, which may call the object's code.
        if issubclass(type(value), BaseException):
            return cast("BaseException", value)
    error = sys.exception()
    if error is None:
        return None
    said, name = json_safe.message_of(error), json_safe.name_of(type(error)).rpartition(".")[2]
    texts = (message, *(value for value in _extra(record).values() if type(value) is str))
    return error if said in message or name in message or said in texts else None


def _is_specific(template: str) -> bool:
    """Whether a template has a word of its own. A template that is JSON does not qualify."""
    if template.lstrip()[:1] in {"{", "["}:
        return False
    return not _EMPTY.issuperset(word.lower() for word in _WORDS(_FILLED_IN(" ", template)))
