"""An event: one validated, scrubbed and immutable occurrence of an error, as posted to `/v1/events`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from notifier.domain.severity import Severity
from notifier.domain.time import Instant
from notifier.domain.value import Value


class Event(Value, frozen=True, kw_only=True):
    """An event as ingest passes it to the store.

    `at` is when it happened, corrected as RULES.md#incidents says; `received_at` is when it arrived. `labels` are the
    sender's, normalised to text, and the reserved ones. `document` is the whole sanitised and scrubbed event as JSON
    text, which a sample stores. `id_given` says whether the sender chose the id, so that duplicates can be
    recognised. `run` is the id of the task run that it comes from.
    """

    project: str
    id: str
    id_given: bool
    at: Instant
    received_at: Instant
    service: str
    environment: str
    severity: Severity
    fingerprint: str
    title: str
    labels: Mapping[str, str]
    status: Literal["firing", "resolved"]
    document: str
    run: str | None = None


class Rejection(Value, frozen=True, kw_only=True):
    """Why a posted event was not accepted.

    `path` names fields of the contract only (`exception.frames[3].line`). It is empty if the event as a whole is
    rejected: it is too large, or not a JSON object (`unreadable`).
    """

    path: str
    message: str
    reason: Literal["invalid", "too_large", "unreadable"] = "invalid"
