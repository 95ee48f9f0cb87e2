"""Running figures: tables, the triggers that keep them, and what there is to count so far.

The text of the triggers is made here as it was made at this revision, whatever the schema says later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

STEPS = (60_000, 3_600_000, 86_400_000)
DURATION_STEPS = (900_000, 14_400_000, 86_400_000)
WIDEST = 10**15
_NARROW = 17


def widths() -> Sequence[int]:
    """The widths of buckets: 1, 2, 5, 10 ... A width serves from 17 times itself on, so a middle is within 3 %."""
    return [digit * 10**power for power in range(14) for digit in (1, 2, 5)]


def bucket(value: str) -> str:
    """SQL: the least number that falls into the same bucket as `value`, a whole number that is not negative."""
    each = widths()
    cases = [
        f"WHEN {value} < {_NARROW * wider} THEN {value} / {width} * {width}"
        for width, wider in pairwise(each)
    ]
    return f"CASE {' '.join(cases)} ELSE {_NARROW * each[-1]} END"


class FigureOfRows(NamedTuple):
    """A statement that adds up changed rows of a table: of those that meet `counts`, `values` under `keys`.

    `took` is how long one took, a whole number that keys and values may name.
    """

    table: str
    into: str
    columns: Sequence[str]
    counts: str
    keys: Mapping[str, str]
    values: Mapping[str, str]
    took: str = "0"
    steps: Sequence[int] = STEPS

    def statement(self, rows: str, replica: str, *, grouped: bool) -> str:
        """SQL that adds `rows`, each with its `sign`, to the figures."""
        keys = {**self.keys, "replica": replica}
        values = {name: f"sign * ({value})" for name, value in self.values.items()}
        if grouped:
            values = {name: f"CAST(SUM({value}) AS bigint)" for name, value in values.items()}
        steps = " UNION ALL ".join(f"SELECT {step} AS step" for step in self.steps)
        read = ", ".join(["sign", *self.columns, f"{self.took} AS took"])
        source = f"(SELECT {read} FROM ({rows}) AS every WHERE {self.counts}) AS r"  # noqa: S608 - names of our own
        if self.steps:
            source += f" CROSS JOIN ({steps}) AS s"
        group = ""
        if grouped:
            changed = " OR ".join(f"{value} <> 0" for value in values.values())
            group = f" GROUP BY {', '.join(map(str, range(1, len(keys) + 1)))} HAVING {changed}"
        added = ", ".join(f"{name} = {self.into}.{name} + excluded.{name}" for name in values)
        return (
            f"INSERT INTO {self.into} ({', '.join([*keys, *values])}) "  # noqa: S608 - names of our own
            f"SELECT {', '.join([*keys.values(), *values.values()])} FROM {source} WHERE true{group} "
            f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {added}"
        )


_TOOK = (
    f"CAST(CASE WHEN duration_ms > 0 AND duration_ms < {WIDEST} THEN duration_ms * 1000 ELSE 0 END AS bigint)"
)
_TIMED = "state IN ('completed', 'failed') AND duration_ms IS NOT NULL"
_OVER = "state NOT IN ('pending', 'sending')"
_WAITED = "(CASE WHEN finished_at > created_at THEN finished_at - created_at ELSE 0 END)"

RUNS = FigureOfRows(
    table="task_runs",
    into="run_figures",
    columns=("project", "task", "created_at", "state", "attempt", "duration_ms"),
    counts="true",
    keys={"step": "step", "project": "project", "at": "created_at / step * step", "task": "task"},
    values={
        "runs": "1",
        "completed": "CASE WHEN state = 'completed' THEN 1 ELSE 0 END",
        "failed": "CASE WHEN state IN ('failed', 'lost') THEN 1 ELSE 0 END",
        "retries": "attempt - 1",
        "timed": f"CASE WHEN {_TIMED} THEN 1 ELSE 0 END",
    },
)
DURATIONS = FigureOfRows(
    table="task_runs",
    into="run_durations",
    columns=RUNS.columns,
    counts=_TIMED,
    keys={**RUNS.keys, "bucket": bucket("took")},
    values={"n": "1"},
    took=_TOOK,
    steps=DURATION_STEPS,
)
DELIVERIES = FigureOfRows(
    table="deliveries",
    into="delivery_figures",
    columns=("project", "channel", "state", "created_at", "finished_at"),
    counts=f"{_OVER} AND finished_at IS NOT NULL",
    keys={
        "step": "step",
        "project": "project",
        "at": "finished_at / step * step",
        "channel": "channel",
        "state": "state",
        "bucket": f"CASE WHEN state = 'delivered' THEN {bucket('took')} ELSE -1 END",
    },
    took=_WAITED,
    values={"n": "1"},
)
STATES = FigureOfRows(
    table="deliveries",
    into="ledger",
    columns=("state",),
    counts=_OVER,
    keys={"name": "'deliveries:' || state"},
    values={"n": "1"},
    steps=(),
)


def _sources(figure: FigureOfRows, old: str, new: str, tail: Mapping[str, str]) -> Mapping[str, str]:
    """By event, the changed rows with their signs; `old` and `new` spell a column of theirs."""
    before = ", ".join(["-1 AS sign", *(f"{old}{name} AS {name}" for name in figure.columns)])
    after = ", ".join(["1 AS sign", *(f"{new}{name} AS {name}" for name in figure.columns)])
    before, after = f"SELECT {before}{tail['old']}", f"SELECT {after}{tail['new']}"
    return {"INSERT": after, "UPDATE": f"{before} UNION ALL {after}", "DELETE": before}


def sqlite(table: str, figures: Sequence[FigureOfRows]) -> Sequence[str]:
    """The triggers of one table on SQLite."""
    columns = sorted({name for figure in figures for name in figure.columns})
    differs = " OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in columns)
    when = {"INSERT": "", "UPDATE": f" WHEN {differs}", "DELETE": ""}
    made = []
    for event, condition in when.items():
        body = "; ".join(
            figure.statement(
                _sources(figure, "OLD.", "NEW.", {"old": "", "new": ""})[event], "''", grouped=False
            )
            for figure in figures
        )
        made.append(
            f"CREATE TRIGGER figures_of_{table}_{event.lower()} AFTER {event} ON {table}{condition} BEGIN {body}; END"
        )
    return made


def postgresql(table: str, figures: Sequence[FigureOfRows]) -> Sequence[str]:
    """The functions and triggers of one table on PostgreSQL."""
    tail = {"old": " FROM old_rows", "new": " FROM new_rows"}
    seen = {
        "INSERT": "NEW TABLE AS new_rows",
        "UPDATE": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
        "DELETE": "OLD TABLE AS old_rows",
    }
    made = []
    for event, rows in seen.items():
        name = f"figures_of_{table}_{event.lower()}"
        body = "; ".join(
            figure.statement(
                _sources(figure, "", "", tail)[event], "CAST(pg_backend_pid() AS text)", grouped=True
            )
            for figure in figures
        )
        function = f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $figures$ "
        trigger = f"CREATE TRIGGER {name} AFTER {event} ON {table} REFERENCING {rows} FOR EACH STATEMENT "
        made.append(f"{function}BEGIN {body}; RETURN NULL; END $figures$")
        made.append(f"{trigger}EXECUTE FUNCTION {name}()")
    return made


ALL: Mapping[str, Sequence[FigureOfRows]] = {
    "task_runs": (RUNS, DURATIONS),
    "deliveries": (DELIVERIES, STATES),
}


def upgrade() -> None:
    _tables()
    _indexes()
    connection = op.get_bind()
    fill(connection)
    make = sqlite if connection.dialect.name == "sqlite" else postgresql
    for table, figures in ALL.items():
        for text in make(table, figures):
            connection.exec_driver_sql(text)


def _tables() -> None:
    op.create_table(
        "event_figures",
        *_key("type"),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("n", "first_seen", "last_seen")),
        sa.PrimaryKeyConstraint("step", "project", "at", "type", "replica"),
        sqlite_with_rowid=False,
    )
    counts = ("runs", "completed", "failed", "retries", "timed")
    op.create_table(
        "run_figures",
        *_key("task"),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in counts),
        sa.PrimaryKeyConstraint("step", "project", "at", "task", "replica"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "run_durations",
        *_key("task", "bucket"),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("step", "project", "at", "task", "bucket", "replica"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "delivery_figures",
        *_key("channel", "state", "bucket"),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("step", "project", "at", "channel", "state", "bucket", "replica"),
        sqlite_with_rowid=False,
    )


def _key(*names: str) -> list[sa.Column[object]]:
    numbers = {"step", "at", "bucket"}
    return [
        sa.Column(name, sa.BigInteger() if name in numbers else sa.Text(), nullable=False)
        for name in ("step", "project", "at", *names, "replica")
    ]


def _indexes() -> None:
    lost = sa.text("changed_at IS NULL AND told_at IS NULL AND held_by IS NULL")
    op.create_index("ix_members_lost", "members", ["incident"], sqlite_where=lost, postgresql_where=lost)
    unrouted = sa.text("routed = 0 AND attention_at IS NULL")
    op.create_index(
        "ix_incidents_unrouted", "incidents", ["number"], sqlite_where=unrouted, postgresql_where=unrouted
    )
    op.create_index(
        "ix_task_runs_task", "task_runs", ["project", "task", "created_at", "id", "state", "duration_ms"]
    )
    rare = sa.text("state != 'completed'")
    op.create_index(
        "ix_task_runs_state",
        "task_runs",
        ["project", "state", "created_at", "id"],
        sqlite_where=rare,
        postgresql_where=rare,
    )


def fill(connection: sa.Connection) -> None:
    """Count what there is."""
    for table, figures in ALL.items():
        for figure in figures:
            rows = f"SELECT 1 AS sign, {', '.join(figure.columns)} FROM {table}"  # noqa: S608 - names of our own
            connection.exec_driver_sql(figure.statement(rows, "'migration'", grouped=True))
    named = {
        "sqlite": "json_extract(i.labels, '$.\"exception\"')",
        "postgresql": "CAST(i.labels AS jsonb) ->> 'exception'",
    }
    steps = " UNION ALL ".join(f"SELECT {step} AS step" for step in STEPS)
    type_ = f"COALESCE({named[connection.dialect.name]}, '')"
    connection.exec_driver_sql(
        "INSERT INTO event_figures (step, project, at, type, replica, n, first_seen, last_seen) "  # noqa: S608
        f"SELECT s.step, i.project, t.minute / s.step * s.step, {type_}, 'migration', "
        "CAST(SUM(t.n) AS bigint), MIN(i.first_seen), MAX(i.last_seen) "
        f"FROM incidents i JOIN tallies t ON t.incident = i.number CROSS JOIN ({steps}) s GROUP BY 1, 2, 3, 4"
    )
    connection.exec_driver_sql(
        "INSERT INTO ledger (replica, name, n) "
        "SELECT 'migration', 'counted', CAST(SUM(count) AS bigint) FROM incidents HAVING SUM(count) > 0"
    )
