"""The plain sections, which the environment can override. The models serve as settings."""

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
    """A mapping of the file. Its docstring is shown by editors.

    `expected` describes the mapping in errors, `example` shows its required keys, `missing` has the sentence for a
    missing key, and `refused` that for a key that is valid elsewhere but not here.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    expected: ClassVar[str] = "a mapping of keys and values"
    example: ClassVar[str] = ""
    missing: ClassVar[dict[str, str]] = {}
    refused: ClassVar[dict[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _what_is_written(cls, value: Any) -> Any:
        """Treat an empty key like an absent one."""
        if not isinstance(value, dict):
            return {} if value is None else value
        return {key: entry for key, entry in value.items() if entry is not None or key not in keys_of(cls)}


def with_default(default: Any, description: str) -> Any:
    """A field with a default, which is written and parsed as in a file."""
    return Field(default=default, validate_default=bool(default), description=description)


class ServerSettings(Block):
    """Where the service listens."""

    host: Host = with_default("127.0.0.1", "The address to listen on; 0.0.0.0 for every one.")
    port: Port = with_default(8000, "The port to listen on; 0 picks a free one.")
    url: BaseUrl | None = with_default(
        None, "The base URL of links in messages. Without it, messages have no links."
    )
    trusted_proxies: Networks = with_default(
        ("127.0.0.0/8", "::1"),
        "Addresses and networks of reverse proxies whose X-Forwarded-For is trusted.",
    )


class DatabaseSettings(Block):
    """Where data is stored."""

    url: DatabaseUrl = with_default(
        "sqlite:///notifier.db",
        "`sqlite:///path` (four slashes before an absolute path) or `postgresql://user@host/name`, with parameters as "
        "libpq has them: `?sslmode=verify-full`.",
    )
    max_size: Size = with_default(
        "10GB", "Maximum size of the database. The oldest samples are removed at 90 %, ingest stops at 100 %."
    )


class DeliverySettings(Block):
    """How deliveries are retried."""

    expires_after: Span = with_default("24h", "A delivery is retried for this long, then it is dead.")
    fallback_after: Wait = with_default(
        "10m", "The fallback is notified of a delivery that has failed for this long."
    )
    hold: Flag = with_default(
        False, "Hold deliveries, the fallback and escalation after each start, until `notifier release`."
    )
    allow_private_addresses: Flag = with_default(
        False, "Allow webhook and Slack addresses that are denied by default, including loopback and http://."
    )


class IngestSettings(Block):
    """Limits for one key."""

    rate_limit: Quota = with_default("600000/minute", "Events that one key may send.")
    new_incidents: Quota = with_default("10000/minute", "Incidents that one key may open.")
    max_event_bytes: Size = with_default("256KiB", "The largest event, after decompression.")
    max_body_bytes: Size = with_default("8MiB", "The largest request, after decompression.")


class RetentionSettings(Block):
    """How long finished data is kept."""

    events: Span = with_default("30d", "How long samples of events are kept.")
    incidents: Span = with_default("365d", "How long resolved incidents are kept.")
    deliveries: Span = with_default("30d", "How long finished deliveries are kept.")
    task_runs: Span = with_default("14d", "How long finished task runs are kept.")


class BackupSettings(Block):
    """Scheduled backups."""

    missing: ClassVar[dict[str, str]] = {"to": "a folder, which is made where there is none"}

    to: Text = Field(description="The folder for backups, preferably on another disk than the database.")
    every: Span = with_default("24h", "The next backup starts this long after the last one.")
    keep: Count = with_default(7, "Number of backups to keep. Older ones are removed.")


class Sections(Block):
    """The plain sections of the file."""

    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
    delivery: DeliverySettings = DeliverySettings()
    ingest: IngestSettings = IngestSettings()
    retention: RetentionSettings = RetentionSettings()
