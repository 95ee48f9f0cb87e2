"""A final failure is on disk before its task ends: whoever sees the end may end the process next.

Most are safe where they were captured. Only where `before_send` has to see them first, or many come at once, the end
waits for the writer, some milliseconds, and never on the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Final

from notifier.client.capture.reentrancy import inside

if TYPE_CHECKING:
    import threading

    from notifier.client.transport import Transport

AT_MOST_S: Final = 0.25
LOOK_S: Final = 0.001


def wait(transport: Transport) -> None:
    """In the thread that a task runs in; on an event loop's own thread nothing waits."""
    pending = _pending(transport)
    if pending is not None and not _on_a_loop():
        pending.wait(AT_MOST_S)


async def wait_async(transport: Transport) -> None:
    """The same, while the loop goes on; a loop of another library than asyncio waits for nothing."""
    pending = _pending(transport)
    until = time.monotonic() + (AT_MOST_S if _on_a_loop() else 0.0)
    while pending is not None and not pending.is_set() and time.monotonic() < until:  # noqa: ASYNC110 - a thread sets it
        await asyncio.sleep(LOOK_S)


def _pending(transport: Transport) -> threading.Event | None:
    settling = getattr(transport, "settling", None)
    return None if settling is None or inside() else settling()


def _on_a_loop() -> bool:
    with contextlib.suppress(RuntimeError):
        asyncio.get_running_loop()
        return True
    return False
