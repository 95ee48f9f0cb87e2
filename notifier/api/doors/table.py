"""Every door of a sender, a row each."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.routing import Route

from notifier.access.keyring import Keyring
from notifier.api.doors.alertmanager.calls import calls
from notifier.api.doors.declared import DeclaredDoor
from notifier.api.doors.door import Door, DoorEndpoint
from notifier.api.doors.otlp import OtlpDropped, OtlpLogs
from notifier.api.doors.pagerduty import PagerDutyAlerts, PagerDutyChanges
from notifier.api.doors.sentry import SentryDoor
from notifier.ingest.formats.sentry.envelope import read_envelope, read_store
from notifier.runtime.service import Runtime


def doors(runtime: Runtime, keyring: Keyring) -> Sequence[Route]:
    """The routes. A path with and without its last slash is one: some clients follow no redirect."""
    rows: tuple[tuple[str, str, Door], ...] = (
        ("POST", "/api/{project}/envelope", SentryDoor(runtime, read_envelope)),
        ("POST", "/api/{project}/store", SentryDoor(runtime, read_store)),
        ("POST", "/v1/ingest/{format}", DeclaredDoor(runtime)),
        ("POST", "/v1/logs", OtlpLogs(runtime)),
        ("POST", "/v1/traces", OtlpDropped(runtime, "traces")),
        ("POST", "/v1/metrics", OtlpDropped(runtime, "metrics")),
        ("POST", "/v2/enqueue", PagerDutyAlerts(runtime)),
        ("POST", "/v2/change/enqueue", PagerDutyChanges(runtime)),
        *calls(runtime),
    )
    routes: list[Route] = []
    for method, path, door in rows:
        endpoint = DoorEndpoint(runtime, keyring, door)
        routes += [Route(form, endpoint, methods=[method]) for form in (path, f"{path}/")]
    return routes
