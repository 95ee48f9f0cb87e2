"""Which incidents count a run's events: written with the events, whichever of run and event comes first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from notifier.store.compiled import execute
from notifier.store.database import Tx
from notifier.store.json_rows import encode_rows
from notifier.store.task_runs.recovery import after_events
from notifier.store.task_runs.rows import Name, hold
from notifier.store.task_runs.statements import link


def expect(tx: Tx, names: Iterable[Name]) -> None:
    """Events of these runs are going to be counted: until then nobody decides that they have ended well."""
    hold(tx, names, shared=True)


def count(tx: Tx, counted: Mapping[tuple[str, str, int], int]) -> None:
    """Add to the number of a run's events that an incident counts: by project, run and the incident's number."""
    execute(tx, link, {"links": encode_rows((*key, n) for key, n in sorted(counted.items()))})
    after_events(tx, {(project, run) for project, run, _ in counted})
