"""What the rest of the house sees: frozen values, every default in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from notifier.domain.delivery import RateLimit
from notifier.domain.errors import Problem
from notifier.domain.route import AUTO_RESOLVE_DEFAULT, Inhibition, Route
from notifier.domain.time import DAY, HOUR, MINUTE, Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Where a node stands in the file; line and column from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """`url` is the base of links (without a trailing slash), never taken from Host; None leaves links out."""

    host: str = "127.0.0.1"
    port: int = 8000
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSettings:
    """`url`: `sqlite:///path` or `postgresql://...`. `max_size`: bytes."""

    url: str = "sqlite:///notifier.db"
    max_size: int = 10_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    expires_after: Duration = 24 * HOUR
    fallback_after: Duration = 10 * MINUTE
    hold: bool = False
    allow_private_addresses: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """At most `count` in every `per`."""

    count: int
    per: Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSettings:
    """Quotas hold per key. Sizes are bytes after decompression."""

    rate_limit: Quota = Quota(count=600_000, per=MINUTE)
    new_incidents: Quota = Quota(count=10_000, per=MINUTE)
    max_event_bytes: int = 256 * 1024
    max_body_bytes: int = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionSettings:
    events: Duration = 30 * DAY
    incidents: Duration = 365 * DAY
    deliveries: Duration = 30 * DAY
    task_runs: Duration = 14 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelBlock:
    """A channel as written, its secrets read and its variables filled in; the registry validates `options`.

    `options` is without `type`, `rate_limit` and `digest`, and has `x` where the file has `x_file`. `marks`
    gives the place of every key (`("smtp", "port")`) and of every item of a list (`("to", 0)`) by its path
    inside the block.
    """

    name: str
    type: str
    options: Mapping[str, Any]
    rate_limit: RateLimit | None = None
    digest: bool | None = None
    mark: Mark
    marks: Mapping[tuple[str | int, ...], Mark] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything, frozen.

    `source` is the file's name or None, `version` the first 12 hex digits of its SHA-256. `warnings` are what is
    allowed but likely unwanted: no fallback, a route whose only channel is the fallback.
    """

    server: ServerSettings
    database: DatabaseSettings
    channels: Mapping[str, ChannelBlock]
    fallback: str | None
    route: Route
    inhibit: tuple[Inhibition, ...] = ()
    auto_resolve: Duration = AUTO_RESOLVE_DEFAULT
    delivery: DeliverySettings
    ingest: IngestSettings
    retention: RetentionSettings
    source: str | None
    version: str
    warnings: tuple[Problem, ...] = ()
