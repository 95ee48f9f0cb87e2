"""Queries about incidents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from notifier.domain.incident import Incident, State
from notifier.oncall import search
from notifier.oncall.errors import Unknown
from notifier.oncall.paging import Listing, Wanted, listing
from notifier.store import board
from notifier.store.board import Page
from notifier.store.database import Database, Tx

LARGEST_NUMBER = 2**63 - 1


async def find(
    database: Database, *, project: str, state: State | None, q: str | None, wanted: Wanted, url: str | None
) -> Listing[Incident]:
    """Incidents of a project, newest first; `q` as `search` reads it."""
    terms = search.read(q or "")
    query = board.IncidentSearch(project=project, state=state, matchers=terms.matchers, words=terms.words)
    after = wanted.after("incidents")
    page = await database.read(
        lambda tx: board.find_incidents(tx, query, after=after, limit=wanted.limit, url=url)
    )
    return listing("incidents", page)


async def one(database: Database, name: str, *, reach: str | None, url: str | None) -> Incident:
    """The incident with this id or number, or `Unknown`."""
    return await database.read(lambda tx: known(tx, name, reach, url))


async def events(
    database: Database, name: str, *, reach: str | None, wanted: Wanted
) -> Listing[Mapping[str, Any]]:
    """The samples of an incident as documents, newest first: its last event, ever fewer, and the first ten."""
    after = wanted.after("events")

    def read(tx: Tx) -> Page[Mapping[str, Any]]:
        return board.find_events(tx, known(tx, name, reach, None).number, after=after, limit=wanted.limit)

    return listing("events", await database.read(read))


def known(tx: Tx, name: str, reach: str | None, url: str | None) -> Incident:
    """The incident with this id or number, or `Unknown`."""
    wanted = key(name)
    found = None if wanted is None else board.incident(tx, wanted, project=reach, url=url)
    if found is None:
        raise Unknown("incident")
    return found


def key(name: str) -> str | int | None:
    """An incident's number or id, as a person gives it; None: no incident can have it."""
    if name.isascii() and name.isdigit():
        number = int(name) if len(name) <= 19 else LARGEST_NUMBER + 1
        return number if number <= LARGEST_NUMBER else None
    return name if "\0" not in name else None
