"""A sample alert, to show what a receiver gets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from notifier.domain.incident import Incident, page
from notifier.domain.message import EpisodeSummary, Message, Origin, Told
from notifier.domain.notification import Reason
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.domain.time import Instant, rfc3339

_ID = "00000000-0000-7000-8000-000000000142"
_TITLE = "TimeoutError: upstream timed out after 30s"
_EVENT: Mapping[str, Any] = {
    "id": "0192f0c1-0000-7000-8000-000000000001",
    "service": "billing",
    "environment": "production",
    "severity": "error",
    "message": "could not charge order 1842",
    "exception": {
        "type": "TimeoutError",
        "module": "builtins",
        "message": "upstream timed out after 30s",
        "frames": [
            {
                "file": "billing/tasks.py",
                "function": "charge",
                "line": 88,
                "code": "await gateway.charge(order)",
                "in_app": True,
            }
        ],
        "cause": None,
        "notes": [],
    },
    "context": {"order_id": 1842},
}


def sample_message(*, project: str, at: Instant, url: str | None) -> Message:
    """An incident of a service `billing` that has just opened. `url` is the base of links."""
    labels = {
        "project": project,
        "service": "billing",
        "environment": "production",
        "severity": "error",
        "exception": "TimeoutError",
        "region": "eu-west-1",
    }
    incident = Incident(
        id=_ID,
        number=142,
        project=project,
        environment="production",
        fingerprint="v1:0192f0c1",
        title=_TITLE,
        state=State.OPEN,
        severity=Severity.ERROR,
        labels=labels,
        count=3,
        first_seen=at,
        last_seen=at,
        url=None if url is None else page(url, 142, _ID),
        latest_event={**_EVENT, "timestamp": rfc3339(at)},
    )
    return Message(
        id="0192f0c1-0000-7000-8000-00000000000d",
        reason=Reason.OPENED,
        at=at,
        project=project,
        group="00000000000000000000000000000142",
        labels={"service": "billing", "environment": "production"},
        told=(Told(incident=incident, reason=Reason.OPENED),),
        totals={Reason.OPENED.value: 1},
        events=3,
        origin=Origin(route="default", line="notifier.yaml:12"),
        thread_id="0192f0c1-0000-7000-8000-00000000000e",
        standing=EpisodeSummary(open=1, acknowledged=0, resolved=0, events=3, incidents=(incident,)),
    )
