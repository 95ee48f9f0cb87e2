"""Inhibition: which incidents that are not resolved hold others of their project.

`inhibitors` has a row for every rule whose `source` an incident meets, so that a flush finds a source by one lookup,
whatever the number of open incidents. A row is a hint: the source is judged by its labels as they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from notifier.domain.incident import State
from notifier.domain.matcher import meet
from notifier.domain.notification import HeldBy
from notifier.domain.route import Inhibition
from notifier.policy.muting import Mute, equal_key, inhibits
from notifier.store.compiled import execute, upsert
from notifier.store.database import Dialect, Tx
from notifier.store.json_rows import encode_rows, encode_values, in_json, rows_from_json
from notifier.store.schema import OPEN, Big, incidents, inhibitors
from notifier.store.silences import release

CANDIDATES = 20
"""How many sources of one rule and one set of equal labels are judged; with more that meet it no longer, it is told."""
INCIDENTS_AT_ONCE = 2_000


def update_inhibitors(tx: Tx, rules: Sequence[Inhibition], rows: Sequence[Any]) -> None:
    """Keep `inhibitors` as these incidents are now; what a source has held is looked at again once it is resolved."""
    if not rules:
        return
    over = [row for row in rows if row.state == State.RESOLVED.value]
    if over:
        numbers = encode_values(row.number for row in over)
        known = set(execute(tx, _known, {"incidents": numbers}).scalars())
        execute(tx, _forget, {"incidents": numbers})
        for row in over:
            if row.number in known:
                release(tx, row.id)
    _add(tx, rules, [row for row in rows if row.state != State.RESOLVED.value])


def backfill(tx: Tx, rules: Sequence[Inhibition], after: int) -> int | None:
    """Look at the next incidents that are not resolved, for rules that are new; where to go on, None at the end."""
    rows = execute(tx, _open, {"after": after, "most": INCIDENTS_AT_ONCE}).all()
    _add(tx, rules, rows)
    return rows[-1].number if len(rows) == INCIDENTS_AT_ONCE else None


class Sources:
    """Answers what inhibits a member of a group, one lookup for all that share a rule and its equal labels."""

    def __init__(self, tx: Tx, rules: Sequence[Inhibition]) -> None:
        self._tx = tx
        self._rules = rules
        self._found: dict[tuple[str, str, str], Sequence[tuple[int, str, Mapping[str, str]]]] = {}

    def mute(self, project: str, number: int, labels: Mapping[str, str]) -> Mute | None:
        """What holds this incident, if anything does; nobody knows until when."""
        for rule in self._rules:
            if not meet(rule.target, labels):
                continue
            for source, id_, source_labels in self._of(project, rule, equal_key(rule, labels)):
                if source != number and inhibits(rule, source_labels, labels):
                    return Mute(held_by=HeldBy.INHIBITED, until=None, ref=id_)
        return None

    def _of(self, project: str, rule: Inhibition, equal: str) -> Sequence[tuple[int, str, Mapping[str, str]]]:
        key = (project, rule.key, equal)
        if key not in self._found:
            wanted = {"project": project, "rule": rule.key, "equal": equal, "most": CANDIDATES}
            rows = execute(self._tx, _candidates, wanted)
            self._found[key] = [(row.number, row.id, json.loads(row.labels)) for row in rows]
        return self._found[key]


def _add(tx: Tx, rules: Sequence[Inhibition], rows: Sequence[Any]) -> None:
    found = []
    for row in rows:
        labels = json.loads(row.labels)
        found += [
            (row.project, rule.key, equal_key(rule, labels), row.number)
            for rule in rules
            if meet(rule.source, labels)
        ]
    if found:
        execute(tx, _insert, {"rows": encode_rows(sorted(found))})


def _known(dialect: Dialect) -> sa.ClauseElement:
    return sa.select(inhibitors.c.incident).where(
        inhibitors.c.incident.in_(in_json(dialect, "incidents", Big))
    )


def _forget(dialect: Dialect) -> sa.ClauseElement:
    return sa.delete(inhibitors).where(inhibitors.c.incident.in_(in_json(dialect, "incidents", Big)))


def _open(_dialect: Dialect) -> sa.ClauseElement:
    return (
        sa.select(incidents.c.number, incidents.c.project, incidents.c.labels)
        .where(
            incidents.c.closed == sa.literal_column("0"),
            incidents.c.number > sa.bindparam("after", type_=Big),
        )
        .order_by(incidents.c.number)
        .limit(sa.bindparam("most", type_=sa.Integer()))
    )


def _candidates(_dialect: Dialect) -> sa.ClauseElement:
    keys = [
        inhibitors.c[name] == sa.bindparam(name, type_=sa.Text()) for name in ("project", "rule", "equal")
    ]
    return (
        sa.select(incidents.c.number, incidents.c.id, incidents.c.labels)
        .join(inhibitors, inhibitors.c.incident == incidents.c.number)
        .where(*keys, incidents.c.closed == OPEN)
        .order_by(inhibitors.c.incident.desc())
        .limit(sa.bindparam("most", type_=sa.Integer()))
    )


def _insert(dialect: Dialect) -> sa.ClauseElement:
    names = ["project", "rule", "equal", "incident"]
    rows = rows_from_json(dialect, "rows", [(name, inhibitors.c[name].type) for name in names])
    adding = upsert(dialect, inhibitors).from_select(names, sa.select(*rows.c).where(sa.true()))
    return adding.on_conflict_do_nothing()
