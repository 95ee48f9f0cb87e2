"""The client: reports a FastAPI application's failures, retries and tracks its background tasks.

from notifier.client import Notifier, Tasks

notifier = Notifier(service="billing")
notifier.instrument(app)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from notifier.client.diagnosis import Diagnosis
    from notifier.client.fastapi import Tasks
    from notifier.client.notifier import Notifier
    from notifier.client.tasks.runs import Run
    from notifier.client.testing import MemoryTransport, capture_reports
    from notifier.client.transport import Counts, Transport

__all__ = [
    "Counts", "Diagnosis", "MemoryTransport", "Notifier", "Run", "Tasks", "Transport", "capture_reports",
]  # fmt: skip

# Imported on first use: `Tasks` needs FastAPI, and pytest loads this package's plug-in in every run.
_WHERE = {
    "Counts": "transport",
    "Diagnosis": "diagnosis",
    "MemoryTransport": "testing",
    "Notifier": "notifier",
    "Run": "tasks.runs",
    "Tasks": "fastapi",
    "Transport": "transport",
    "capture_reports": "testing",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        module = _WHERE.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        member = globals()[name] = getattr(import_module(f"{__name__}.{module}"), name)
        return member
