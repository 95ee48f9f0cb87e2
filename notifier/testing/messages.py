"""Messages as delivery hands them to a channel: one incident of a billing service, changed as a test needs it."""

from __future__ import annotations

from typing import Any

from notifier.domain.event import Severity
from notifier.domain.incident import Incident, State
from notifier.domain.message import Message, Origin, Told
from notifier.domain.notification import Reason
from notifier.domain.time import HOUR, MINUTE, parse_rfc3339

AT = parse_rfc3339("2026-11-22T05:00:00Z")

EVENT: dict[str, Any] = {
    "id": "e-1",
    "timestamp": "2026-11-22T05:00:00Z",
    "service": "billing",
    "environment": "production",
    "release": "1.4.2",
    "severity": "error",
    "message": "could not charge order 1842",
    "exception": {
        "type": "TimeoutError",
        "module": "builtins",
        "message": "upstream timed out after 30s",
        "frames": [
            {"file": "billing/app.py", "function": "main", "line": 3, "code": "run()", "in_app": True},
            {
                "file": "billing/tasks.py",
                "function": "charge",
                "line": 88,
                "code": "await gateway.charge(order)",
                "in_app": True,
            },
            {"file": "httpx/_client.py", "function": "send", "line": 1, "code": "...", "in_app": False},
        ],
        "cause": None,
        "notes": [],
    },
    "context": {"order_id": 1842},
}


def incident(**changes: Any) -> Incident:
    """Incident #142, open, of severity error."""
    values: dict[str, Any] = {
        "id": "0192f0c1",
        "number": 142,
        "project": "shop",
        "environment": "production",
        "fingerprint": "v1:abc",
        "title": "TimeoutError: upstream timed out after 30s",
        "state": State.OPEN,
        "severity": Severity.ERROR,
        "labels": {"service": "billing", "environment": "production", "release": "1.4.2"},
        "count": 4312,
        "first_seen": AT - HOUR,
        "last_seen": AT,
        "url": "https://notifier.example.com/incidents/142",
        "latest_event": EVENT,
    }
    return Incident(**(values | changes))


def message(**changes: Any) -> Message:
    """That incident has opened: the first message of its thread."""
    told = changes.pop("told", (Told(incident=incident(), reason=Reason.OPENED),))
    values: dict[str, Any] = {
        "id": "0192f0d0aaaa",
        "reason": Reason.OPENED,
        "at": AT + MINUTE,
        "project": "shop",
        "group": "g-1",
        "labels": {"service": "billing", "environment": "production"},
        "told": told,
        "totals": {"opened": len(told)},
        "suppressed": 4311,
        "origin": Origin(route='severity="critical"', line="notifier.yaml:12"),
        "thread_id": "t-1",
    }
    return Message(**(values | changes))


def several(count: int, **changes: Any) -> Message:
    """A message about this many incidents, each changed alike."""
    told = tuple(
        Told(incident=incident(id=f"i-{n}", number=n, **changes), reason=Reason.OPENED) for n in range(count)
    )
    return message(told=told)
