"""The calls of Alertmanager's API, and its status."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from notifier.access.caller import Caller
from notifier.api.doors.alertmanager import alerts, silences
from notifier.api.doors.alertmanager.door import AlertmanagerDoor, Call, as_json
from notifier.api.doors.request import DoorAnswer, DoorRequest
from notifier.domain.key import Scope
from notifier.domain.time import rfc3339
from notifier.runtime.service import Runtime
from notifier.runtime.status import release

_CONFIG: Final = "# notifier stands where an Alertmanager stood; its own configuration is not shown here\n"


async def status(runtime: Runtime, _request: DoorRequest, _caller: Caller) -> DoorAnswer:
    """The status of an Alertmanager that is not clustered."""
    version = dict.fromkeys(("branch", "buildDate", "buildUser", "goVersion", "revision"), "")
    return as_json(
        {
            "cluster": {"name": "", "status": "disabled", "peers": []},
            "versionInfo": {**version, "version": release()},
            "config": {"original": _CONFIG},
            "uptime": rfc3339(runtime.started_at),
        }
    )


def _row(
    method: str, path: str, scope: Scope, call: Call
) -> tuple[str, str, Callable[[Runtime], AlertmanagerDoor]]:
    return method, f"/api/v2{path}", lambda runtime: AlertmanagerDoor(runtime, scope, call)


CALLS: Final = (
    _row("POST", "/alerts", "ingest", alerts.post),
    _row("GET", "/alerts", "read", alerts.find),
    _row("GET", "/alerts/groups", "read", alerts.find_groups),
    _row("GET", "/receivers", "read", alerts.find_receivers),
    _row("GET", "/status", "read", status),
    _row("GET", "/silences", "read", silences.find),
    _row("POST", "/silences", "manage", silences.post),
    _row("GET", "/silence/{id}", "read", silences.get),
    _row("DELETE", "/silence/{id}", "manage", silences.delete),
)
"""Method, path and door of each call."""
