"""Queries about incidents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast, get_args

from notifier.domain.incident import Incident
from notifier.domain.matcher import Matcher
from notifier.domain.state import State
from notifier.domain.value import replace
from notifier.oncall import search
from notifier.oncall.errors import Unknown, Unreadable
from notifier.oncall.names import exact_id
from notifier.oncall.paging import Listing, PageRequest, listing
from notifier.store import views
from notifier.store.database import Database, Tx
from notifier.store.views import Page, PageKey, Sort

__all__ = ["Sort", "StateFilter", "events", "find", "get", "require"]

StateFilter = Literal["open", "acknowledged", "resolved", "unresolved"]
"""A state, or `unresolved`: open and acknowledged."""


async def find(
    database: Database,
    *,
    project: str,
    state: StateFilter | None,
    q: str | None,
    sort: Sort | None,
    page_request: PageRequest,
    url: str | None,
    besides: tuple[Matcher, ...] = (),
) -> Listing[Incident]:
    """Incidents of a project that match `q`, as `search` reads it, and the matchers `besides`.

    Without `sort` the order is that of the cursor, else newest first.
    """
    terms = search.read(q or "")
    order, after = _continued(sort, page_request)
    query = views.IncidentSearch(
        project=project,
        state=None if state is None or state == "unresolved" else State(state),
        unresolved=state == "unresolved",
        matchers=terms.matchers + besides,
        words=terms.words,
        sort=order,
    )
    page = await database.read(
        lambda tx: views.find_incidents(tx, query, after=after, limit=page_request.limit, url=url)
    )
    if order == "newest" or page.next_key is None:
        return listing("incidents", page)
    return listing("incidents-by", replace(page, next_key=(order, *page.next_key)))


def _continued(sort: Sort | None, page_request: PageRequest) -> tuple[Sort, PageKey | None]:
    """The order of a page, and the last row of the previous page."""
    if page_request.cursor is None:
        return sort or "newest", None
    carried: Sort = "newest"
    after: PageKey | None
    if page_request.is_of("incidents-by"):
        name, *key = page_request.after("incidents-by") or ("",)
        after, carried = tuple(key), cast("Sort", name)
    else:
        after = page_request.after("incidents")
    if carried not in get_args(Sort) or sort not in {None, carried}:
        raise Unreadable("cursor", "this cursor is of another `sort`: leave `sort` out, or begin anew")
    return carried, after


async def get(database: Database, name: str, *, project_scope: str | None, url: str | None) -> Incident:
    """The incident with this id or number. Raises `Unknown`."""
    return await database.read(lambda tx: require(tx, name, project_scope, url))


async def get_all(
    database: Database, names: Sequence[str], *, project_scope: str | None
) -> Sequence[Incident]:
    """The incidents with these names, in their order, read in one transaction. Raises `Unknown`."""
    return await database.read(lambda tx: [require(tx, name, project_scope, None) for name in names])


async def events(
    database: Database, name: str, *, project_scope: str | None, page_request: PageRequest
) -> Listing[Mapping[str, Any]]:
    """The samples of an incident as documents, newest first: the last event, fewer and fewer, and the first ten."""
    after = page_request.after("events")

    def read(tx: Tx) -> Page[Mapping[str, Any]]:
        return views.find_events(
            tx, require(tx, name, project_scope, None).number, after=after, limit=page_request.limit
        )

    return listing("events", await database.read(read))


def require(tx: Tx, name: str, project_scope: str | None, url: str | None) -> Incident:
    """The incident with this id, number or end of an id. Raises `Unknown`."""
    incident = views.incident(
        tx, exact_id(tx, "incident", name, project_scope), project=project_scope, url=url
    )
    if incident is None:
        raise Unknown("incident")
    return incident
