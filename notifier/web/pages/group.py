"""`/groups/{id}`: a group in a storm, and bulk acts on its incidents."""

from __future__ import annotations

from notifier.oncall import bulk
from notifier.oncall.bulk import AcknowledgeAction
from notifier.oncall.errors import Unreadable
from notifier.oncall.group_details import act_on_all, group_details
from notifier.web.views.act_end import end_of
from notifier.web.views.group import group_view
from notifier.web.visit import Redirect, Shown, Visit


async def show_group(request: Visit) -> Shown:
    """The group, with its incidents by count and its notifications."""
    service = request.service
    found = await group_details(
        service.database, service.rules, request.path["id"], project_scope=request.project_scope
    )
    return Shown(template="group", view=group_view(found))


async def acknowledge_group(request: Visit) -> Redirect:
    """Acknowledge the chosen incidents, or all unresolved ones."""
    act = AcknowledgeAction(until=end_of(request.form, request.now))
    database, actor, id_ = request.service.database, request.actor(), request.path["id"]
    if request.form.get("chosen"):
        names = request.form.all("incident")
        if not 1 <= len(names) <= bulk.MAX_INCIDENTS:
            raise Unreadable("incident", f"choose 1 to {bulk.MAX_INCIDENTS:,} incidents")
        outcome = await bulk.act_on_named(database, actor, act, names)
    else:
        outcome = await act_on_all(database, actor, act, id_)
    return Redirect(
        path=f"/groups/{id_}",
        query={},
        notice="bulk_acknowledge",
        counts=(outcome.done, len(outcome.skipped)),
    )
