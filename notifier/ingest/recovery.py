"""Recovery: marks failed runs that a later run made good, and resolves incidents whose runs all recovered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from notifier.domain.task_run import RunState, TaskRun
from notifier.policy import runs
from notifier.store.database import Tx
from notifier.store.statements import recovery as statements
from notifier.store.statements.task_runs import lock
from notifier.store.task_run_rows import RunName


def lock_runs(tx: Tx, names: Iterable[RunName]) -> None:
    """Locks runs whose events are about to be counted, so that nothing concludes meanwhile that they ended well."""
    lock(tx, names, shared=True)


def count_events(tx: Tx, counts: Mapping[tuple[str, str, int], int]) -> None:
    """Counts runs' events by (project, run, incident's number).

    If the runs ended well before, their incidents may be resolved.
    """
    statements.add_events(tx, counts)
    _resolve(tx, statements.succeeded_runs(tx, {(project, run) for project, run, _ in counts}))


def settle(tx: Tx, ended: Sequence[TaskRun]) -> None:
    """Updates recovery after runs have ended: runs made good, and incidents resolved by it.

    `ended` are runs that became final, or whose final state changed. Their order does not matter.
    """
    completed = [run for run in ended if run.state is RunState.COMPLETED]
    others = [run for run in ended if run.state is not RunState.COMPLETED]
    succeeded = {(run.project, run.id) for run in completed}
    parents = {(run.project, run.replay_of) for run in completed if run.replay_of is not None}
    recovered_runs = statements.recover_named(tx, [(run.project, run.id) for run in others])
    recovered_runs += statements.recover_keyed(
        tx,
        [
            (run.project, run.task, run.service, run.key, run.finished_at)
            for run in completed
            if run.key is not None
        ],
    )
    while True:
        succeeded |= {run.name for run in recovered_runs}
        parents |= {run.replay_of for run in recovered_runs if run.replay_of is not None}
        if not parents:
            break
        # Each turn recovers runs that were not recovered, so the loop ends even if replays form a cycle.
        recovered_runs, parents = statements.recover_replayed(tx, sorted(parents)), set()
    failing = {(run.project, run.id) for run in others} - succeeded
    if failing:
        # A recovered run may have continued and failed again.
        statements.mark_failed_runs(tx, failing)
    _resolve(tx, succeeded)


def _resolve(tx: Tx, succeeded: set[RunName]) -> None:
    if not succeeded:
        return
    incidents = statements.mark_succeeded(tx, succeeded)
    recovered = [
        incident.number
        for incident in incidents
        if _recovery(tx, incident.number, incident.events) == "recovered"
    ]
    if recovered:
        statements.resolve(tx, recovered)
        tx.signal("attention")


def _recovery(tx: Tx, number: int, count: int) -> runs.Recovery:
    # The cheaper query first: failing runs have an index.
    failing = statements.has_failing(tx, number)
    of_runs = count if failing else statements.events_of_runs(tx, number)
    return runs.recovery(count=count, of_runs=of_runs, failing=failing)
