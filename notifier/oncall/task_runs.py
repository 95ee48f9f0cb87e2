"""Queries about task runs, and the command that replays one."""

from __future__ import annotations

from notifier.domain.task_run import RunState, TaskRun
from notifier.oncall.actor import Actor
from notifier.oncall.errors import Refused, Unknown
from notifier.oncall.names import exact_id
from notifier.oncall.paging import Listing, PageRequest, listing
from notifier.policy import runs
from notifier.policy.runs import ReplayCandidate, ReplayRefusal
from notifier.store import views
from notifier.store.database import Database, Tx
from notifier.store.statements import task_runs
from notifier.store.task_run_rows import TaskRunRow
from notifier.store.views import RunSearch

__all__ = ["RunSearch", "find", "get", "replay", "request_replay"]

_SENTENCES: dict[ReplayRefusal, str] = {
    "not_failed": "only a failed or lost run is replayed",
    "replayed": "it was asked for again already, and that run has not failed",
    "not_replayable": "its task was not declared with replay=True and store_args=True",
    "touched": "scrubbing or truncation changed its arguments: run it from the application",
}


async def find(database: Database, search: RunSearch, page_request: PageRequest) -> Listing[TaskRun]:
    """Task runs of a project, newest first."""
    after = page_request.after("task-runs")
    page = await database.read(lambda tx: views.find_runs(tx, search, after=after, limit=page_request.limit))
    return listing("task-runs", page)


async def get(database: Database, id_: str, *, project_scope: str | None) -> TaskRun:
    """The run with this id. Raises `Unknown`."""
    return await database.read(lambda tx: _known(tx, id_, project_scope))


async def replay(database: Database, id_: str, actor: Actor) -> TaskRun:
    """Replays a failed or lost run. Returns the new run. Raises `Refused` with the old one's state."""

    def work(tx: Tx) -> TaskRun:
        run = _known(tx, id_, actor.project_scope)
        new_id = request_replay(tx, run.id, actor)
        assert new_id is not None
        return _known(tx, new_id, run.project)

    return await database.write(work)


def request_replay(tx: Tx, id_: str, actor: Actor) -> str | None:
    """Requests a replay. Returns the new run's id, None if there is no run with this id.

    Raises `Refused` if the run cannot be replayed. If runs of several projects have the id, the caller's is used.
    """
    run = task_runs.find_one(tx, id_, project=actor.project_scope)
    if run is None:
        return None
    refusal = runs.replay_refusal(
        ReplayCandidate(
            state=run.state,
            replayable=run.replayable,
            has_arguments=run.arguments is not None,
            newest_replay=task_runs.newest_replay(tx, run),
        )
    )
    if refusal is not None:
        raise Refused(_sentence(refusal, run.state), state=run.state.value)
    new = runs.replay(run, id_=actor.new_id(), now=tx.now)
    task_runs.write(tx, [TaskRunRow(run=new, dead_letter=None, asked_at=tx.now)])
    task_runs.mark_replayed(tx, run)
    actor.record(tx, "replay", id_, new.id)
    return new.id


def _sentence(refusal: ReplayRefusal, state: RunState) -> str:
    sentence = _SENTENCES[refusal]
    return f"{sentence}, and this one is {state.value}" if refusal == "not_failed" else sentence


def _known(tx: Tx, id_: str, project_scope: str | None) -> TaskRun:
    run = views.task_run(tx, exact_id(tx, "task run", id_, project_scope), project=project_scope)
    if run is None:
        raise Unknown("task run")
    return run
