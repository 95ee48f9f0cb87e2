"""Permanent counters, and the three equations that must balance (RULES.md#accounting).

`running` reads counters only and is cheap; `accounting` counts all rows, to verify the counters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from notifier.domain.time import Instant
from notifier.store.compiled import each, upsert
from notifier.store.database import Dialect, Tx
from notifier.store.json_rows import rows_from_json
from notifier.store.schema import Big, deliveries, groups, incidents, members
from notifier.store.schema import ledger as table

CounterName = Literal[
    "accepted",
    "counted",
    "duplicates",
    "refreshed",
    "pruned_events",
    "pruned_deliveries",
    "created_deliveries",
    "shed_samples",
    "shed_deliveries",
    "shed_task_runs",
    "probes",
]


def add(tx: Tx, counts: Mapping[CounterName, int]) -> None:
    """Add to this replica's counters."""
    each(tx, _upsert, [(tx.replica, name, n) for name, n in counts.items() if n])


def _upsert(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "rows", [(column.name, column.type) for column in table.c])
    summed = sa.select(rows.c.replica, rows.c.name, sa.cast(sa.func.sum(rows.c.n), Big)).where(sa.true())
    adding = upsert(dialect, table).from_select(
        [column.name for column in table.c], summed.group_by(rows.c.replica, rows.c.name)
    )
    return adding.on_conflict_do_update(
        index_elements=["replica", "name"], set_={"n": table.c.n + adding.excluded.n}
    )


def accepted(tx: Tx) -> int:
    """The number of events accepted by all replicas."""
    total = sa.select(sa.func.sum(table.c.n)).where(table.c.name == "accepted")
    return int(tx.run(total).scalar() or 0)


COUNTED_AT_ONCE = 20_000
"""Up to this many incidents and deliveries, the exact figures are counted at each request."""

_STATE = "deliveries:"
"""The prefix of counters of finished deliveries by state, which triggers maintain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounting:
    """The terms of the three equations.

    The equations are `accepted == counted + pruned_events`, `untold == 0` and `created == rows + pruned`. `refreshed`
    counts repeated alerts, which are no further events, and is in none of them.
    """

    accepted: int
    counted: int
    pruned_events: int
    duplicates: int
    untold: int
    unrouted: int
    created: int
    by_state: Mapping[str, int]
    pruned_deliveries: int
    shed_samples: int
    shed_deliveries: int
    shed_task_runs: int
    refreshed: int = 0

    @property
    def balanced(self) -> bool:
        return (
            self.accepted == self.counted + self.pruned_events
            and self.untold == 0
            and self.created == sum(self.by_state.values()) + self.pruned_deliveries
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A term whose running figure differs from its exact count."""

    term: str
    running: int
    exact: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BooksCheck:
    """The result of comparing the running figures with exact counts. Nothing is corrected."""

    at: Instant
    exact: Accounting
    differences: tuple[Difference, ...]

    @property
    def sound(self) -> bool:
        return self.exact.balanced and not self.differences


def compared(running_: Accounting, exact: Accounting) -> tuple[Difference, ...]:
    """The terms in which the two differ."""
    states = sorted({*running_.by_state, *exact.by_state})
    pairs = {
        "counted": (running_.counted, exact.counted),
        "untold": (running_.untold, exact.untold),
        **{state: (running_.by_state.get(state, 0), exact.by_state.get(state, 0)) for state in states},
    }
    return tuple(Difference(term=term, running=a, exact=b) for term, (a, b) in pairs.items() if a != b)


def is_small(tx: Tx, books: Accounting) -> bool:
    """Whether so little is stored that counting everything is cheap."""
    newest = tx.run(sa.select(sa.func.max(incidents.c.number))).scalar() or 0
    return int(newest) + sum(books.by_state.values()) <= COUNTED_AT_ONCE


def check(tx: Tx) -> BooksCheck:
    """Count everything and compare; requires a transaction with `snapshot`."""
    exact = accounting(tx)
    return BooksCheck(at=tx.now, exact=exact, differences=compared(running(tx), exact))


def running(tx: Tx) -> Accounting:
    """The terms from the running figures. Only pending work is counted individually."""
    totals = _totals(tx)
    return _accounting(
        totals, counted=totals.get("counted", 0), untold=_untold(tx), by_state=running_by_state(tx, totals)
    )


def running_by_state(tx: Tx, totals: Mapping[str, int] | None = None) -> dict[str, int]:
    """The number of deliveries by state; only live ones are counted individually."""
    totals = _totals(tx) if totals is None else totals
    live = (
        sa.select(deliveries.c.state, sa.func.count().label("n"))
        .where(deliveries.c.state.in_(["pending", "sending"]))
        .group_by(deliveries.c.state)
    )
    over = {name.removeprefix(_STATE): n for name, n in totals.items() if name.startswith(_STATE) and n}
    return {**over, **{row.state: int(row.n) for row in tx.run(live)}}


def by_state(tx: Tx) -> dict[str, int]:
    """The number of deliveries by state, counted individually."""
    counts = sa.select(deliveries.c.state, sa.func.count().label("n")).group_by(deliveries.c.state)
    return {row.state: int(row.n) for row in tx.run(counts)}


def accounting(tx: Tx) -> Accounting:
    """The exact terms, with all incidents and deliveries counted in one transaction."""
    counted = tx.run(sa.select(sa.func.coalesce(sa.func.sum(incidents.c.count), 0))).scalar_one()
    return _accounting(_totals(tx), counted=int(counted), untold=_untold(tx), by_state=by_state(tx))


def _accounting(
    totals: Mapping[str, int], *, counted: int, untold: tuple[int, int], by_state: Mapping[str, int]
) -> Accounting:
    return Accounting(
        accepted=totals.get("accepted", 0),
        counted=counted,
        pruned_events=totals.get("pruned_events", 0),
        duplicates=totals.get("duplicates", 0),
        untold=sum(untold),
        unrouted=untold[1],
        created=totals.get("created_deliveries", 0),
        by_state=by_state,
        pruned_deliveries=totals.get("pruned_deliveries", 0),
        shed_samples=totals.get("shed_samples", 0),
        shed_deliveries=totals.get("shed_deliveries", 0),
        shed_task_runs=totals.get("shed_task_runs", 0),
        refreshed=totals.get("refreshed", 0),
    )


def _totals(tx: Tx) -> dict[str, int]:
    query = sa.select(table.c.name, sa.func.sum(table.c.n).label("n")).group_by(table.c.name)
    return {row.name: int(row.n) for row in tx.run(query)}


def _untold(tx: Tx) -> tuple[int, int]:
    """The numbers of members and incidents that no step will ever look at again; both must be zero.

    Such a member is not notified, not held by a named reason, and not in a group that is due. The indexes used
    contain only such rows, and members whose group is about to decide.
    """
    undue = (
        sa.select(sa.func.count())
        .select_from(members.join(groups, groups.c.id == members.c.group_id))
        .where(members.c.changed_at.is_not(None), groups.c.due_at.is_(None))
    )
    lost = sa.select(sa.func.count()).where(
        members.c.changed_at.is_(None), members.c.told_at.is_(None), members.c.held_by.is_(None)
    )
    unrouted = sa.select(sa.func.count()).where(
        incidents.c.routed == sa.literal_column("0"), incidents.c.attention_at.is_(None)
    )
    return tx.run(undue).scalar_one() + tx.run(lost).scalar_one(), tx.run(unrouted).scalar_one()
