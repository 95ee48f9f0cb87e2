"""An API key: what it may do, and for which project."""

from __future__ import annotations

from dataclasses import dataclass

from notifier.domain.time import Instant

SCOPES = ("ingest", "read", "manage", "admin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key as stored: never the secret itself."""

    id: str
    project: str
    name: str
    scopes: frozenset[str]
    created_at: Instant
    revoked_at: Instant | None = None
