"""`/tasks`: statistics of each task, its runs, and running a failed one again."""

from __future__ import annotations

from notifier.domain.task_run import RunState
from notifier.oncall import task_runs, tasks
from notifier.oncall.audit_trail import audit_entries
from notifier.oncall.errors import Unknown
from notifier.web import parameters
from notifier.web.views.runs import TasksView, run_page, runs_view, task_line
from notifier.web.visit import Redirect, Shown, Visit

SINCE = "24h"
ERRORS_SHOWN = 20


async def list_tasks(request: Visit) -> Shown:
    """The tasks that ran in a span of time, busiest first."""
    since = parameters.one_of(request.query, "since", tasks.SPANS, SINCE)
    summaries = await tasks.read(request.service.database, project=request.project, since=since)
    view = TasksView(
        now=request.now, since=since, spans=tuple(tasks.SPANS), tasks=tuple(map(task_line, summaries))
    )
    return Shown(template="tasks", view=view)


async def list_runs(request: Visit) -> Shown:
    """The runs of one task, newest first, with its figures."""
    task = parameters.named(request.query, "task")
    if task is None:
        raise Unknown("task")
    since = parameters.one_of(request.query, "since", tasks.SPANS, SINCE)
    state = parameters.choice(request.query, "state", RunState)
    database, project = request.service.database, request.project
    summaries = await tasks.read(database, project=project, since=since, task=task)
    figures = [task_line(each, errors=ERRORS_SHOWN) for each in summaries]
    listing = await task_runs.find(
        database,
        task_runs.RunSearch(project=project, task=task, state=state),
        parameters.page_of(request.query),
    )
    view = runs_view(
        listing,
        now=request.now,
        task=task,
        since=since,
        state="" if state is None else state.value,
        figures=figures[0] if figures else None,
    )
    return Shown(template="runs", view=view)


async def show_run(request: Visit) -> Shown:
    """One run. Its id is chosen by the sender and may contain any text, so it is in the query."""
    run = await task_runs.get(
        request.service.database,
        parameters.named(request.query, "id") or "",
        project_scope=request.project_scope,
    )
    entries = await audit_entries(request.service.database, [run.id], project=run.project)
    return Shown(template="run", view=run_page(run, now=request.now, entries=entries))


async def replay_run(request: Visit) -> Redirect:
    """Run a failed or lost run again, and redirect to the new run."""
    run = await task_runs.replay(
        request.service.database, parameters.named(request.form, "id") or "", request.actor()
    )
    return Redirect(path="/tasks/run", query={"id": run.id}, notice="replay")
