"""`/stats`: the numbers of events, errors, task runs and deliveries."""

from __future__ import annotations

from notifier.oncall import stats
from notifier.web import parameters
from notifier.web.views.stats import SPANS, stats_view
from notifier.web.visit import Shown, Visit

SINCE = "24h"


async def show_stats(request: Visit) -> Shown:
    """The figures of the project over a span of time."""
    since = parameters.one_of(request.query, "since", SPANS, SINCE)
    figures = await stats.read(request.service.database, project=request.project, since=since, step=None)
    return Shown(template="stats", view=stats_view(figures, now=request.now, since=since))
