"""Twelve situations for notifications, as messages that delivery passes to a channel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from notifier import wording
from notifier.domain.incident import Incident
from notifier.domain.message import ActionLink, EpisodeSummary, Flapping, Message, Origin, Told, by_weight
from notifier.domain.notification import Reason
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.domain.time import HOUR, MINUTE, SECOND, parse_rfc3339, rfc3339
from notifier.domain.value import replace
from notifier.runtime.system_messages import system_message
from notifier.wording import sentences

NOW = parse_rfc3339("2026-11-22T05:12:00Z")
URL = "https://notifier.example.com"
ROUTE = Origin(route='severity=~"critical|error"', line="notifier.yaml:21")
RUNBOOK = {"title": "runbook", "url": "https://wiki.example.com/runbooks/billing-timeouts"}
BOARD = {"title": "dashboard", "url": "https://grafana.example.com/d/billing?from=now-1h&to=now"}


def frame(file: str, function: str, line: int, code: str, *, own: bool = True) -> dict[str, Any]:
    return {"file": file, "function": function, "line": line, "code": code, "in_app": own}


CHARGE = [
    frame("billing/worker.py", "run", 41, "await task(*arguments)"),
    frame("billing/tasks.py", "charge", 88, "await gateway.charge(order)"),
    frame("billing/gateway.py", "charge", 132, "reply = await self._post(path, body)"),
    frame("httpx/_client.py", "send", 1629, "response = self._send_handling_auth(", own=False),
]
REFUSED = {
    "type": "ConnectionRefusedError",
    "message": "[Errno 111] Connect call failed ('10.2.0.7', 443)",
    "frames": [frame("billing/gateway.py", "_post", 171, "await self._connection.open()")],
}


def event(**changes: Any) -> dict[str, Any]:
    return {
        "id": "0192f0c1-7d2e-7000-8000-000000000001",
        "timestamp": rfc3339(NOW - MINUTE),
        "service": "billing",
        "environment": "production",
        "release": "1.4.2",
        "host": "worker-3",
        "severity": "error",
        "message": "could not charge order 1842",
        "exception": {
            "type": "TimeoutError", "module": "builtins", "message": "upstream timed out after 30s",
            "frames": CHARGE, "cause": REFUSED, "notes": [],
        },
        "labels": {"region": "eu-west-1"},
        "context": {"order_id": 1842, "gateway": "stripe"},
        "links": [RUNBOOK, BOARD],
    } | changes  # fmt: skip


def incident(number: int = 142, **changes: Any) -> Incident:
    id_ = f"0192f0c1-7d2e-7000-8000-{number:012}"
    values: dict[str, Any] = {
        "id": id_,
        "number": number,
        "project": "default",
        "environment": "production",
        "fingerprint": "6f1ed002ab5595859014ebf0951522d9",
        "title": "TimeoutError: upstream timed out after 30s",
        "state": State.OPEN,
        "severity": Severity.ERROR,
        "labels": {
            "service": "billing", "environment": "production", "release": "1.4.2", "host": "worker-3",
            "task": "billing.tasks.charge", "region": "eu-west-1",
        },
        "count": 37,
        "first_seen": NOW - 12 * MINUTE,
        "last_seen": NOW - MINUTE,
        "url": f"{URL}/incidents/{number}?id={id_}",
        "latest_event": event(),
    }  # fmt: skip
    return Incident(**(values | changes))


QUORUM = incident(
    977,
    title="index replica set lost quorum",
    severity=Severity.CRITICAL,
    count=3,
    labels={"service": "search", "environment": "production", "region": "eu-west-1", "shard": "idx-7"},
    latest_event=event(
        service="search",
        message="index replica set lost quorum\n1 of 3 members answers: idx-7-b\nlast write accepted at 04:59:58Z",
        exception=None,
        links=[{"title": "runbook", "url": "https://wiki.example.com/runbooks/quorum"}],
        context={"shard": "idx-7", "members": 3, "answering": 1},
    ),
)


def acts(*incidents: Incident) -> tuple[ActionLink, ...]:
    return tuple(
        ActionLink(incident_id=one.id, action=action, url=f"{URL}/actions/{action[:3]}-{one.number}")
        for one in incidents[:5]
        for action in wording.ACTIONS
        if one.state is State.OPEN or (one.state is State.ACKNOWLEDGED and action != "acknowledge")
    )


def message(reason: Reason, *told: Told, **changes: Any) -> Message:
    incidents = [one.incident for one in told]
    totals: dict[str, int] = changes.pop("totals", {reason.value: len(told)})
    shown = by_weight(told)[:20]
    states = [one.state for one in incidents]
    episode = EpisodeSummary(
        open=states.count(State.OPEN),
        acknowledged=states.count(State.ACKNOWLEDGED),
        resolved=states.count(State.RESOLVED),
        events=sum(one.count for one in incidents),
        incidents=tuple(one.incident for one in by_weight(told)[:10]),
    )
    first = incidents[0].labels
    made = Message(
        id="0192f0d0-9aaa-7000-8000-00000000000d",
        reason=reason,
        at=NOW,
        project="default",
        group="0192f0d0-9aaa-7000-8000-0000000000aa",
        labels={name: first[name] for name in ("service", "environment")},
        told=shown,
        more=len(told) - len(shown),
        totals=totals,
        events=episode.events,
        suppressed=max(0, episode.events - len(told)),
        origin=ROUTE,
        thread_id="0192f0d0-9aaa-7000-8000-0000000000bb",
        standing=episode,
        actions=acts(*(one.incident for one in shown)),
    )
    made = replace(made, **changes)
    return replace(made, conversation=wording.conversation_of(made, None))


def told(shown: Incident, reason: Reason = Reason.OPENED, **changes: Any) -> Told:
    return Told(incident=shown, reason=reason, **changes)


def warnings(count: int) -> list[Told]:
    return [
        told(
            incident(
                1000 + n,
                title=f"shard idx-{n} answers slowly",
                severity=Severity.WARNING,
                count=40 - n,
                labels={"service": "search", "environment": "production", "region": "eu-west-1", "shard": f"idx-{n}"},
                latest_event=event(service="search", message=f"shard idx-{n} answers slowly", exception=None, links=[],
                                   context={}),
            )
        )
        for n in range(count)
    ]  # fmt: skip


def causes() -> list[Told]:
    """Forty causes with two thousand events, the largest with 222."""
    counts = [222, 180, 171, 160, 150, 140, 130, 120, 110, 100, 90, 80, 60, 50, 40, 30, *range(27, 3, -1)]
    counts[-1] += 2_000 - sum(counts)
    names = ("charge", "refund", "invoice", "remind", "settle", "export", "retry", "notify")
    return [
        told(
            incident(
                200 + n,
                title=f"TimeoutError: upstream timed out after {30 + n}s",
                count=count,
                labels={"service": "billing", "environment": "production", "release": "1.4.2", "region": "eu-west-1"},
                latest_event=event(
                    message=None,
                    links=[RUNBOOK],
                    context={},
                    exception={
                        "type": "TimeoutError", "message": f"upstream timed out after {30 + n}s",
                        "frames": [frame("billing/tasks.py", names[n % 8] if n < 8 else f"{names[n % 8]}_{n}", 80 + n,
                                         "await gateway.post(order)")],
                    },
                ),
            )
        )
        for n, count in enumerate(counts)
    ]  # fmt: skip


def group() -> Incident:
    """An exception group as the client sends it: twelve frames, the first as the cause, the others in notes."""
    failed = {
        "type": "ValidationError",
        "message": "2 validation errors for Order\nprice\n  Input should be a valid number, got a string\n"
        "customer.email\n  value is not a valid email address",
        "frames": [
            *(frame(f"shop/steps/step_{n}.py", f"step_{n}", 10 + n, f"await step_{n + 1}(order)") for n in range(11)),
            frame("shop/orders.py", "parse", 27, "return Order.model_validate(body)"),
        ],
    }  # fmt: skip
    outer = {
        "type": "ExceptionGroup",
        "message": "unhandled errors in a TaskGroup (3 sub-exceptions)",
        "frames": [frame("shop/import.py", "import_all", 64, "async with asyncio.TaskGroup() as group:")],
        "notes": [
            "and KeyError: 'sku'",
            'and UniqueViolation: duplicate key value violates unique constraint "orders_pkey"',
        ],
        "cause": failed,
    }
    return incident(
        512,
        title="ValidationError: 2 validation errors for Order",
        count=1,
        last_seen=NOW - 12 * MINUTE,
        labels={"service": "shop", "environment": "staging", "release": "2026.11.3"},
        environment="staging",
        latest_event=event(
            service="shop", environment="staging", message=None, exception=outer, links=[], context={}
        ),
    )


def digest() -> Message:
    shown = by_weight([told(QUORUM), *causes()])[:20]
    biggest = [(one.incident.title, one.incident.count) for one in causes()[:3]]
    figures = sentences.StormFigures(
        events=2_003, causes=41, services=2, biggest=biggest, worst=(QUORUM.title, QUORUM.count)
    )
    note = sentences.storm(figures)
    made = message(Reason.DIGEST, *shown, totals={"opened": 41})
    return replace(
        made,
        note=note,
        group=None,
        labels={},
        standing=None,
        conversation=None,
        more=21,
        origin=None,
        actions=acts(),
    )


def system() -> Message:
    note = (
        "The new configuration has 2 problems, and the old one (7f3a9c) goes on. notifier.yaml:12:9: "
        "channels.team-mail: smtp.host: is missing; notifier.yaml:31:5: route.routes[2].channels: there is no channel "
        "oncal, did you mean oncall?"
    )
    return system_message(
        reason=Reason.SYSTEM,
        title="the configuration was not reloaded",
        note=note,
        project="default",
        at=NOW,
    )


def escalated() -> Message:
    quorum = replace(QUORUM, first_seen=NOW - 15 * MINUTE)
    return message(
        Reason.ESCALATED, told(quorum, Reason.ESCALATED), note=sentences.escalated(15 * MINUTE), suppressed=0
    )


def fallback() -> Message:
    note = sentences.undelivered(
        "team-slack", "#oncall", dead=True, outcome="gone", detail="the channel is archived"
    )
    return replace(message(Reason.OPENED, told(incident())), reason=Reason.FALLBACK, note=note)


_ACKNOWLEDGED = incident(state=State.ACKNOWLEDGED, acknowledged_by="ann@example.com")
_RESOLVED = incident(state=State.RESOLVED, acknowledged_by="ann@example.com", resolved_at=NOW, count=52)
_BACK = incident(
    149, first_seen=NOW - 20 * SECOND, last_seen=NOW - 20 * SECOND, count=1, previous_id="0192f0c1"
)

SITUATIONS: Mapping[str, Message] = {
    "one-error": message(Reason.OPENED, told(incident())),
    "critical-beside-warnings": message(Reason.OPENED, told(QUORUM), *warnings(37)),
    "storm": message(Reason.OPENED, *causes()),
    "escalated": escalated(),
    "acknowledged": message(
        Reason.ACKNOWLEDGED, told(_ACKNOWLEDGED, Reason.ACKNOWLEDGED, actor="ann@example.com"), suppressed=0
    ),
    "unmuted": message(
        Reason.UNMUTED,
        told(incident(), Reason.UNMUTED),
        note=sentences.released("silenced", author="ann", comment="maintenance of the gateway"),
    ),
    "flapping": message(
        Reason.REOPENED,
        told(_BACK, Reason.REOPENED, flapping=Flapping(times=7, since=NOW - 3 * HOUR)),
        labels={"incident": _BACK.id},
        standing=EpisodeSummary(
            open=1,
            acknowledged=0,
            resolved=6,
            events=40,
            incidents=(
                _BACK,
                *(incident(143 + n, state=State.RESOLVED, resolved_at=NOW - HOUR) for n in range(6)),
            ),
        ),
        suppressed=0,
    ),
    "resolved": message(Reason.RESOLVED, told(_RESOLVED, Reason.RESOLVED, actor="bo"), suppressed=14),
    "digest": digest(),
    "fallback": fallback(),
    "system": system(),
    "exception-group": message(Reason.OPENED, told(group())),
}
