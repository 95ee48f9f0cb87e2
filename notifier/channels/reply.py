"""A receiver's answer over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from notifier.domain.time import Duration, Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A complete status line; `body` is at most 64 KiB of what came. `retry_after` is in milliseconds.

    `headers` are those with one value, by their names in lower case.
    """

    status: int
    body: bytes = b""
    content_type: str = ""
    retry_after: Duration | None = None
    whole: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A receiver that a connection was made to. `certificate_ends` is when its certificate does; None: without TLS."""

    address: str
    port: int
    certificate_ends: Instant | None = None
