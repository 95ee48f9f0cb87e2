"""Chains the interpreter's hooks for uncaught exceptions of processes, threads and event loops."""

from __future__ import annotations

import asyncio
import sys
import threading
from types import TracebackType
from typing import Any

from notifier.client.capture.events import ReportDetails
from notifier.client.capture.reporting import Reporting


def install_excepthook(reporting: Reporting) -> None:
    """Chains `sys.excepthook` and `threading.excepthook`."""
    before, before_thread = sys.excepthook, threading.excepthook
    reporting.watched.add("what ends the process or a thread")

    def ended(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, KeyboardInterrupt | SystemExit):
            reporting.capture(error, ReportDetails(severity="critical", context={"ended": "the process"}))
        before(kind, error, trace)

    def ended_thread(arguments: threading.ExceptHookArgs) -> None:
        error = arguments.exc_value
        if error is not None and not isinstance(error, SystemExit):
            name = arguments.thread.name if arguments.thread else "?"
            reporting.capture(error, ReportDetails(context={"ended": f"the thread {name}"}))
        before_thread(arguments)

    sys.excepthook, threading.excepthook = ended, ended_thread


def install_asyncio_handler(reporting: Reporting, loop: asyncio.AbstractEventLoop) -> None:
    """Chains the loop's exception handler."""
    before = loop.get_exception_handler()
    reporting.watched.add("what no coroutine retrieved")

    def handle(loop: asyncio.AbstractEventLoop, details: dict[str, Any]) -> None:
        error = details.get("exception")
        message = str(details.get("message", "unhandled in the event loop"))
        reporting.capture(
            error, ReportDetails(message=message, context={"ended": "a task of the event loop"})
        )
        if before is None:
            loop.default_exception_handler(details)
        else:
            before(loop, details)

    loop.set_exception_handler(handle)
