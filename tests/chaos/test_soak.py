"""Replicas that are killed again and again under a steady load: what was acknowledged is told all the same.

`NOTIFIER_SOAK_KILLS=50` makes a long one of it.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx
import pytest

from notifier.testing import Answer, WebhookReceiver
from tests.chaos.test_replicas import database, settings, upgrade
from tests.postgres import PostgresCluster
from tests.processes import Service, whole

KILLS = int(os.environ.get("NOTIFIER_SOAK_KILLS", "3"))
POSTERS = 4
PAUSE_S = 0.1
BETWEEN_KILLS_S = 6.0
TOLD_WITHIN_S = 100


@dataclass(slots=True)
class Load:
    """Posts problems, each its own, to whichever replica answers; knows which were acknowledged."""

    urls: tuple[str, str]
    key: str
    acknowledged: set[str] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=count)
    _over: threading.Event = field(default_factory=threading.Event)

    def _post(self, which: int) -> None:
        headers = {"authorization": f"Bearer {self.key}"}
        with httpx.Client(headers=headers, timeout=10) as client:
            while not self._over.wait(PAUSE_S):
                name = f"event-{next(self._numbers)}"
                body = json.dumps({"id": name, "service": "billing", "message": "x", "fingerprint": [name]})
                which = self._until_acknowledged(client, body, which)

    def _until_acknowledged(self, client: httpx.Client, body: str, which: int) -> int:
        """The same id until one answers 202; which replica that was. Given up once the load is over."""
        while not self._over.is_set():
            try:
                answer = client.post(f"{self.urls[which]}/v1/events", content=body)
            except httpx.TransportError:
                which = 1 - which
                continue
            if answer.status_code == 202:
                self.acknowledged.add(answer.json()["incident_id"])
                return 1 - which
            time.sleep(0.1)
        return which

    @contextmanager
    def running(self) -> Iterator[None]:
        with ThreadPoolExecutor(POSTERS) as pool:
            posters = [pool.submit(self._post, number % 2) for number in range(POSTERS)]
            try:
                yield
            finally:
                self._over.set()
        for poster in posters:
            poster.result()


@dataclass(slots=True)
class Told:
    """The incidents that the receiver has heard of, each request read once."""

    hook: WebhookReceiver
    incidents: set[str] = field(default_factory=set)
    _read: int = 0

    def lacks(self, acknowledged: set[str]) -> set[str]:
        """What was acknowledged and has not been told by now."""
        requests = self.hook.requests[self._read :]
        self._read += len(requests)
        for request in whole(requests):
            self.incidents |= {incident["id"] for incident in request.json()["data"]["incidents"]}
        return acknowledged - self.incidents


@pytest.mark.slow(takes=84)
def test_what_was_acknowledged_is_told_however_often_a_replica_is_killed(
    tmp_path: Path, postgres_cluster: PostgresCluster
) -> None:
    """Kills of either replica in turn, amid posts: all is told once the leases of the last one have ended."""
    with database(postgres_cluster) as shared, WebhookReceiver(default=Answer(delay=0.02)) as hook:
        replicas = [Service(tmp_path, settings(hook, shared.url)) for _ in range(2)]
        upgrade(replicas[0])
        with replicas[0], replicas[1]:
            replicas[1].key = replicas[0].key
            assert replicas[0].key is not None
            load = Load(urls=(replicas[0].url, replicas[1].url), key=replicas[0].key)
            with load.running():
                for number in range(KILLS):
                    time.sleep(BETWEEN_KILLS_S)
                    replicas[number % 2].kill()
                    replicas[number % 2].start()
            heard = Told(hook)
            deadline = time.monotonic() + TOLD_WITHIN_S
            while (untold := heard.lacks(load.acknowledged)) and time.monotonic() < deadline:
                time.sleep(0.5)
            books = replicas[0].accounting()
            print(f"{KILLS} kills: {len(load.acknowledged)} acknowledged, {len(untold)} untold; {books}")
            assert not untold
            # What the last one killed was sending waits for its lease.
            assert replicas[0].settle(within=TOLD_WITHIN_S)["balanced"]
