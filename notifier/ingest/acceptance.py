"""Acceptance: how events of every format get into the database.

A format (`formats/reading.py`) is a pure function from a body and its headers to items. An item is an event as JSON
text or as a decoded tree, with the fields of `schema.EventBody`. `Acceptance.take` reads the items and returns once
they are committed and fsynced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import msgspec
from prometheus_client import Counter

from notifier.domain.errors import Overloaded, StoreError, StoreFull
from notifier.domain.event import Rejection
from notifier.domain.time import SECOND, Duration, Instant
from notifier.ingest.commit import GroupCommit
from notifier.ingest.intake import StoredEvent
from notifier.ingest.normalize import Accepted, EventItem, Normalizer
from notifier.ingest.quota import KeyQuota
from notifier.telemetry.metrics import Metrics

FULL_RETRY_AFTER: Final = 30 * SECOND
UNAVAILABLE_RETRY_AFTER: Final = SECOND


class EventSource(Protocol):
    """The API key that events come with. Quotas count by `key_id`; events that name no service get `service`."""

    @property
    def key_id(self) -> str: ...
    @property
    def project(self) -> str: ...
    @property
    def service(self) -> str | None: ...


class EventResult(msgspec.Struct, frozen=True, gc=False):
    """A stored event, in the field order of the API's response.

    `incident_id` is None if the event resolved nothing. `warnings` are sentences.
    """

    id: str
    incident_id: str | None
    status: Literal["accepted", "duplicate"]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptanceResult:
    """One result per item, in order. `stored` is true if at least one event is in the database."""

    results: Sequence[EventResult | Rejection]
    stored: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """A temporary refusal: nothing was stored, and the request can be repeated after `retry_after` milliseconds.

    `quota`: the key has used up `ingest.rate_limit`. `backlog`: too many events wait for a commit. `database`: the
    write failed or its result is unknown, which event ids make safe to repeat.
    """

    reason: Literal["quota", "backlog", "database"]
    retry_after: Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Full:
    """A refusal because the disk or `database.max_size` is full. It can be repeated after `retry_after` ms."""

    retry_after: Duration = FULL_RETRY_AFTER


class Acceptance:
    """Stores events: limits, lenient parsing, scrubbing, quota, group commit.

    A reload that changes the limits replaces `normalizer`. The storm guard is part of the commit.
    """

    def __init__(
        self, *, normalizer: Normalizer, quota: KeyQuota, commit: GroupCommit, metrics: Metrics
    ) -> None:
        self.normalizer = normalizer
        self._quota = quota
        self._commit = commit
        self._metrics = metrics
        self._counters: dict[str, _Counters] = {}
        self._counters_of("native")

    async def take(
        self,
        source: EventSource,
        items: Sequence[EventItem],
        now: Instant,
        *,
        sent_at: Instant | None = None,
        format_: str = "native",
    ) -> AcceptanceResult | Busy | Full:
        """Returns once the events are committed. `sent_at` is the time of sending by the sender's clock.

        `format_` is the name of the events' format, by which metrics count them.
        """
        read = self.normalizer.read(
            items, project=source.project, received_at=now, sent_at=sent_at, service=source.service
        )
        events = [item.event for item in read if not isinstance(item, Rejection)]
        wait = self._quota.take(source.key_id, len(events), now)
        if wait is not None:
            return Busy(reason="quota", retry_after=wait)
        stored: Sequence[StoredEvent] = ()
        if events:
            try:
                stored = await self._commit.submit(source.key_id, events)
            except Overloaded as error:
                return Busy(reason="backlog", retry_after=error.retry_after)
            except StoreFull:
                return Full()
            except StoreError:
                return Busy(reason="database", retry_after=UNAVAILABLE_RETRY_AFTER)
        return AcceptanceResult(
            results=_results(read, stored, self._counters_of(format_)), stored=bool(stored)
        )

    def _counters_of(self, name: str) -> _Counters:
        counters = self._counters.get(name)
        if counters is None:
            events = self._metrics.events
            counters = self._counters[name] = _Counters(
                accepted=events.labels("accepted", name),
                duplicates=events.labels("duplicate", name),
                rejected=events.labels("rejected", name),
            )
        return counters


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counters:
    """The counters of one format's events, by result."""

    accepted: Counter
    duplicates: Counter
    rejected: Counter


def _results(
    read: Sequence[Accepted | Rejection], stored: Sequence[StoredEvent], counters: _Counters
) -> list[EventResult | Rejection]:
    following = iter(stored)
    results: list[EventResult | Rejection] = []
    for item in read:
        if isinstance(item, Rejection):
            counters.rejected.inc()
            results.append(item)
            continue
        event = next(following)
        if event.duplicate:
            counters.duplicates.inc()
            results.append(EventResult(item.event.id, event.incident_id, "duplicate", item.warnings))
        else:
            counters.accepted.inc()
            results.append(EventResult(item.event.id, event.incident_id, "accepted", item.warnings))
    return results
