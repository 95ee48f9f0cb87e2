"""The table of pages: path, method, required scope, and name in the navigation."""

from __future__ import annotations

from notifier.web.pages import (
    channels,
    dead_letters,
    deliveries,
    manual,
    monitors,
    routes,
    setup,
    silences,
    stats,
    status,
    tasks,
)
from notifier.web.pages.group import acknowledge_group, show_group
from notifier.web.pages.incident import ask_silence, copy_incident, show_incident
from notifier.web.pages.incident_acts import acts
from notifier.web.pages.incidents import act_on_incidents, list_incidents
from notifier.web.pages.sessions import end_session, list_sessions
from notifier.web.visit import PageRow

PAGES: tuple[PageRow, ...] = (
    PageRow(method="GET", path="/incidents", scope="read", handler=list_incidents, nav="Incidents"),
    PageRow(method="POST", path="/incidents", scope="manage", handler=act_on_incidents),
    PageRow(method="GET", path="/incidents/{number}", scope="read", handler=show_incident),
    PageRow(method="GET", path="/incidents/{number}/copy", scope="read", handler=copy_incident),
    PageRow(method="GET", path="/incidents/{number}/silence", scope="manage", handler=ask_silence),
    *(
        PageRow(method="POST", path=f"/incidents/{{number}}/{name}", scope="manage", handler=handler)
        for name, handler in acts().items()
    ),
    PageRow(method="POST", path="/setup/key", scope="admin", handler=setup.make_key),
    PageRow(method="POST", path="/setup/test-event", scope="manage", handler=setup.send_test_event),
    PageRow(method="GET", path="/sessions", scope="read", handler=list_sessions),
    PageRow(method="POST", path="/sessions/end", scope="read", handler=end_session),
    PageRow(method="GET", path="/groups/{id}", scope="read", handler=show_group),
    PageRow(method="POST", path="/groups/{id}/acknowledge", scope="manage", handler=acknowledge_group),
    PageRow(
        method="GET", path="/deliveries", scope="read", handler=deliveries.list_deliveries, nav="Deliveries"
    ),
    PageRow(method="GET", path="/deliveries/{id}", scope="read", handler=deliveries.show_delivery),
    PageRow(
        method="POST",
        path="/deliveries/{id}/redeliver",
        scope="manage",
        handler=deliveries.redeliver_delivery,
    ),
    PageRow(
        method="GET",
        path="/dead-letters",
        scope="read",
        handler=dead_letters.list_dead_letters,
        nav="Dead letters",
    ),
    PageRow(
        method="POST",
        path="/dead-letters/redeliver",
        scope="manage",
        handler=dead_letters.redeliver_dead_letters,
    ),
    PageRow(
        method="POST", path="/dead-letters/discard", scope="manage", handler=dead_letters.discard_dead_letters
    ),
    PageRow(method="GET", path="/silences", scope="read", handler=silences.list_silences, nav="Silences"),
    PageRow(method="POST", path="/silences", scope="manage", handler=silences.create_silence),
    PageRow(method="GET", path="/silences/new", scope="read", handler=silences.new_silence),
    PageRow(method="GET", path="/silences/{id}", scope="read", handler=silences.edit_silence),
    PageRow(method="POST", path="/silences/{id}", scope="manage", handler=silences.change_silence),
    PageRow(method="POST", path="/silences/{id}/end", scope="manage", handler=silences.end_silence),
    PageRow(method="GET", path="/tasks", scope="read", handler=tasks.list_tasks, nav="Tasks"),
    PageRow(method="GET", path="/tasks/runs", scope="read", handler=tasks.list_runs),
    PageRow(method="GET", path="/tasks/run", scope="read", handler=tasks.show_run),
    PageRow(method="POST", path="/tasks/replay", scope="manage", handler=tasks.replay_run),
    PageRow(method="GET", path="/monitors", scope="read", handler=monitors.list_monitors, nav="Monitors"),
    PageRow(method="POST", path="/monitors/forget", scope="manage", handler=monitors.forget_monitor),
    PageRow(method="GET", path="/channels", scope="read", handler=channels.list_channels, nav="Channels"),
    PageRow(method="GET", path="/channels/{name}", scope="read", handler=channels.show_channel),
    PageRow(method="POST", path="/channels/{name}/check", scope="admin", handler=channels.check_channel),
    PageRow(method="POST", path="/channels/{name}/test", scope="admin", handler=channels.test_channel),
    PageRow(method="GET", path="/routes", scope="read", handler=routes.show_routes, nav="Routes"),
    PageRow(method="GET", path="/stats", scope="read", handler=stats.show_stats, nav="Stats"),
    PageRow(method="GET", path="/status", scope="read", handler=status.show_status, nav="Status"),
    PageRow(method="POST", path="/status/reload", scope="admin", handler=status.reload_configuration),
    PageRow(method="POST", path="/status/release", scope="admin", handler=status.release_hold),
    PageRow(method="GET", path="/setup", scope="read", handler=setup.show_setup, nav="Set up"),
    PageRow(method="GET", path="/manual", scope="read", handler=manual.show_manual),
    PageRow(method="GET", path="/manual/{path:path}", scope="read", handler=manual.show_chapter),
)
