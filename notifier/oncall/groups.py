"""Groups that wait: for which time, and what holds them."""

from __future__ import annotations

from dataclasses import dataclass

from notifier.domain.route import Route
from notifier.oncall.paging import Listing, PageRequest, listing
from notifier.policy.rules import AlertingRules
from notifier.store import views
from notifier.store.database import Database
from notifier.store.views import GroupView


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingGroup:
    """A group with its route, or the root if its own is no longer configured."""

    group: GroupView
    route: Route


async def find(
    database: Database, rules: AlertingRules, *, project: str, page_request: PageRequest
) -> Listing[WaitingGroup]:
    """The groups of a project that wait for a time or a hold, newest first."""
    after = page_request.after("groups")
    page = await database.read(
        lambda tx: views.find_groups(tx, project=project, after=after, limit=page_request.limit)
    )
    waiting = listing("groups", page)
    return Listing(
        items=tuple(WaitingGroup(group=group, route=rules.route(group.route)) for group in waiting.items),
        next_cursor=waiting.next_cursor,
    )
