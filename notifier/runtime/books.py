"""The accounting of the service: running figures, and from time to time a full count to compare with."""

from __future__ import annotations

import time

from notifier.domain.time import Instant
from notifier.store import ledger
from notifier.store.database import HOUSEKEEPING, Database, Tx
from notifier.store.ledger import Accounting, BooksCheck
from notifier.telemetry.logging import get
from notifier.telemetry.metrics import Metrics

log = get("notifier.runtime")

ACCOUNTED = (
    "accepted", "counted", "pruned_events", "duplicates", "untold", "created", "pruned_deliveries", "shed_samples",
    "shed_deliveries", "shed_task_runs", "refreshed",
)  # fmt: skip
CHECK_EVERY_S = 300.0


class Books:
    """The accounting of the service. `last_check` is the last comparison with a full count, None before the first."""

    def __init__(self, database: Database, metrics: Metrics) -> None:
        self._database = database
        self._metrics = metrics
        self._check_after = 0.0
        self.last_check: BooksCheck | None = None

    async def read(self) -> tuple[Instant, Accounting]:
        """The time and the running figures. Small databases are counted in full as well."""
        at, books, small = await self._database.read(_read, snapshot=True)
        if small:
            await self.check()
        return at, books

    async def show(self) -> None:
        """Sets the metrics of accounting."""
        _, books = await self.read()
        for term in ACCOUNTED:
            self._metrics.accounting.labels(term).set(getattr(books, term))
        sound = self.last_check is None or self.last_check.sound
        self._metrics.balanced.set(1 if books.balanced and sound else 0)
        self._metrics.set_states(books.by_state)

    async def check(self) -> BooksCheck:
        """Counts everything and compares. A difference is logged and shown, but not corrected."""
        started = time.monotonic()
        comparison = await self._database.read(ledger.check, limit=HOUSEKEEPING, snapshot=True)
        # Slow with millions of rows, so it takes at most a hundredth of the time.
        self._check_after = time.monotonic() + max(CHECK_EVERY_S, 100 * (time.monotonic() - started))
        previous, self.last_check = self.last_check, comparison
        self._metrics.differences.set(len(comparison.differences))
        if not comparison.sound and (
            previous is None or previous.sound or previous.differences != comparison.differences
        ):
            terms = {
                difference.term: [difference.running, difference.exact]
                for difference in comparison.differences
            }
            log.critical("books_differ", terms=terms, balanced=comparison.exact.balanced)
        return comparison

    @property
    def check_is_due(self) -> bool:
        return time.monotonic() >= self._check_after


def _read(tx: Tx) -> tuple[Instant, Accounting, bool]:
    books = ledger.running(tx)
    return tx.now, books, ledger.is_small(tx, books)
