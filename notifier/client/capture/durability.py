"""Delays the end of a failed task until its report is on disk, because the process may exit next.

Most reports are safe as soon as they are captured. Only if `before_send` is set, or many reports arrive at once, the
task waits some milliseconds for the writer, and never blocks an event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Final

from notifier.client.capture.reentrancy import in_client_code

if TYPE_CHECKING:
    import threading

    from notifier.client.transport import Transport

TIMEOUT_S: Final = 0.25
POLL_S: Final = 0.001


def wait(transport: Transport) -> None:
    """Waits in the task's thread. Returns at once on an event loop's own thread."""
    pending = _pending(transport)
    if pending is not None and not _on_a_loop():
        pending.wait(TIMEOUT_S)


async def wait_async(transport: Transport) -> None:
    """Waits without blocking the event loop. Returns at once on loops other than asyncio's."""
    pending = _pending(transport)
    until = time.monotonic() + (TIMEOUT_S if _on_a_loop() else 0.0)
    while pending is not None and not pending.is_set() and time.monotonic() < until:  # noqa: ASYNC110 - a thread sets it
        await asyncio.sleep(POLL_S)


def _pending(transport: Transport) -> threading.Event | None:
    settling = getattr(transport, "settling", None)
    return None if settling is None or in_client_code() else settling()


def _on_a_loop() -> bool:
    with contextlib.suppress(RuntimeError):
        asyncio.get_running_loop()
        return True
    return False
