"""A receiver's answer over HTTP."""

from __future__ import annotations

from dataclasses import dataclass

from notifier.domain.time import Duration, Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A complete status line; `body` is at most 64 KiB of what came. `retry_after` is in milliseconds."""

    status: int
    body: bytes = b""
    content_type: str = ""
    retry_after: Duration | None = None
    whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A receiver that a connection was made to. `certificate_ends` is when its certificate does; None: without TLS."""

    address: str
    port: int
    certificate_ends: Instant | None = None
