"""The table of doors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.routing import Route

from notifier.access.keyring import Keyring
from notifier.api.doors.alertmanager.calls import CALLS
from notifier.api.doors.declared import DeclaredDoor
from notifier.api.doors.door import Door, DoorEndpoint
from notifier.api.doors.otlp import OtlpDropped, OtlpLogs
from notifier.api.doors.pagerduty import PagerDutyAlerts, PagerDutyChanges
from notifier.api.doors.sentry import SentryDoor
from notifier.ingest.formats.sentry.envelope import read_envelope, read_store
from notifier.runtime.service import Runtime

DOORS: Sequence[tuple[str, str, Callable[[Runtime], Door]]] = (
    ("POST", "/api/{project}/envelope", lambda runtime: SentryDoor(runtime, read_envelope)),
    ("POST", "/api/{project}/store", lambda runtime: SentryDoor(runtime, read_store)),
    ("POST", "/v1/ingest/{format}", DeclaredDoor),
    ("POST", "/v1/logs", OtlpLogs),
    ("POST", "/v1/traces", lambda runtime: OtlpDropped(runtime, "traces")),
    ("POST", "/v1/metrics", lambda runtime: OtlpDropped(runtime, "metrics")),
    ("POST", "/v2/enqueue", PagerDutyAlerts),
    ("POST", "/v2/change/enqueue", PagerDutyChanges),
    *CALLS,
)
"""Method, path and door of each; `description.py` describes them for OpenAPI."""


def doors(runtime: Runtime, keyring: Keyring) -> Sequence[Route]:
    """The routes. Each path is served with and without a trailing slash: some clients follow no redirect."""
    routes: list[Route] = []
    for method, path, door in DOORS:
        endpoint = DoorEndpoint(runtime, keyring, door(runtime))
        routes += [Route(form, endpoint, methods=[method]) for form in (path, f"{path}/")]
    return routes
