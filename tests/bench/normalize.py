"""What one event costs between the socket and the commit: `python tests/bench/normalize.py`.

Microseconds an event, the best of several short runs, so that other load on the machine shows least.
"""

from __future__ import annotations

import json
import timeit
from collections.abc import Callable

from notifier.ingest import tolerant
from notifier.ingest.normalize import Normalizer
from notifier.ingest.scrub import suspicious

EVENT = {
    "id": "0192f0c1-7c1e-7bb2-9d3a-3f1c55aa0e01",
    "timestamp": "2026-11-22T05:00:00Z",
    "service": "billing",
    "environment": "production",
    "release": "1.4.2",
    "host": "worker-3",
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
    "task": {"id": "0192f0c0-1", "name": "billing.tasks.charge", "attempt": 3, "max_attempts": 3},
    "labels": {"region": "eu-west-1"},
    "context": {"order_id": 1842},
    "trace_id": None,
    "fingerprint": ["{{ default }}", "eu"],
    "links": [{"title": "runbook", "url": "https://runbooks.example.com/billing"}],
    "status": "firing",
}


def best(run: Callable[[], object], *, events: int = 1) -> float:
    number = max(1, 500 // events)
    return min(timeit.repeat(run, number=number, repeat=20)) / number / events * 1e6


def main() -> None:
    raw = json.dumps(EVENT).encode()
    many = b"[" + b",".join([raw] * 100) + b"]"
    secret = json.dumps({**EVENT, "context": {"password": "hunter"}}).encode()
    normalizer = Normalizer(max_event_bytes=262_144, new_id=lambda: "id")

    def parse(body: bytes) -> object:
        return normalizer.parse(body, None, project="default", received_at=1_795_323_600_000, sent_at=None)

    print(f"{len(raw)} bytes an event; microseconds an event")
    print(f"one event a body       {best(lambda: parse(raw)):7.1f}")
    print(f"a hundred a body       {best(lambda: parse(many), events=100):7.1f}")
    print(f"one with a secret      {best(lambda: parse(secret)):7.1f}")
    print(f"  pre-filter alone     {best(lambda: suspicious(raw)):7.1f}")
    print(f"  tolerant reading     {best(lambda: tolerant.read(raw)):7.1f}")


if __name__ == "__main__":
    main()
