"""An API key: what it may do, and for which project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from notifier.domain.time import Instant

Scope = Literal["ingest", "read", "manage", "admin"]
"""What a key may do: post events, look at things, change them; `admin` is the instance's."""

SCOPES: tuple[Scope, ...] = get_args(Scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key as stored: never the secret itself."""

    id: str
    project: str
    name: str
    scopes: frozenset[str]
    created_at: Instant
    revoked_at: Instant | None = None
