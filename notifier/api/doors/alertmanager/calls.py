"""The calls of the Alertmanager's API, a row each; and what it says of itself."""

from __future__ import annotations

from collections.abc import Sequence
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


def calls(runtime: Runtime) -> Sequence[tuple[str, str, AlertmanagerDoor]]:
    """Method, path and door of each."""
    known: Sequence[tuple[str, str, Scope, Call]] = (
        ("POST", "/alerts", "ingest", alerts.post),
        ("GET", "/alerts", "read", alerts.find),
        ("GET", "/alerts/groups", "read", alerts.find_groups),
        ("GET", "/receivers", "read", alerts.find_receivers),
        ("GET", "/status", "read", status),
        ("GET", "/silences", "read", silences.find),
        ("POST", "/silences", "manage", silences.post),
        ("GET", "/silence/{id}", "read", silences.get),
        ("DELETE", "/silence/{id}", "manage", silences.delete),
    )
    return [
        (method, f"/api/v2{path}", AlertmanagerDoor(runtime, scope, call))
        for method, path, scope, call in known
    ]


async def status(runtime: Runtime, _request: DoorRequest, _caller: Caller) -> DoorAnswer:
    """The state of an Alertmanager that is no cluster."""
    version = dict.fromkeys(("branch", "buildDate", "buildUser", "goVersion", "revision"), "")
    return as_json(
        {
            "cluster": {"name": "", "status": "disabled", "peers": []},
            "versionInfo": {**version, "version": release()},
            "config": {"original": _CONFIG},
            "uptime": rfc3339(runtime.started_at),
        }
    )
