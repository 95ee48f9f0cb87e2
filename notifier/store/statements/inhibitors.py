"""Inhibitors: unresolved incidents that match the source of an inhibition rule."""

from __future__ import annotations

import sqlalchemy as sa

from notifier.store.compiled import Row, columns_of, reads, upsert
from notifier.store.database import Dialect
from notifier.store.json_rows import in_json, rows_from_json
from notifier.store.schema import OPEN, Big, incidents, inhibitors


class LabelledIncident(Row, frozen=True):
    """An incident that may inhibit others. `labels` is JSON text."""

    number: int
    id: str
    project: str
    labels: str


def known_inhibitors(dialect: Dialect) -> sa.ClauseElement:
    return sa.select(inhibitors.c.incident).where(
        inhibitors.c.incident.in_(in_json(dialect, "incidents", Big))
    )


def delete_inhibitors(dialect: Dialect) -> sa.ClauseElement:
    return sa.delete(inhibitors).where(inhibitors.c.incident.in_(in_json(dialect, "incidents", Big)))


@reads(LabelledIncident)
def open_incidents(_dialect: Dialect) -> sa.ClauseElement:
    return (
        sa.select(*columns_of(LabelledIncident, incidents))
        .where(
            incidents.c.closed == sa.literal_column("0"),
            incidents.c.number > sa.bindparam("after", type_=Big),
        )
        .order_by(incidents.c.number)
        .limit(sa.bindparam("most", type_=sa.Integer()))
    )


@reads(LabelledIncident)
def sources(_dialect: Dialect) -> sa.ClauseElement:
    keys = [
        inhibitors.c[name] == sa.bindparam(name, type_=sa.Text()) for name in ("project", "rule", "equal")
    ]
    return (
        sa.select(*columns_of(LabelledIncident, incidents))
        .join(inhibitors, inhibitors.c.incident == incidents.c.number)
        .where(*keys, incidents.c.closed == OPEN)
        .order_by(inhibitors.c.incident.desc())
        .limit(sa.bindparam("most", type_=sa.Integer()))
    )


def insert_inhibitors(dialect: Dialect) -> sa.ClauseElement:
    names = ["project", "rule", "equal", "incident"]
    rows = rows_from_json(dialect, "rows", [(name, inhibitors.c[name].type) for name in names])
    adding = upsert(dialect, inhibitors).from_select(names, sa.select(*rows.c).where(sa.true()))
    return adding.on_conflict_do_nothing()
