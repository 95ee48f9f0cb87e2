"""Logged failures wait a moment: most are raised on, and who sees them next knows more, or retries.

`logger.exception(...)` followed by `raise` is one failure, and so is `logger.error(f"... {error}")`. The middleware
knows its background task, a decorated task knows whether it will be tried again; both usually see it within a
millisecond. What nobody has claimed after a second was got over, and is reported as it was logged.
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
PENDING_AT_MOST: Final = 1_000
CHAIN: Final = 8


@dataclass(frozen=True, slots=True)
class PendingLog:
    """A failure that was logged, and the event that reports it if nobody else does.

    `words`: the record told of it in words alone, so that the event is a message.
    """

    error: BaseException
    event: CapturedEvent
    until: float
    words: bool = False


class PendingLogs:
    """`release` is given what nobody claimed, on a thread of its own."""

    def __init__(self, release: Callable[[PendingLog], None]) -> None:
        self._release = release
        self._logged: dict[tuple[int, int], PendingLog] = {}
        self._timer: threading.Timer | None = None

    def add(self, error: BaseException, event: CapturedEvent, *, words: bool = False) -> None:
        """Hold an event for a second; a second one with the same exception adds nothing, further words do."""
        log = PendingLog(error, event, time.monotonic() + HOLD_S, words)
        if len(self._logged) >= PENDING_AT_MOST:
            self._release(log)
            return
        place = 1 if words else 0
        while self._logged.setdefault((id(error), place), log) is not log and words:
            place += 1
        if self._timer is None:
            self._wait()

    def claim(self, failure: BaseException) -> CapturedEvent | None:
        """Claim what was logged of this failure, or of what led to it: the event, which is then this one's affair."""
        claimed: list[PendingLog] = []
        inner: BaseException | None = failure
        for _ in range(CHAIN if self._logged else 0):
            if inner is None:
                break
            claimed += self._claimed(inner)
            inner = exception_parts.behind(inner)
        return min(claimed, key=lambda log: log.words).event if claimed else None

    def _claimed(self, error: BaseException) -> list[PendingLog]:
        """With its traceback, at place 0, and in words, from 1 on."""
        claimed = [self._logged.pop((id(error), 0), None)]
        while len(claimed) == 1 or claimed[-1] is not None:
            claimed.append(self._logged.pop((id(error), len(claimed)), None))
        return [log for log in claimed if log is not None]

    def release_all(self) -> None:
        """Report everything that waits, now."""
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
            # Whoever takes it out of the dictionary has it: there is no second.
            if logged.until <= now and self._logged.pop(key, None) is not None:
                self._release(logged)
