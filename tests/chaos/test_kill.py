"""`kill -9` loses nothing that was acknowledged, and tells nothing twice that was not in flight."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from notifier.testing import Answer, Request, WebhookReceiver
from tests.processes import Service, eventually, whole

SEED = 1842
KILLS = 10
SENDERS = 4
WITHIN_S = 90.0


@dataclass
class Senders:
    """Threads that post each event alone, and again under its id until it is acknowledged."""

    service: Service
    events: int
    acknowledged: dict[str, str] = field(default_factory=dict)
    unanswered: Counter[str] = field(default_factory=Counter)
    stop: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        for lane in range(SENDERS):
            thread = threading.Thread(target=self._run, args=(lane,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def join(self) -> None:
        for thread in self.threads:
            thread.join(WITHIN_S)

    def _run(self, lane: int) -> None:
        with self.service.client() as client:
            for number in range(lane, self.events, SENDERS):
                self._send(client, f"event-{number}")

    def _send(self, client: httpx.Client, name: str) -> None:
        event = {"id": name, "service": "billing", "message": "it broke", "fingerprint": [name]}
        while not self.stop.is_set():
            try:
                answer = client.post("/v1/events", json=event)
            except httpx.TransportError:
                self.unanswered[name] += 1
                time.sleep(0.02)
                continue
            if answer.status_code == 202:
                self.acknowledged[name] = answer.json()["incident_id"]
                return
            assert answer.status_code == 503, answer.text
            time.sleep(0.02)


def settings(hook: WebhookReceiver, **parts: Any) -> dict[str, Any]:
    """Every incident alone, at once, to one webhook."""
    return {
        "channels": {"hook": {"type": "webhook", "url": hook.url}},
        "route": {"channels": ["hook"], "group_by": ["incident"], "group_wait": "0s"},
        "delivery": {"allow_private_addresses": True},
        **parts,
    }


def told(requests: list[Request]) -> dict[str, Counter[str]]:
    """By incident: how often each webhook-id came."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for request in requests:
        for incident in request.json()["data"]["incidents"]:
            found[incident["id"]][request.headers["webhook-id"]] += 1
    return found


def ambiguous(service: Service, delivery: str) -> int:
    """How many attempts of a delivery ended without anybody knowing whether it arrived."""
    attempts = service.get(f"/v1/deliveries/{delivery}")["attempts"]
    return sum(one["outcome"] == "ambiguous" for one in attempts)


def check_repeats(service: Service, requests: list[Request]) -> int:
    """Nothing came twice but what was in flight at a kill; how many did."""
    repeats = 0
    for incident, ids in told(requests).items():
        [(delivery, times)] = ids.items()  # one incident, one webhook-id
        if times > 1:
            repeats += 1
            assert times - 1 <= ambiguous(service, delivery), (incident, delivery)
    bodies: dict[str, set[bytes]] = defaultdict(set)
    for request in requests:
        bodies[request.headers["webhook-id"]].add(request.body)
    assert all(len(each) == 1 for each in bodies.values())
    return repeats


def kill_at(service: Service, moments: list[int], progress: Callable[[], int], dice: random.Random) -> None:
    """Kill and restart at each of these marks of progress, a random moment later."""
    for mark in moments:
        eventually(lambda mark=mark: progress() >= mark, within=WITHIN_S)
        time.sleep(dice.uniform(0, 0.02))
        service.kill()
        promised = progress()
        service.start()
        books = service.accounting()
        assert books["accepted"] >= promised
        assert books["accepted"] == books["counted"]


@pytest.mark.parametrize("events", [300, pytest.param(2_000, marks=pytest.mark.slow(takes=60))])
def test_ten_kills_lose_nothing_and_repeat_only_what_was_in_flight(tmp_path: Path, events: int) -> None:
    """Acknowledged events under ten SIGKILLs: every one is told, each under one id, and the books balance."""
    dice = random.Random(SEED)
    moments = sorted(dice.sample(range(20, events - 20), KILLS))
    print(f"seed {SEED}: killed after {moments} acknowledged events")
    with WebhookReceiver(default=Answer(delay=0.005)) as hook, Service(tmp_path, settings(hook)) as service:
        senders = Senders(service, events)
        senders.start()
        try:
            kill_at(service, moments, lambda: len(senders.acknowledged), dice)
            senders.join()
        finally:
            senders.stop.set()
        assert len(senders.acknowledged) == events
        assert len(set(senders.acknowledged.values())) == events

        eventually(lambda: len(told(whole(hook.requests))) == events, within=WITHIN_S)
        books = service.settle(within=WITHIN_S)
        assert books["accepted"] == books["counted"] == books["created"] == books["delivered"] == events
        assert books["duplicates"] <= sum(senders.unanswered.values())
        assert set(told(whole(hook.requests))) == set(senders.acknowledged.values())
        repeats = check_repeats(service, whole(hook.requests))
        print(f"{int(books['duplicates'])} duplicates, {repeats} repeated deliveries")
        assert service.items("/v1/dead-letters") == []
