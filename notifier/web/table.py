"""The table of pages: path and method, the scope that each needs, and its name in the navigation."""

from __future__ import annotations

from notifier.web.pages.group import acknowledge_group, show_group
from notifier.web.pages.incident import ask_silence, copy_incident, show_incident
from notifier.web.pages.incident_acts import acts
from notifier.web.pages.incidents import list_incidents
from notifier.web.pages.sessions import end_session, list_sessions
from notifier.web.visit import PageRow

PAGES: tuple[PageRow, ...] = (
    PageRow(method="GET", path="/incidents", scope="read", handler=list_incidents, nav="Incidents"),
    PageRow(method="GET", path="/incidents/{number}", scope="read", handler=show_incident),
    PageRow(method="GET", path="/incidents/{number}/copy", scope="read", handler=copy_incident),
    PageRow(method="GET", path="/incidents/{number}/silence", scope="manage", handler=ask_silence),
    *(
        PageRow(method="POST", path=f"/incidents/{{number}}/{name}", scope="manage", handler=handler)
        for name, handler in acts().items()
    ),
    PageRow(method="GET", path="/sessions", scope="read", handler=list_sessions),
    PageRow(method="POST", path="/sessions/end", scope="read", handler=end_session),
    PageRow(method="GET", path="/groups/{id}", scope="read", handler=show_group),
    PageRow(method="POST", path="/groups/{id}/acknowledge", scope="manage", handler=acknowledge_group),
)
