"""`/monitors`: the monitors, and the removal of one."""

from __future__ import annotations

from notifier.oncall import monitors
from notifier.web import parameters
from notifier.web.views.confirmation import ConfirmationView
from notifier.web.views.monitors import monitors_view
from notifier.web.visit import Redirect, Shown, Visit, base_path
from notifier.wording.text import inline

PATH = "/monitors"


async def list_monitors(request: Visit) -> Shown:
    """The monitors of the project, those in trouble first."""
    service = request.service
    asked = parameters.page_of(request.query)
    found = await monitors.find(service.database, project=request.project, page_request=asked)
    view = monitors_view(
        found,
        service.settings.monitors,
        url=f"{request.origin}{base_path(service)}",
        now=request.now,
        cursor=asked.cursor,
    )
    return Shown(template="monitors", view=view)


async def forget_monitor(request: Visit) -> Shown | Redirect:
    """Remove a monitor, after a confirmation."""
    name, environment = request.form.get("name"), request.form.get("environment")
    if request.form.get("sure"):
        await monitors.forget(request.service.database, name, environment, request.actor())
        return Redirect(path=PATH, query={}, notice="forget_monitor")
    view = ConfirmationView(
        question=f"Expect nothing of {inline(name, 100)} any more?",
        sentences=("Its incident stays. When the job checks in again, it is watched again.",),
        action=f"{PATH}/forget",
        fields=(("name", name), ("environment", environment)),
        button="Yes, forget it",
        back=PATH,
    )
    return Shown(template="confirmation", view=view)
