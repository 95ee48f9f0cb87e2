"""An API key: what it may do, and for which project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import urlsplit

from notifier.domain.time import Instant

Scope = Literal["ingest", "read", "manage", "admin"]
"""What a key may do: post events, look at things, change them; `admin` is the instance's."""

SCOPES: tuple[Scope, ...] = get_args(Scope)

DoorName = Literal["sentry", "ingest", "pagerduty", "cloudevents", "otlp", "prometheus"]
"""A door that keys may be made for: such a key opens that one alone."""

DOORS: tuple[DoorName, ...] = get_args(DoorName)

DOORS_BY_ADDRESS: frozenset[DoorName] = frozenset({"sentry"})
"""Doors whose keys stand in an address, which logs keep: such a key has the scope `ingest` alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key as stored: never the secret itself.

    `door`: the one that it opens; None: every one. `service`: whose the events are that name none. `last_used_at` is
    to the minute.
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
    """The DSN by which Sentry's SDKs reach the service at `base` with this key."""
    address = urlsplit(base)
    return f"{address.scheme}://{secret}@{address.netloc}{address.path.rstrip('/')}/1"
