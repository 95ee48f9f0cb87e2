"""Acceptance: the way that events of every format take into the database, whoever carried them.

A format (`formats/reading.py`) is a pure function from a body and its headers to items: an event's JSON text, or a tree
of JSON's values, with the fields of `schema.EventBody`. `Acceptance.take` reads them, and answers when they are
committed and fsynced.
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

FULL_FOR: Final = 30 * SECOND
UNAVAILABLE_FOR: Final = SECOND


class EventSource(Protocol):
    """The key that events come with: its id, which quotas count by, its project, and whose are those that name none."""

    @property
    def key_id(self) -> str: ...
    @property
    def project(self) -> str: ...
    @property
    def service(self) -> str | None: ...


class EventResult(msgspec.Struct, frozen=True, gc=False):
    """An event that is stored, or was before. The fields are those of the answer to a native event, in its order.

    `incident_id` is the incident that counts the event; None: a resolution of nothing. `warnings` are sentences.
    """

    id: str
    incident_id: str | None
    status: Literal["accepted", "duplicate"]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A result for each item, in order. `stored`: at least one event is in the database."""

    results: Sequence[EventResult | Rejection]
    stored: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """A refusal for a while: nothing was stored, and the same may come again after `retry_after` milliseconds.

    `quota`: the key's ingest.rate_limit is used up. `backlog`: too much waits for a commit. `database`: it could not
    store them, or not say whether it has; ids make a repeat safe.
    """

    reason: Literal["quota", "backlog", "database"]
    retry_after: Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Full:
    """A refusal because the disk or `database.max_size` is full; the same may come again after `retry_after` ms."""

    retry_after: Duration = FULL_FOR


class Acceptance:
    """Takes events: limits, lenient reading, scrubbing, quota, storm guard, group commit.

    `normalizer` is replaced where a reload changes its limits. The storm guard is the commit's.
    """

    def __init__(
        self, *, normalizer: Normalizer, quota: KeyQuota, commit: GroupCommit, metrics: Metrics
    ) -> None:
        self.normalizer = normalizer
        self._quota = quota
        self._commit = commit
        self._metrics = metrics
        self._counted: dict[str, _Counters] = {}
        self._of_format("native")

    async def take(
        self,
        source: EventSource,
        items: Sequence[EventItem],
        now: Instant,
        *,
        sent_at: Instant | None = None,
        format_: str = "native",
    ) -> Taken | Busy | Full:
        """Wait until the events are committed. `sent_at` is the moment of sending by the sender's own clock.

        `format_` is the name of the format that they came in: they are counted by it.
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
                return Busy(reason="database", retry_after=UNAVAILABLE_FOR)
        return Taken(results=_results(read, stored, self._of_format(format_)), stored=bool(stored))

    def _of_format(self, name: str) -> _Counters:
        counters = self._counted.get(name)
        if counters is None:
            events = self._metrics.events
            counters = self._counted[name] = _Counters(
                accepted=events.labels("accepted", name),
                duplicates=events.labels("duplicate", name),
                rejected=events.labels("rejected", name),
            )
        return counters


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counters:
    """Counts of one format's events by what became of them."""

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
