"""An event: one validated, scrubbed, immutable error occurrence, as posted to `/v1/events`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from notifier.domain.severity import Severity
from notifier.domain.time import Instant
from notifier.domain.value import Value


class Event(Value, frozen=True, kw_only=True):
    """An event as ingest hands it to the store.

    `at` is when it happened by notifier's reckoning (RULES.md#incidents), `received_at` when it came.
    `labels` are the sender's, normalised to `str: str`, plus the reserved ones. `document` is the whole sanitised and
    scrubbed event in the contract's JSON form, as UTF-8 text: what a sample keeps. `id_given` says whether the sender
    chose the id: only then can a duplicate come. `run` is the task run that it comes from.
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
    """Why one posted event was not accepted.

    `path` names contract fields only (`exception.frames[3].line`), empty where the event as a whole is meant: it is too
    large, or `unreadable`, no JSON object.
    """

    path: str
    message: str
    reason: Literal["invalid", "too_large", "unreadable"] = "invalid"
