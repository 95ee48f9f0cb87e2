"""The posted data: the reference event (RULES.md#the-event), and the same as an Alertmanager alert.

A stream yields one token per event. Equal tokens give equal events, different ones different fingerprints. The token is
also a label, so that a webhook shows which event it is about.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from notifier.telemetry.ids import uuid7

ID = "00000000-0000-7000-8000-000000000000"
TOKEN = "eu-west-1"

EVENT: dict[str, Any] = {
    "id": ID,
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
    "task": {
        "id": "0192f0c0-0000-7000-8000-000000000000",
        "name": "billing.tasks.charge",
        "attempt": 3,
        "max_attempts": 3,
    },
    "labels": {"region": TOKEN},
    "context": {"order_id": 1842},
    "trace_id": None,
    "fingerprint": ["{{ default }}", TOKEN],
    "links": [{"title": "runbook", "url": "https://runbooks.example.com/billing"}],
    "status": "firing",
}

# Alertmanager identifies alerts by labels; everything else becomes annotations.
ALERT: dict[str, Any] = {
    "labels": {
        "alertname": "TimeoutError",
        "service": "billing",
        "environment": "production",
        "release": "1.4.2",
        "host": "worker-3",
        "severity": "error",
        "task": "billing.tasks.charge",
        "region": TOKEN,
    },
    "annotations": {
        "id": ID,
        "timestamp": "2026-11-22T05:00:00Z",
        "summary": "could not charge order 1842",
        "exception": json.dumps(EVENT["exception"]),
        "task": json.dumps(EVENT["task"]),
        "context": json.dumps(EVENT["context"]),
        "runbook": "https://runbooks.example.com/billing",
    },
    "generatorURL": "https://billing.example.com/",
}


@dataclass(frozen=True, slots=True)
class Form:
    """A document with placeholders for an id and a token, cut into the bytes between them."""

    parts: tuple[bytes, ...]
    slots: tuple[str, ...]

    def fill(self, token: bytes) -> bytes:
        """A document with this token and a new id."""
        values = {ID: uuid7().encode(), TOKEN: token}
        pieces = [self.parts[0]]
        for slot, part in zip(self.slots, self.parts[1:], strict=True):
            pieces += (values[slot], part)
        return b"".join(pieces)


def form(document: dict[str, Any], before: bytes = b"") -> Form:
    """Cut a document, with a prefix, at its id and its tokens, in any order."""
    parts: list[bytes] = []
    slots: list[str] = []
    rest = before.decode() + json.dumps(document)
    while found := min(
        ((place, slot) for slot in (ID, TOKEN) if (place := rest.find(slot)) >= 0), default=None
    ):
        place, slot = found
        parts.append(rest[:place].encode())
        slots.append(slot)
        rest = rest[place + len(slot) :]
    parts.append(rest.encode())
    return Form(tuple(parts), tuple(slots))


EVENT_FORM = form(EVENT)
ALERT_FORM = form(ALERT)

_numbers = itertools.count(1)


def fresh(prefix: str = "new") -> bytes:
    """A token that is new in this run."""
    return f"{prefix}-{next(_numbers):09d}".encode()


def equal() -> Iterator[bytes]:
    """The same token for ever."""
    return itertools.repeat(TOKEN.encode())


def distinct() -> Iterator[bytes]:
    """New tokens only."""
    return iter(fresh, b"")


def mixed(known: Iterator[bytes], *, one_new_in: int) -> Iterator[bytes]:
    """Known tokens, and a new one at regular intervals."""
    for number in itertools.count(1):
        yield fresh() if number % one_new_in == 0 else next(known)


def head(
    port: int, path: str, key: str, length: int, more: str = "", kind: str = "application/json"
) -> bytes:
    """The request head, equal for all servers so that parsing costs the same; `more` are further header lines."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {length}\r\n{more}\r\n"
    ).encode()


def body(shape: Form, tokens: Iterator[bytes], batch: int, *, array: bool, between: bytes = b",") -> bytes:
    """The body of a request with `batch` events, as a JSON array if `array`."""
    filled = between.join([shape.fill(token) for token in itertools.islice(tokens, batch)])
    return b"[" + filled + b"]" if array else filled


def requests(frame: Callable[[bytes], bytes], bodies: Iterator[bytes], count: int) -> list[bytes]:
    """The next requests as bytes."""
    return [frame(one) for one in itertools.islice(bodies, count)]
