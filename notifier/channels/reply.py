"""A receiver's HTTP response."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from notifier.domain.time import Duration, Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A response with a complete status line. `body` is at most its first 64 KiB. `retry_after` is in milliseconds.

    `headers` have lower-case names; those with several values are left out.
    """

    status: int
    body: bytes = b""
    content_type: str = ""
    retry_after: Duration | None = None
    whole: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """The peer of a connection. `certificate_ends` is when its certificate expires, None without TLS."""

    address: str
    port: int
    certificate_ends: Instant | None = None
