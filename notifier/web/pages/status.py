"""`/status`: whether anything is lost or late, the health of the service, and acts of its administrators."""

from __future__ import annotations

from notifier.domain.errors import ConfigError
from notifier.oncall import hold
from notifier.oncall.audit_trail import CONFIGURATION, HOLD, audit_entries
from notifier.web.views.confirmation import ConfirmationView
from notifier.web.views.status import status_view
from notifier.web.visit import Redirect, Shown, Visit
from notifier.wording.text import counted

PROBLEMS_SHOWN = 20


async def show_status(request: Visit) -> Shown:
    """The state of this process and of the instance.

    Problems of the configuration file are shown to administrators only.
    """
    service, admin = request.service, request.may("admin")
    status = await service.status()
    view = status_view(
        status,
        await hold.show(service.database, service.rules) if admin and status.database.hold else None,
        limit=service.settings.database.max_size if status.database.dialect == "sqlite" else None,
        problems=status.config.problems[:PROBLEMS_SHOWN] if admin else (),
        entries=await audit_entries(service.database, [CONFIGURATION, HOLD]) if admin else (),
    )
    return Shown(template="status", view=view)


async def reload_configuration(request: Visit) -> Redirect:
    """Reload the configuration file. If it has problems, nothing changes and the page shows them."""
    try:
        reloaded = await request.service.reload(request.actor())
    except ConfigError:
        return Redirect(path="/status", query={}, notice="reload_refused")
    return Redirect(path="/status", query={}, notice="reload" if reloaded.changed else "reload_unchanged")


async def release_hold(request: Visit) -> Shown | Redirect:
    """Release the hold, after a confirmation."""
    service = request.service
    if not request.form.get("sure"):
        state = await hold.show(service.database, service.rules)
        waiting = sum(each.count for each in state.waiting)
        view = ConfirmationView(
            question=f"Let {counted(waiting, 'delivery') if waiting == 1 else f'{waiting:,} deliveries'} go?",
            sentences=("They go out as if they had been decided about now, and cannot be called back.",),
            action="/status/release",
            fields=(),
            button="Yes, release",
            back="/status",
        )
        return Shown(template="confirmation", view=view)
    released = await hold.release(service.database, service.rules, request.actor())
    return Redirect(path="/status", query={}, notice="release", counts=(released.released,))
