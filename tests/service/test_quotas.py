"""Quotas per key: what is over them is refused or folded together, never lost."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx

from notifier.testing import WebhookReceiver
from tests.processes import Service, eventually

GOOD: dict[str, Any] = {"service": "billing", "message": "it broke"}


def test_quotas_answer_429_and_say_when(tmp_path: Path) -> None:
    """The event quota refuses with `Retry-After`; what was over can be sent again and counts once."""
    settings = {
        "channels": {"console": {"type": "console"}},
        "route": {"channels": ["console"], "group_wait": "0s"},
        "ingest": {"rate_limit": "20/second"},
    }
    with Service(tmp_path, settings) as service:
        batch = [{**GOOD, "id": f"event-{n}"} for n in range(20)]
        assert service.post(batch).status_code == 202
        # On a busy machine a second may have passed, and so many are taken again.
        refused = eventually(lambda: (answer := service.post(batch)).status_code != 202 and answer)
        check_throttled(refused)
        wait = int(refused.headers["retry-after"])
        assert 1 <= wait <= 2
        time.sleep(wait)
        again = service.post(batch)
        assert {one["status"] for one in again.json()["results"]} == {"duplicate"}
        assert service.settle()["accepted"] == 20


def check_throttled(answer: httpx.Response) -> None:
    assert answer.status_code == 429, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert "rate_limit" in answer.json()["detail"]


def test_too_many_new_causes_are_counted_on_one_incident(tmp_path: Path) -> None:
    """Beyond `new_incidents` nothing is lost and nobody is flooded: one incident says that there are too many."""
    with WebhookReceiver() as hook:
        settings = {
            "channels": {"hook": {"type": "webhook", "url": hook.url}},
            "route": {"channels": ["hook"], "group_by": ["incident"], "group_wait": "0s"},
            "delivery": {"allow_private_addresses": True},
            "ingest": {"new_incidents": "5/hour"},
        }
        with Service(tmp_path, settings) as service:
            batch = [{**GOOD, "fingerprint": [f"cause-{n}"]} for n in range(50)]
            answer = service.post(batch)
            assert {one["status"] for one in answer.json()["results"]} == {"accepted"}
            incidents = service.items("/v1/incidents")
            [overflow] = [one for one in incidents if "too many distinct errors" in one["title"]]
            assert sum(one["count"] for one in incidents) == 50
            assert len(incidents) <= 7
            assert overflow["count"] >= 43
            known = service.post({**GOOD, "fingerprint": ["cause-0"]})
            assert known.json()["incident_id"] == answer.json()["results"][0]["incident_id"]
            eventually(lambda: len(hook.requests) == len(incidents))
            assert service.settle()["accepted"] == 51
