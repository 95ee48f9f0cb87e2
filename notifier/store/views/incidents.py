"""Incidents and their samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from notifier.domain.incident import Incident, page, with_links_of
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.domain.value import replace
from notifier.store.compiled import execute
from notifier.store.database import Dialect, Tx
from notifier.store.json_rows import encode_values, in_json, json_value
from notifier.store.schema import Big, events, incidents
from notifier.store.views.incident_search import READ_AT_MOST, IncidentSearch, find_keys
from notifier.store.views.paging import Page, PageKey, cut, earlier


def with_latest() -> sa.Select:  # type: ignore[type-arg]
    """A query of incidents with the document of their newest sample as `latest`."""
    newest = (
        sa.select(events.c.document)
        .where(events.c.incident == incidents.c.number)
        .order_by(events.c.seq.desc())
        .limit(1)
        .correlate(incidents)
        .scalar_subquery()
    )
    return sa.select(incidents, newest.label("latest"))


def incident_of(row: sa.Row, url: str | None) -> Incident:  # type: ignore[type-arg]
    """The incident of a row of `with_latest`; `url` is the base of links."""
    return Incident(
        id=row.id,
        number=row.number,
        project=row.project,
        environment=row.environment,
        fingerprint=row.fingerprint,
        title=row.title,
        state=State(row.state),
        severity=Severity(row.severity),
        labels=json_value(row.labels),
        varying=tuple(json_value(row.varying)),
        count=row.count,  # type: ignore[arg-type] # the column, not the tuple's method
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        acknowledged_by=row.acknowledged_by,
        resolved_at=row.resolved_at,
        previous_id=row.previous_id,
        url=None if url is None else page(url, row.number, row.id),
        latest_event=None if row.latest is None else json_value(row.latest),
    )


def with_links(tx: Tx, found: Sequence[Incident]) -> tuple[Incident, ...]:
    """The incidents; if the latest event has no links, those of the latest event with links are used.

    `latest_event` then names that event's id as `links_from`: a runbook stays one to the end of its incident.
    """
    bare = [
        one.number
        for one in found
        if one.count > 1 and one.latest_event is not None and not one.latest_event.get("links")
    ]
    if not bare:
        return tuple(found)
    documents = {
        row.incident: json_value(row.document)
        for row in execute(tx, _linked_samples, {"incidents": encode_values(bare)})
    }
    return tuple(_linked(one, documents.get(one.number)) for one in found)


def _linked(found: Incident, event: Mapping[str, Any] | None) -> Incident:
    if event is None or found.latest_event is None:
        return found
    return replace(found, latest_event=with_links_of(found.latest_event, event))


def _linked_samples(dialect: Dialect) -> sa.ClauseElement:
    """The newest sample with links of each incident, as `document`."""
    newest = (
        sa.select(events.c.incident, sa.func.max(events.c.seq).label("seq"))
        .where(
            events.c.incident.in_(in_json(dialect, "incidents", Big)),
            events.c.document.like(sa.literal_column("""'%"links":[{"%'""")),
        )
        .group_by(events.c.incident)
        .subquery()
    )
    return sa.select(events.c.incident, events.c.document).join(
        newest, sa.and_(newest.c.incident == events.c.incident, newest.c.seq == events.c.seq)
    )


def incident(tx: Tx, name: str | int, *, project: str | None, url: str | None) -> Incident | None:
    """The incident with this id, or number if it is an integer, in this project or in any if that is None."""
    query = with_latest().where(
        incidents.c.number == name if isinstance(name, int) else incidents.c.id == name
    )
    if project is not None:
        query = query.where(incidents.c.project == project)
    row = tx.run(query).one_or_none()
    return None if row is None else with_links(tx, [incident_of(row, url)])[0]


def find_incidents(
    tx: Tx, search: IncidentSearch, *, after: PageKey | None, limit: int, url: str | None
) -> Page[Incident]:
    """Incidents in the order of `sort`.

    A page may be short or even empty and still have a next one: see `READ_AT_MOST`.
    """
    keys, next_key = find_keys(tx, search, after, limit)
    numbers = [int(key[-1]) for key in keys]
    rows = {row.number: row for row in tx.run(with_latest().where(incidents.c.number.in_(numbers)))}
    # On PostgreSQL a row may have been deleted between the two queries.
    items = [incident_of(rows[number], url) for number in numbers if number in rows]
    return Page(items=with_links(tx, items), next_key=next_key)


def matching(tx: Tx, search: IncidentSearch, *, most: int) -> tuple[list[str], int]:
    """The ids of at most `most` matching incidents, newest first, and the number of all."""
    keys, after = find_keys(tx, search, None, max(most, 1))
    count = len(keys)
    keys = keys[:most]
    while after is not None:
        following, after = find_keys(tx, search, after, READ_AT_MOST)
        count += len(following)
        keys += following[: most - len(keys)]
    first = [int(key[-1]) for key in keys]
    ids = sa.select(incidents.c.id).where(incidents.c.number.in_(first)).order_by(incidents.c.number.desc())
    return list(tx.run(ids).scalars()), count


def count_by_severity(tx: Tx, search: IncidentSearch, *, most: int) -> tuple[Mapping[Severity, int], bool]:
    """The number of matching incidents by severity among at most `most`, and whether those are all."""
    keys, after = find_keys(tx, replace(search, sort="severity"), None, most)
    ranks = Counter(rank for rank, _ in keys)
    return {severity: ranks[severity.rank] for severity in Severity if ranks[severity.rank]}, after is None


def find_events(tx: Tx, number: int, *, after: PageKey | None, limit: int) -> Page[Mapping[str, Any]]:
    """The samples of an incident as documents, newest first."""
    rows = tx.run(
        sa.select(events.c.seq, events.c.document)
        .where(events.c.incident == number, earlier([events.c.seq], after))
        .order_by(events.c.seq.desc())
        .limit(limit + 1)
    ).all()
    return cut(rows, limit, lambda row: json_value(row.document), lambda row: (row.seq,))
