"""Monitors: locking, writing, and due ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import sqlalchemy as sa

from notifier.store.compiled import columns_of, execute, reads, upsert
from notifier.store.database import Dialect, Tx
from notifier.store.json_rows import encode_rows, rows_from_json
from notifier.store.monitor_rows import MonitorName, MonitorRow
from notifier.store.schema import Big, monitors

_KEY = ("project", "environment", "name")


def find(tx: Tx, keys: Collection[MonitorName]) -> dict[MonitorName, MonitorRow]:
    """The existing ones of these monitors, locked. Monitors are locked before incidents."""
    return {row.key: row for row in _find(tx, names=encode_rows(sorted(keys)))}


def declared(tx: Tx, names: Iterable[str]) -> Sequence[MonitorRow]:
    """The monitors declared in the file now or before, locked; `names` are those declared now."""
    return _declared(tx, names=encode_rows([(name,) for name in sorted(names)]))


def count(tx: Tx, project: str) -> int:
    query = sa.select(sa.func.count()).select_from(monitors).where(monitors.c.project == project)
    return int(tx.run(query).scalar_one())


def write(tx: Tx, rows: Iterable[MonitorRow]) -> None:
    """Insert or replace monitors."""
    ordered = sorted(rows, key=lambda row: row.key)  # In the same order everywhere, to avoid deadlocks.
    cells = [tuple(getattr(row, name) for name in MonitorRow.__struct_fields__) for row in ordered]
    if cells:
        execute(tx, _write, {"rows": encode_rows(cells)})


def delete(tx: Tx, project: str, environment: str, name: str) -> bool:
    """Delete a monitor. Returns False if there was none."""
    key = sa.and_(
        monitors.c.project == project, monitors.c.environment == environment, monitors.c.name == name
    )
    return tx.run(sa.delete(monitors).where(key)).rowcount > 0


def next_due(_dialect: Dialect) -> sa.ClauseElement:
    """The earliest deadline."""
    return sa.select(sa.func.min(monitors.c.due_at)).where(monitors.c.due_at.is_not(None))


@reads(MonitorRow)
def overdue(_dialect: Dialect) -> sa.ClauseElement:
    """Monitors whose deadline has passed and that could check in for long enough, earliest first, locked."""
    now, since = sa.bindparam("now", type_=Big), sa.bindparam("since", type_=Big)
    heard = sa.or_(monitors.c.due_from >= since, monitors.c.patience <= now - since)
    return (
        sa.select(*columns_of(MonitorRow, monitors))
        .where(monitors.c.due_at.is_not(None), monitors.c.due_at <= now, heard)
        .order_by(monitors.c.due_at)
        .limit(sa.bindparam("most", type_=sa.Integer()))
        .with_for_update(skip_locked=True)
    )


@reads(MonitorRow)
def _find(dialect: Dialect) -> sa.ClauseElement:
    names = rows_from_json(dialect, "names", [(name, sa.Text()) for name in _KEY])
    same = sa.and_(*(monitors.c[name] == names.c[name] for name in _KEY))
    found = sa.select(*columns_of(MonitorRow, monitors)).select_from(names.join(monitors, same))
    if dialect == "sqlite":
        return found
    return found.order_by(*(monitors.c[name] for name in _KEY)).with_for_update(of=monitors)


@reads(MonitorRow)
def _declared(dialect: Dialect) -> sa.ClauseElement:
    names = rows_from_json(dialect, "names", [("name", sa.Text())])
    named = sa.or_(monitors.c.declared_by == "file", monitors.c.name.in_(sa.select(names.c.name)))
    found = sa.select(*columns_of(MonitorRow, monitors)).where(named)
    return found.order_by(*(monitors.c[name] for name in _KEY)).with_for_update()


def _write(dialect: Dialect) -> sa.ClauseElement:
    names = list(MonitorRow.__struct_fields__)
    rows = rows_from_json(dialect, "rows", [(name, monitors.c[name].type) for name in names])
    writing = upsert(dialect, monitors).from_select(names, sa.select(*rows.c).where(sa.true()))
    return writing.on_conflict_do_update(
        index_elements=list(_KEY),
        set_={name: writing.excluded[name] for name in names if name not in _KEY},
    )
