"""Heartbeats of applications' processes, and the replays that the response asks a process to run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from notifier.domain.task_run import TaskRun
from notifier.domain.time import SECOND, Duration
from notifier.store.database import Tx
from notifier.store.json_rows import json_text
from notifier.store.statements import processes, task_runs

INTERVAL: Duration = 10 * SECOND
"""The time between two heartbeats."""
SILENCE: Duration = 3 * INTERVAL
"""The silence after which a process counts as dead, and after which no late report of an ended process is expected."""
MAX_REPLAYS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessHeartbeat:
    """One heartbeat. `running` are ids of runs; `tasks` are names of tasks that the process can replay.

    `reports` counts the client's reports by outcome. `ended` is set by the last heartbeat, sent at exit.
    """

    project: str
    process: str
    service: str
    running: Sequence[str]
    tasks: Sequence[str]
    reports: Mapping[str, Any] | None
    ended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A run that a process is asked to execute. `id` is that of the new run."""

    id: str
    replay_of: str | None
    task: str
    key: str | None
    arguments: Mapping[str, Any]


def record(tx: Tx, beat: ProcessHeartbeat) -> tuple[Replay, ...]:
    """Stores a heartbeat. Returns the runs that the process is asked to execute."""
    processes.write(
        tx,
        {
            "project": beat.project,
            "id": beat.process,
            "service": beat.service,
            "seen_at": tx.now,
            "ended_at": tx.now if beat.ended else None,
            "running": json_text(list(beat.running)),
            "tasks": json_text(list(beat.tasks)),
            "reports": None if beat.reports is None else json_text(beat.reports),
        },
    )
    if beat.running:
        # Includes runs that were declared lost: the client knows better.
        task_runs.confirm_running(tx, project=beat.project, ids=beat.running, process=beat.process)
    return () if beat.ended or not beat.tasks else _assign_replays(tx, beat)


def _assign_replays(tx: Tx, beat: ProcessHeartbeat) -> tuple[Replay, ...]:
    """The replays that this process can run, returned again until it reports them.

    A replay assigned to another process is not reassigned until that process has ended.
    """
    waiting = task_runs.waiting_replays(
        tx,
        project=beat.project,
        service=beat.service,
        process=beat.process,
        tasks=beat.tasks,
        most=MAX_REPLAYS,
    )
    new = [run.id for run in waiting if run.process != beat.process]
    if new:
        task_runs.assign(tx, project=beat.project, ids=new, process=beat.process)
    return tuple(map(_replay, waiting))


def _replay(run: TaskRun) -> Replay:
    return Replay(
        id=run.id,
        replay_of=run.replay_of,
        task=run.task,
        key=run.key,
        arguments=run.arguments or {"args": [], "kwargs": {}},
    )
