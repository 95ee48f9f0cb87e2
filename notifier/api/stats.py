"""`/v1/stats`: statistics of tasks, errors and deliveries."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from notifier.api.dependencies import OfProject, ReadCaller, Running
from notifier.api.models.responses_stats import StatsAnswer
from notifier.api.openapi import problems
from notifier.oncall import stats

router = APIRouter(tags=["stats"])

Since = Annotated[
    str,
    Query(
        max_length=64,
        description="A duration (`90m`, `24h`, `7d`) or an RFC 3339 instant, within the last 365 days.",
    ),
]
Step = Annotated[
    stats.StatsStep | None,
    Query(description="Step of the series; by default hours up to 48 h, else days. At most 1,000 entries."),
]


@router.get("/v1/stats", responses=problems(401, 403, 422, 503))
async def show_stats(
    request: Request,
    caller: ReadCaller,
    service: Running,
    since: Since = stats.SINCE_DEFAULT,
    step: Step = None,
    project: OfProject = None,
) -> StatsAnswer:
    """Statistics of tasks, errors and deliveries: totals, and a series."""
    project = caller.project_named(project)
    # One at a time: over millions of rows it takes seconds, memory and a reader of the database.
    async with request.app.state.stats:
        figures = await stats.read(service.database, project=project, since=since, step=step)
    return StatsAnswer.model_validate(figures)
