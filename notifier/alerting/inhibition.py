"""Inhibition: incidents that are not resolved hold others of their project.

The table `inhibitors` has a row for every rule whose `source` an incident meets, so that a flush finds a source by one
lookup, whatever the number of open incidents. A row is a hint: the source is judged by its labels as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from notifier.domain.matcher import meet
from notifier.domain.notification import HeldBy
from notifier.domain.route import Inhibition
from notifier.domain.state import State
from notifier.policy.muting import Mute, equal_key, inhibits
from notifier.store.compiled import execute
from notifier.store.database import Tx
from notifier.store.json_rows import encode_rows, encode_values, json_value
from notifier.store.silences import release
from notifier.store.statements.incidents import IncidentRow
from notifier.store.statements.inhibitors import (
    LabelledIncident,
    delete_inhibitors,
    insert_inhibitors,
    known_inhibitors,
    open_incidents,
    sources,
)

CANDIDATES = 20
"""How many sources of one rule and one set of equal labels are judged. Where none of so many meets the rule any longer,
the member is told."""
INCIDENTS_AT_ONCE = 2_000


def update_inhibitors(tx: Tx, rules: Sequence[Inhibition], incidents: Sequence[IncidentRow]) -> None:
    """Keep `inhibitors` as these incidents are now. Members that a resolved source held are looked at again."""
    if not rules:
        return
    resolved = [incident for incident in incidents if incident.state == State.RESOLVED.value]
    if resolved:
        numbers = encode_values(incident.number for incident in resolved)
        inhibiting = set(execute(tx, known_inhibitors, {"incidents": numbers}).scalars())
        execute(tx, delete_inhibitors, {"incidents": numbers})
        for incident in resolved:
            if incident.number in inhibiting:
                release(tx, incident.id)
    _add(tx, rules, (incident for incident in incidents if incident.state != State.RESOLVED.value))


def backfill(tx: Tx, rules: Sequence[Inhibition], after: int) -> int | None:
    """Apply new rules to the next unresolved incidents, with numbers over `after`; the last number, None at the end."""
    incidents = open_incidents(tx, after=after, most=INCIDENTS_AT_ONCE)
    _add(tx, rules, incidents)
    return incidents[-1].number if len(incidents) == INCIDENTS_AT_ONCE else None


class Sources:
    """Finds what inhibits a member: one lookup for all members that share a rule and its equal labels."""

    def __init__(self, tx: Tx, rules: Sequence[Inhibition]) -> None:
        self._tx = tx
        self._rules = rules
        self._found: dict[tuple[str, str, str], Sequence[LabelledIncident]] = {}

    def mute(self, project: str, number: int, labels: Mapping[str, str]) -> Mute | None:
        """The mute of an incident that another inhibits, without an end, for none is known; None: nothing inhibits."""
        for rule in self._rules:
            if not meet(rule.target, labels):
                continue
            for source in self._sources(project, rule, equal_key(rule, labels)):
                if source.number != number and inhibits(rule, json_value(source.labels), labels):
                    return Mute(held_by=HeldBy.INHIBITED, until=None, ref=source.id)
        return None

    def _sources(self, project: str, rule: Inhibition, equal: str) -> Sequence[LabelledIncident]:
        key = (project, rule.key, equal)
        if key not in self._found:
            self._found[key] = sources(self._tx, project=project, rule=rule.key, equal=equal, most=CANDIDATES)
        return self._found[key]


class _Labelled(Protocol):
    @property
    def number(self) -> int: ...
    @property
    def project(self) -> str: ...
    @property
    def labels(self) -> str: ...


def _add(tx: Tx, rules: Sequence[Inhibition], incidents: Iterable[_Labelled]) -> None:
    rows = []
    for incident in incidents:
        labels = json_value(incident.labels)
        rows += [
            (incident.project, rule.key, equal_key(rule, labels), incident.number)
            for rule in rules
            if meet(rule.source, labels)
        ]
    if rows:
        execute(tx, insert_inhibitors, {"rows": encode_rows(sorted(rows))})
