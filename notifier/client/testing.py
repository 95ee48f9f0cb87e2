"""Test helpers for applications: the reports that they would have sent.

    with capture_reports() as reports:
        ...
    assert reports[0]["exception"]["type"] == "TimeoutError"

The pytest fixture `notifier_reports` does the same for one test.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from notifier.client.transport import Counts, Document, Dropped, Source

MAX_KEPT: Final = 10_000
Reports = list[Document]

_listening: list[Reports] = []


class MemoryTransport:
    """Keeps what would have been sent: `events`, and in `runs` the latest change of each run by id. Sends nothing."""

    def __init__(self) -> None:
        self.events: deque[Document] = deque(maxlen=MAX_KEPT)
        self.runs: dict[str, Document] = {}
        self.dropped: dict[str, int] = {}
        self._captured = 0
        self._source: Source | None = None

    def open(self, source: Source) -> None:
        self._source = source

    def event(self, event: Document) -> None:
        self._captured += 1
        assert self._source is not None
        try:
            prepared = self._source.prepare(event)
        except Dropped as dropped:
            self._count(dropped.reason)
            return
        self.events.append(prepared)
        for reports in _listening:
            reports.append(prepared)

    def run(self, change: Document) -> None:
        assert self._source is not None
        self.runs[change["id"]] = self._source.prepare_run(change)

    def drop(self, reason: str) -> None:
        self._captured += 1
        self._count(reason)

    def beat(self) -> None:
        """Does nothing."""

    def fetch_run(self, id_: str) -> Document | None:  # noqa: ARG002 - the protocol's name
        """Always None."""
        return None

    def flush(self, timeout: float) -> bool:  # noqa: ARG002
        return True

    def counts(self) -> Counts:
        """The counts of events. Kept ones count as sent."""
        sent = self._captured - sum(self.dropped.values())
        return Counts(captured=self._captured, sent=sent, dropped=dict(self.dropped))

    def close(self, timeout: float) -> None:
        """Does nothing."""

    def _count(self, reason: str) -> None:
        self.dropped[reason] = self.dropped.get(reason, 0) + 1


@contextmanager
def capture_reports() -> Iterator[Reports]:
    """The events that notifiers with a `MemoryTransport` capture within the block, in order, as they would be sent.

    Under pytest that is the transport of every notifier that was given none.
    """
    _release_logged()
    reports: Reports = []
    _listening.append(reports)
    try:
        yield reports
    finally:
        _release_logged()
        _listening.remove(reports)


def _release_logged() -> None:
    """Reports delayed logs now, so that they belong to the test that logged them."""
    module = sys.modules.get("notifier.client.notifier")
    for notifier in [] if module is None else list(module.all_notifiers):
        if isinstance(notifier.transport, MemoryTransport):
            notifier.flush(0)
