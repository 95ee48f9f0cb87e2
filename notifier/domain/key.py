"""An API key: its scopes and its project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import urlsplit

from notifier.domain.time import Instant

Scope = Literal["ingest", "read", "manage", "admin"]
"""What a key may do: post events, read, or change things; `admin` covers the whole instance."""

SCOPES: tuple[Scope, ...] = get_args(Scope)

DoorName = Literal["sentry", "ingest", "pagerduty", "cloudevents", "otlp", "prometheus"]
"""An endpoint for one format of events. A key made for one is refused at all others."""

DOORS: tuple[DoorName, ...] = get_args(DoorName)

DOORS_BY_ADDRESS: frozenset[DoorName] = frozenset({"sentry"})
"""Doors whose keys are part of a URL, which appears in logs; such a key has the scope `ingest` only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A stored key, without the secret.

    `door` is the only endpoint that accepts the key, None for all. `service` is the default for events that name
    none. `last_used_at` has a resolution of one minute.
    """

    id: str
    project: str
    name: str
    scopes: frozenset[str]
    created_at: Instant
    revoked_at: Instant | None = None
    door: DoorName | None = None
    service: str | None = None
    last_used_at: Instant | None = None


def sentry_dsn(base: str, secret: str) -> str:
    """The DSN with which Sentry's SDKs reach the service at `base` with this key."""
    address = urlsplit(base)
    return f"{address.scheme}://{secret}@{address.netloc}{address.path.rstrip('/')}/1"
