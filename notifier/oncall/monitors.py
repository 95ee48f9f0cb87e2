"""Monitors: their states, and the command that removes one."""

from __future__ import annotations

from notifier.oncall.actor import Actor
from notifier.oncall.errors import Unknown
from notifier.oncall.paging import Listing, PageRequest, listing
from notifier.store import views
from notifier.store.database import Database, Tx
from notifier.store.statements import monitors as statements
from notifier.store.views import MonitorStatus

__all__ = ["MonitorStatus", "find", "forget"]


async def find(database: Database, *, project: str, page_request: PageRequest) -> Listing[MonitorStatus]:
    """The monitors of a project, the latest check-in first."""
    after = page_request.after("monitors")
    limit = page_request.limit
    page = await database.read(lambda tx: views.find_monitors(tx, project=project, after=after, limit=limit))
    return listing("monitors", page)


async def forget(database: Database, name: str, environment: str, actor: Actor) -> None:
    """Removes a monitor, but not its incident. Raises `Unknown`. A further check-in creates the monitor again."""

    def work(tx: Tx) -> None:
        if "\0" in name or not statements.delete(tx, actor.project, environment, name):
            raise Unknown("monitor")
        actor.record(tx, "forget_monitor", f"{environment}/{name}")

    await database.write(work)
