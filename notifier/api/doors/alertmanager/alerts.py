"""Alerts, groups and receivers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from notifier.access.caller import Caller
from notifier.api.doors.alertmanager.door import as_json, filters, flag, matches_all
from notifier.api.doors.request import DoorAnswer, DoorRequest
from notifier.api.ingest import retry_later
from notifier.api.problems import HttpProblem
from notifier.domain.incident import page
from notifier.domain.matcher import Matcher
from notifier.domain.time import Instant, rfc3339
from notifier.ingest.alerts import AlertsResult
from notifier.ingest.batch import Malformed
from notifier.ingest.formats.prometheus.alert import fingerprint_of, read_alerts
from notifier.oncall import alerts
from notifier.oncall.alerts import ListedAlert
from notifier.runtime.service import Runtime

FAULTS_SHOWN: Final = 10

Show = Callable[[ListedAlert, Mapping[str, str], Sequence[str], Runtime], Any]


async def post(runtime: Runtime, request: DoorRequest, caller: Caller) -> DoorAnswer:
    """Ingest alerts. If some of a list are invalid, the valid ones are kept and the answer is 400."""
    try:
        posted = read_alerts(request.body)
    except Malformed as error:
        raise HttpProblem(413 if error.reason == "too_many" else 400, error.message) from None
    taken = await runtime.alerts.take(caller, posted.alerts, service=caller.service)
    if not isinstance(taken, AlertsResult):
        raise retry_later(taken)
    faults = [*posted.faults, *taken.faults]
    if faults:
        more = f"; and {len(faults) - FAULTS_SHOWN} more" if len(faults) > FAULTS_SHOWN else ""
        raise HttpProblem(400, "; ".join(faults[:FAULTS_SHOWN]) + more)
    return DoorAnswer(status=200)


async def find(runtime: Runtime, request: DoorRequest, caller: Caller) -> DoorAnswer:
    """The alerts that the parameters select."""
    return as_json(await _shown(runtime, request, caller, _alert))


async def find_groups(runtime: Runtime, request: DoorRequest, caller: Caller) -> DoorAnswer:
    """The same alerts by notification group, one group for each receiver."""
    receiver = _receiver(request)
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for listed, alert in await _shown(runtime, request, caller, lambda *parts: (parts[0], _alert(*parts))):
        for group in listed.groups:
            for channel in runtime.rules.route(group.route).channels:
                if receiver is not None and not receiver.matches({"receiver": channel}):
                    continue
                made = groups.setdefault(
                    (group.id, channel),
                    {"labels": group.labels, "receiver": {"name": channel}, "alerts": []},
                )
                made["alerts"].append(alert)
    return as_json([groups[key] for key in sorted(groups)])


async def find_receivers(runtime: Runtime, _request: DoorRequest, _caller: Caller) -> DoorAnswer:
    """The configured channels."""
    return as_json([{"name": name} for name in sorted(runtime.channels)])


async def _shown(runtime: Runtime, request: DoorRequest, caller: Caller, show: Show) -> list[Any]:
    listed = await alerts.find(runtime.database, caller.project)
    # In a thread: ten thousand alerts would block other requests noticeably.
    return await asyncio.to_thread(_chosen, runtime, request, listed, show)


def _chosen(runtime: Runtime, request: DoorRequest, found: Sequence[ListedAlert], show: Show) -> list[Any]:
    matchers, receiver = filters(request), _receiver(request)
    active, silenced, inhibited, _ = (
        flag(request, name) for name in ("active", "silenced", "inhibited", "unprocessed")
    )
    shown = []
    for listed in found:
        suppressed = bool(listed.silenced_by or listed.inhibited_by)
        if (
            (not suppressed and not active)
            or (listed.silenced_by and not silenced)
            or (listed.inhibited_by and not inhibited)
        ):
            continue
        labels = _labels(listed)
        receivers = _receivers(runtime, listed)
        if receiver is not None and not any(receiver.matches({"receiver": name}) for name in receivers):
            continue
        if matches_all(matchers, labels):
            shown.append(show(listed, labels, receivers, runtime))
    return shown


def _receiver(request: DoorRequest) -> Matcher | None:
    pattern = request.query.get("receiver")
    if not pattern:
        return None
    try:
        return Matcher(name="receiver", op="=~", value=pattern)
    except ValueError as error:
        raise HttpProblem(400, f"receiver: {error}") from None


def _receivers(runtime: Runtime, listed: ListedAlert) -> list[str]:
    """The channels that are notified about it; those of the root route before it is routed."""
    routes = [runtime.rules.route(group.route) for group in listed.groups] or [runtime.rules.tree]
    return list(dict.fromkeys(name for route in routes for name in route.channels))


def _labels(listed: ListedAlert) -> Mapping[str, str]:
    """The labels as they were posted; for an incident that is no alert, its own labels and an alert name."""
    if listed.posted is not None:
        labels: Mapping[str, str] = listed.posted["labels"]
        return labels
    own = listed.labels
    return {"alertname": own.get("exception") or listed.title, **own}


def _alert(
    listed: ListedAlert, labels: Mapping[str, str], receivers: Sequence[str], runtime: Runtime
) -> dict[str, Any]:
    url = runtime.rules.url
    address = "" if url is None else page(url, listed.number, listed.id)
    posted = listed.posted or {"annotations": {"summary": listed.title}, "generatorURL": address}
    return {
        "fingerprint": fingerprint_of(labels),
        "labels": labels,
        "annotations": posted["annotations"],
        "startsAt": _moment(listed.starts_at),
        "endsAt": _moment(_ends_at(listed, runtime)),
        "updatedAt": _moment(listed.updated_at),
        "generatorURL": posted["generatorURL"],
        "receivers": [{"name": name} for name in receivers],
        "status": {
            "state": "suppressed" if listed.silenced_by or listed.inhibited_by else "active",
            "silencedBy": list(listed.silenced_by),
            "inhibitedBy": list(listed.inhibited_by),
            "mutedBy": [],
        },
    }


def _ends_at(listed: ListedAlert, runtime: Runtime) -> Instant:
    """The time at which it ends unless it is posted again."""
    if listed.ends_at is not None:
        return listed.ends_at
    return listed.updated_at + runtime.settings.auto_resolve


def _moment(at: Instant) -> str:
    return rfc3339(at)
