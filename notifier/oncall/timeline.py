"""The timeline of an incident: why people were notified, or not."""

from __future__ import annotations

from notifier.oncall.incidents import require
from notifier.store import views
from notifier.store.database import Database, Tx
from notifier.wording.timeline import MAX_ITEMS, HistoryItem, Routes, Timeline
from notifier.wording.timeline import timeline as in_order

__all__ = ["HistoryItem", "Timeline", "timeline"]


async def timeline(database: Database, routes: Routes, name: str, *, project_scope: str | None) -> Timeline:
    """The timeline of the incident with this id or number. Raises `Unknown`."""

    def read(tx: Tx) -> Timeline:
        number = require(tx, name, project_scope, None).number
        return in_order(views.incident_history(tx, number, most=MAX_ITEMS + 1), routes, tx.now)

    return await database.read(read)
