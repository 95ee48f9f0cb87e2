"""Triggers that maintain the running figures of runs and deliveries on any change of their rows.

On SQLite a trigger runs for each row. On PostgreSQL it runs once per statement with all changed rows, and adds to
rows of its own connection, so that transactions do not wait for each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import sqlalchemy as sa

from notifier.domain.time import DAY, HOUR, MINUTE
from notifier.store.schema.events import incidents
from notifier.store.schema.outbox import deliveries
from notifier.store.schema.search import CLOSED
from notifier.store.schema.task_runs import task_runs

STEPS = (MINUTE, HOUR, DAY)
DURATION_STEPS = (15 * MINUTE, 4 * HOUR, DAY)
WIDEST = 10**15
_NARROW = 17


def widths() -> Sequence[int]:
    """The widths of buckets: 1, 2, 5, 10 ... A width w applies from 17 w on, so that the middle is within 3 %."""
    return [digit * 10**power for power in range(14) for digit in (1, 2, 5)]


def bucket(value: str) -> str:
    """SQL for the smallest number in the bucket of `value`, a non-negative integer."""
    each = widths()
    cases = [
        f"WHEN {value} < {_NARROW * wider} THEN {value} / {width} * {width}"
        for width, wider in pairwise(each)
    ]
    return f"CASE {' '.join(cases)} ELSE {_NARROW * each[-1]} END"


def middle(least: int) -> float:
    """The middle of the bucket that begins at `least`."""
    width = max((width for width in widths() if _NARROW * width <= least), default=1)
    return least + (width - 1) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure: sums `values` by `keys` over changed rows that meet `counts`.

    `took` is the SQL of a duration, an integer that keys and values may refer to.
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

RUNS = Figure(
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
DURATIONS = Figure(
    table="task_runs",
    into="run_durations",
    columns=RUNS.columns,
    counts=_TIMED,
    keys={**RUNS.keys, "bucket": bucket("took")},
    values={"n": "1"},
    took=_TOOK,
    steps=DURATION_STEPS,
)
DELIVERIES = Figure(
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
STATES = Figure(
    table="deliveries",
    into="ledger",
    columns=("state",),
    counts=_OVER,
    keys={"name": "'deliveries:' || state"},
    values={"n": "1"},
    steps=(),
)


def _sources(figure: Figure, old: str, new: str, tail: Mapping[str, str]) -> Mapping[str, str]:
    """The changed rows with their signs, by event; `old` and `new` format the name of a column."""
    before = ", ".join(["-1 AS sign", *(f"{old}{name} AS {name}" for name in figure.columns)])
    after = ", ".join(["1 AS sign", *(f"{new}{name} AS {name}" for name in figure.columns)])
    before, after = f"SELECT {before}{tail['old']}", f"SELECT {after}{tail['new']}"
    return {"INSERT": after, "UPDATE": f"{before} UNION ALL {after}", "DELETE": before}


def sqlite(table: str, figures: Sequence[Figure]) -> Sequence[str]:
    """The triggers of a table on SQLite."""
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


def postgresql(table: str, figures: Sequence[Figure]) -> Sequence[str]:
    """The functions and triggers of a table on PostgreSQL."""
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


ALL: Mapping[str, Sequence[Figure]] = {"task_runs": (RUNS, DURATIONS), "deliveries": (DELIVERIES, STATES)}


_TABLES = {"task_runs": task_runs, "deliveries": deliveries}


_CLOSED = " ".join(f"WHEN '{state}' THEN {closed}" for state, closed in CLOSED.items())
_FOLLOW = {
    "UPDATE OF state": (
        "OLD.state <> NEW.state",
        f"UPDATE incident_order SET closed = CASE NEW.state {_CLOSED} END WHERE number = NEW.number",  # noqa: S608 - names of our own
    ),
    "DELETE": ("true", "DELETE FROM incident_order WHERE number = OLD.number"),
}


def order(dialect: str) -> Sequence[str]:
    """The triggers with which `incident_order` follows states and deletions of incidents."""
    made = []
    for event, (condition, body) in _FOLLOW.items():
        name = f"order_of_incidents_{event[:6].lower()}"
        trigger = f"CREATE TRIGGER {name} AFTER {event} ON incidents FOR EACH ROW WHEN ({condition})"
        if dialect == "sqlite":
            made.append(f"{trigger} BEGIN {body}; END")
            continue
        function = f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $order$ "
        made.append(f"{function}BEGIN {body}; RETURN NULL; END $order$")
        made.append(f"{trigger} EXECUTE FUNCTION {name}()")
    return made


def declare_triggers() -> None:
    """Register the triggers to be created together with their tables."""
    for dialect in ("sqlite", "postgresql"):
        for text in order(dialect):
            sa.event.listen(incidents, "after_create", sa.DDL(text).execute_if(dialect=dialect))  # type: ignore[no-untyped-call]
    for table, figures in ALL.items():
        for dialect, made in (
            ("sqlite", sqlite(table, figures)),
            ("postgresql", postgresql(table, figures)),
        ):
            for text in made:
                sa.event.listen(_TABLES[table], "after_create", sa.DDL(text).execute_if(dialect=dialect))  # type: ignore[no-untyped-call]
