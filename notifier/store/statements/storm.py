"""The figures of a storm at one target, over all digests of a thread."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from notifier.store.database import Dialect
from notifier.store.json_rows import in_json
from notifier.store.schema import decisions, deliveries, incidents, notifications
from notifier.store.search_index import RANK


def _told(dialect: Dialect) -> sa.Subquery:
    """The number of events of each incident in the storm, over this digest and earlier ones of the thread."""
    before = sa.select(deliveries.c.id).where(deliveries.c.thread == sa.bindparam("thread", type_=sa.Text()))
    carried = sa.or_(
        deliveries.c.carried_by.in_(before), deliveries.c.id.in_(in_json(dialect, "ids", sa.Text()))
    )
    # Deliveries to the fallback have the decisions of the notification that they repeat.
    origin = sa.func.coalesce(notifications.c.fallback_of, notifications.c.id)
    wanted = (
        sa.select(origin.label("id"))
        .join(deliveries, deliveries.c.notification == notifications.c.id)
        .where(carried)
    )
    return (
        sa.select(decisions.c.incident, sa.func.sum(decisions.c.events).label("events"))
        .where(decisions.c.notification.is_not(None), decisions.c.notification.in_(wanted))
        .group_by(decisions.c.incident)
        .subquery("told")
    )


def storm_totals(dialect: Dialect) -> sa.ClauseElement:
    """Events, causes and services of the storm, and the name of one service."""
    told = _told(dialect)
    service = label(dialect, "service")
    return sa.select(
        sa.func.sum(told.c.events).label("events"),
        sa.func.count().label("causes"),
        sa.func.count(sa.distinct(service)).label("services"),
        sa.func.max(service).label("service"),
    ).select_from(told.join(incidents, incidents.c.number == told.c.incident))


def biggest_causes(dialect: Dialect) -> sa.ClauseElement:
    """The titles with the most events; the more severe first if equal."""
    told = _told(dialect)
    return (
        sa.select(incidents.c.title, told.c.events, RANK.label("rank"))
        .join(told, incidents.c.number == told.c.incident)
        .order_by(told.c.events.desc(), RANK.desc(), incidents.c.number)
        .limit(sa.bindparam("most", type_=sa.Integer()))
    )


def label(dialect: Dialect, name: str) -> sa.ColumnElement[str]:
    """SQL for a label of the incident, NULL if it has none. The name must be an identifier."""
    if dialect == "sqlite":
        return sa.func.json_extract(incidents.c.labels, f'$."{name}"', type_=sa.Text())
    value: sa.ColumnElement[str] = sa.cast(incidents.c.labels, JSONB)[name].astext
    return value
