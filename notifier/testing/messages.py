"""Messages as delivery passes them to a channel: one incident of a billing service, with optional changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from notifier.domain.incident import Incident
from notifier.domain.message import EpisodeSummary, Message, Origin, Told
from notifier.domain.notification import Reason
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.domain.time import HOUR, MINUTE, parse_rfc3339

AT = parse_rfc3339("2026-11-22T05:00:00Z")

HOSTILE = " \x00\r\nBcc: x@y.z \ud800 \u202e & " + "\u20ac" * 50_000

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
    """Incident #142, open, of severity error; `changes` replace its fields."""
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
    """The first message of a thread: incident #142 has opened. `changes` replace its fields."""
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


def message_about(incident: Incident, reason: Reason, **changes: Any) -> Message:
    """A message about one incident for this reason; the counts of the group's states are those of this incident."""
    count = {state: int(incident.state is state) for state in State}
    standing = EpisodeSummary(
        open=count[State.OPEN],
        acknowledged=count[State.ACKNOWLEDGED],
        resolved=count[State.RESOLVED],
        events=incident.count,
        incidents=(incident,),
    )
    told = (Told(incident=incident, reason=reason, actor=changes.pop("actor", None)),)
    values = {"reason": reason, "told": told, "totals": {reason.value: 1}, "standing": standing}
    return message(**(values | changes))


def hostile(pieces: Sequence[str], *, incidents: int = 1, **changes: Any) -> Message:
    """A message whose texts all contain line breaks, NUL, a lone surrogate, 50,000 euro signs and the given markup."""
    text = " ".join(pieces) + HOSTILE
    labels = dict.fromkeys(("service", "release", "region", "team"), text)
    exception = {
        "type": text, "module": text, "message": text, "notes": [text],
        "frames": [{"file": text, "function": text, "line": 1, "code": text, "in_app": True}],
    }  # fmt: skip
    event = {**EVENT, "message": text, "exception": exception, "context": {text: text}, "release": text}
    told = tuple(
        Told(
            incident=incident(id=f"i-{number}", number=number, title=text, labels=labels, latest_event=event),
            reason=Reason.OPENED,
            actor=text,
        )
        for number in range(1, incidents + 1)
    )
    return message(**({"told": told, "labels": labels, "note": text} | changes))


def several(count: int, **changes: Any) -> Message:
    """A message about `count` incidents that share the same changes."""
    told = tuple(
        Told(incident=incident(id=f"i-{n}", number=n, **changes), reason=Reason.OPENED) for n in range(count)
    )
    return message(told=told)
