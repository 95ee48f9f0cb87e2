"""The client: a FastAPI application's failures are reported, its background tasks retried and tracked.

from notifier.client import Notifier, Tasks

notifier = Notifier(service="billing")
notifier.instrument(app)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notifier.client.notifier import Notifier
from notifier.client.runs import Run
from notifier.client.testing import MemoryTransport, capture_reports
from notifier.client.transport import Counts, Transport

if TYPE_CHECKING:
    from notifier.client.fastapi import Tasks

__all__ = ["Counts", "MemoryTransport", "Notifier", "Run", "Tasks", "Transport", "capture_reports"]


def __getattr__(name: str) -> Any:
    """`Tasks` is imported where it is used: it alone needs FastAPI."""
    if name == "Tasks":
        from notifier.client.fastapi import Tasks  # noqa: PLC0415

        return Tasks
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
