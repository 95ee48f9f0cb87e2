"""Inhibition: unresolved incidents hold others of their project.

The table `inhibitors` has a row for each rule and each incident that matches the rule's `source`, so that a
flush finds the sources of a member with one lookup. A row is a hint only: the current labels of the source
decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from notifier.domain.matcher import match_all
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
"""How many sources with equal labels are tried for one rule. If none of them matches any longer, the member
is not inhibited."""
INCIDENTS_AT_ONCE = 2_000


def update_inhibitors(tx: Tx, rules: Sequence[Inhibition], incidents: Sequence[IncidentRow]) -> None:
    """Update the rows of these incidents. Members that a resolved source held are decided again."""
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
    """Add rows for the next unresolved incidents, numbered above `after`.

    Returns the last number, None at the end.
    """
    incidents = open_incidents(tx, after=after, most=INCIDENTS_AT_ONCE)
    _add(tx, rules, incidents)
    return incidents[-1].number if len(incidents) == INCIDENTS_AT_ONCE else None


class Sources:
    """Finds the source that inhibits a member.

    Members that share a rule and its equal labels share one lookup.
    """

    def __init__(self, tx: Tx, rules: Sequence[Inhibition]) -> None:
        self._tx = tx
        self._rules = rules
        self._found: dict[tuple[str, str, str], Sequence[LabelledIncident]] = {}

    def mute(self, project: str, number: int, labels: Mapping[str, str]) -> Mute | None:
        """The mute by an inhibiting incident, without a known end; None if nothing inhibits."""
        for rule in self._rules:
            if not match_all(rule.target, labels):
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
            if match_all(rule.source, labels)
        ]
    if rows:
        execute(tx, insert_inhibitors, {"rows": encode_rows(sorted(rows))})
