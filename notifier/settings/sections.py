"""The plain sections, which the environment can set as well: each a model, and as such what the house is given."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from notifier.settings.secrets import keys_of
from notifier.settings.values import (
    BaseUrl,
    Count,
    DatabaseUrl,
    Flag,
    Host,
    Networks,
    Port,
    Quota,
    Size,
    Span,
    Text,
    Wait,
)


class Block(BaseModel):
    """A mapping of the file. Its docstring is what an editor shows; `expected` is said where something else stands.

    `example` is how all that it needs is written, `missing` what is said where a key of it is missing, and `refused`
    why a key is not known here that is known elsewhere.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    expected: ClassVar[str] = "a mapping of keys and values"
    example: ClassVar[str] = ""
    missing: ClassVar[dict[str, str]] = {}
    refused: ClassVar[dict[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _what_is_written(cls, value: Any) -> Any:
        """A key that is left empty is as if it were not there."""
        if not isinstance(value, dict):
            return {} if value is None else value
        return {key: entry for key, entry in value.items() if entry is not None or key not in keys_of(cls)}


def _key(default: str, description: str) -> Any:
    """A key whose default stands here as it does in a file."""
    return Field(default=default, validate_default=True, description=description)


class ServerSettings(Block):
    """Where the service listens."""

    host: Host = _key("127.0.0.1", "The address to listen on; 0.0.0.0 for every one.")
    port: Port = Field(default=8000, description="The port to listen on; 0 lets the system choose.")
    url: BaseUrl | None = Field(
        default=None, description="The base of links in messages. Without it they carry no links."
    )
    trusted_proxies: Networks = Field(
        default=("127.0.0.0/8", "::1"),
        validate_default=True,
        description="Addresses and networks of proxies in front, whose X-Forwarded-For says who asks.",
    )


class DatabaseSettings(Block):
    """Where everything is kept."""

    url: DatabaseUrl = _key(
        "sqlite:///notifier.db",
        "`sqlite:///path` (four slashes before an absolute path) or `postgresql://user@host/name`, with parameters as "
        "libpq has them: `?sslmode=verify-full`.",
    )
    max_size: Size = _key(
        "10GB", "The most that the database may take; the oldest samples go at 90 %, ingest waits at 100 %."
    )


class DeliverySettings(Block):
    """How deliveries are retried."""

    expires_after: Span = _key("24h", "A delivery is retried for this long, then dead.")
    fallback_after: Wait = _key("10m", "The fallback is told of a delivery that fails for this long.")
    hold: Flag = Field(
        default=False,
        description="Each start holds deliveries, the fallback and escalation until `notifier release`.",
    )
    allow_private_addresses: Flag = Field(
        default=False,
        description="Lifts the whole deny table of webhook and Slack addresses, loopback and http:// included.",
    )


class IngestSettings(Block):
    """Limits of what one key may post."""

    rate_limit: Quota = _key("600000/minute", "Events that one key may post.")
    new_incidents: Quota = _key("10000/minute", "Incidents that one key may open.")
    max_event_bytes: Size = _key("256KiB", "The largest event, after decompression.")
    max_body_bytes: Size = _key("8MiB", "The largest request, after decompression.")


class RetentionSettings(Block):
    """How long what is finished is kept."""

    events: Span = _key("30d", "How long samples of events are kept.")
    incidents: Span = _key("365d", "How long resolved incidents are kept.")
    deliveries: Span = _key("30d", "How long finished deliveries are kept.")
    task_runs: Span = _key("14d", "How long finished task runs are kept.")


class BackupSettings(Block):
    """Backups that the service makes by itself."""

    missing: ClassVar[dict[str, str]] = {"to": "a folder, which is made where there is none"}

    to: Text = Field(
        description="The folder that backups are written into; better on another disk than the database."
    )
    every: Span = _key("24h", "A backup is begun this long after the last one that was made.")
    keep: Count = Field(default=7, description="How many are kept; older ones are removed.")


class Sections(Block):
    """All of them."""

    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
    delivery: DeliverySettings = DeliverySettings()
    ingest: IngestSettings = IngestSettings()
    retention: RetentionSettings = RetentionSettings()
