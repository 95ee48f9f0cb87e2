"""Delays the reports of logged exceptions, because most are raised afterwards and reported with more detail.

`logger.exception(...)` followed by `raise` is one failure, and so is `logger.error(f"... {error}")`. The middleware
knows the background task, and a decorated task knows whether it is retried; both usually see the exception within a
millisecond. What nobody has claimed after a second was handled, and is reported as it was logged.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from notifier.client.capture import exception_parts

if TYPE_CHECKING:
    from notifier.client.documents import CapturedEvent

HOLD_S: Final = 1.0
MAX_PENDING: Final = 1_000
MAX_CAUSES: Final = 8


@dataclass(frozen=True, slots=True)
class PendingLog:
    """A logged failure, and the event that is sent unless another report claims it.

    `text_only` is true if the record only mentioned the exception in its text, so that the event is a message.
    """

    error: BaseException
    event: CapturedEvent
    until: float
    text_only: bool = False


class PendingLogs:
    """Calls `release` with unclaimed failures, on a thread of its own."""

    def __init__(self, release: Callable[[PendingLog], None]) -> None:
        self._release = release
        self._logged: dict[tuple[int, int], PendingLog] = {}
        self._timer: threading.Timer | None = None

    def add(self, error: BaseException, event: CapturedEvent, *, text_only: bool = False) -> None:
        """Holds an event for a second. A repeat of the same exception is ignored unless `text_only` is set."""
        log = PendingLog(error, event, time.monotonic() + HOLD_S, text_only)
        if len(self._logged) >= MAX_PENDING:
            self._release(log)
            return
        index = 1 if text_only else 0
        while self._logged.setdefault((id(error), index), log) is not log and text_only:
            index += 1
        if self._timer is None:
            self._wait()

    def claim(self, failure: BaseException) -> CapturedEvent | None:
        """Removes the events logged for this failure or its causes. Returns one of them, None if there is none."""
        claimed: list[PendingLog] = []
        inner: BaseException | None = failure
        for _ in range(MAX_CAUSES if self._logged else 0):
            if inner is None:
                break
            claimed += self._claimed(inner)
            inner = exception_parts.cause_or_context(inner)
        return min(claimed, key=lambda log: log.text_only).event if claimed else None

    def _claimed(self, error: BaseException) -> list[PendingLog]:
        """The logged events of an exception: at index 0 with its traceback, further ones mention it in text."""
        claimed = [self._logged.pop((id(error), 0), None)]
        while len(claimed) == 1 or claimed[-1] is not None:
            claimed.append(self._logged.pop((id(error), len(claimed)), None))
        return [log for log in claimed if log is not None]

    def release_all(self) -> None:
        """Reports all pending events now."""
        self._release_until(float("inf"))

    def _wait(self) -> None:
        self._timer = threading.Timer(HOLD_S, self._due)
        self._timer.daemon = True
        self._timer.start()

    def _due(self) -> None:
        self._release_until(time.monotonic())
        self._timer = None
        if self._logged:
            self._wait()

    def _release_until(self, now: float) -> None:
        for key, logged in list(self._logged.items()):
            # Whichever thread removes the entry reports it, so that it is reported once.
            if logged.until <= now and self._logged.pop(key, None) is not None:
                self._release(logged)
