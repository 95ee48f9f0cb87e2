"""The lifecycle of incidents: how a batch of events opens, raises, resolves or reopens them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal

from notifier.domain.event import Event
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.domain.time import Instant
from notifier.domain.value import Value
from notifier.policy.timekeeping import SET_BACK

FIRST_SAMPLES = 10

ChangeKind = Literal[
    "opened", "reopened", "severity_raised", "resolved", "woken", "varied", "counted", "late"
]


class IncidentBefore(Value, frozen=True, kw_only=True):
    """An incident before events are applied to it."""

    number: int
    id: str
    state: State
    severity: Severity
    labels: Mapping[str, str]
    varying: tuple[str, ...]
    count: int
    late: int
    first_seen: Instant
    last_seen: Instant
    resolved_at: Instant | None
    waiting: bool


class IncidentChange(Value, frozen=True, kw_only=True):
    """The change that events make to an incident.

    `incident` is the incident before, or None for a new one (`previous_id` then links to the resolved one before it).
    `counted` events are added to the count, `late` of them happened before the incident was resolved. The first
    `consumed` events are applied, the others belong to the following incident. `attention` means that alerting must
    look at the incident.
    """

    incident: IncidentBefore | None
    previous_id: str | None
    state: State
    severity: Severity
    labels: Mapping[str, str]
    varying: tuple[str, ...]
    first_seen: Instant
    last_seen: Instant
    resolved_at: Instant | None
    counted: Sequence[Event]
    late: int
    consumed: int
    kind: ChangeKind

    @property
    def count_before(self) -> int:
        """The incident's count before the events."""
        return 0 if self.incident is None else self.incident.count

    @property
    def attention(self) -> bool:
        return self.kind in {"opened", "reopened", "severity_raised", "resolved", "woken", "varied"}


def keeps_sample(seq: int) -> bool:
    """Whether the event that made the count `seq` is kept as a sample: the first ten, then powers of two."""
    return seq <= FIRST_SAMPLES or seq & (seq - 1) == 0


@lru_cache(maxsize=1_024)
def sample_numbers(before: int, last: int) -> tuple[int, ...]:
    """The counts from `before + 1` to `last` whose events are stored: those kept as samples, and the latest."""
    chosen = list(range(before + 1, min(last, FIRST_SAMPLES) + 1))
    power = 1 << max(before, FIRST_SAMPLES).bit_length()
    while power <= last:
        chosen.append(power)
        power <<= 1
    if not chosen or chosen[-1] != last:
        chosen.append(last)
    return tuple(chosen)


def apply_events(
    current: IncidentBefore | None, newest_resolved: IncidentBefore | None, events: Sequence[Event]
) -> IncidentChange | None:
    """Apply events of one identity, in order of arrival. Returns None if all of them resolve nothing.

    `current` is the unresolved incident; if there is none, `newest_resolved` is the last resolved one. Events are
    consumed up to and including the first that resolves. One that would resolve a newly opened incident is not
    consumed, since the incident needs its number first.
    """
    if current is not None:
        return _onto_open(current, events)
    skipped = 0
    if events[0].status != "firing":
        skipped = next((i for i, event in enumerate(events) if event.status == "firing"), len(events))
        if skipped == len(events):
            return None
    first = events[skipped]
    if newest_resolved is not None and newest_resolved.resolved_at is not None:
        if _is_late(first, newest_resolved.resolved_at):
            return _late(newest_resolved, newest_resolved.resolved_at, events, skipped)
        return _opened(events, skipped, newest_resolved.id)
    return _opened(events, skipped, None)


def _opened(events: Sequence[Event], skipped: int, previous_id: str | None) -> IncidentChange:
    first = events[skipped]
    labels, severity = first.labels, first.severity
    varying: tuple[str, ...] = ()
    end = len(events)
    counted = events
    # Most new incidents begin with a single event.
    if end > 1:
        end = next((i for i in range(skipped, end) if events[i].status == "resolved"), end)
        counted = events[skipped:end]
        labels, varying = _labels(labels, (), counted)
        severity = _highest(severity, counted)
        if severity is not first.severity:
            labels = {**labels, "severity": severity.value}
    return IncidentChange(
        incident=None,
        previous_id=previous_id,
        state=State.OPEN,
        severity=severity,
        labels=labels,
        varying=varying,
        first_seen=min([event.at for event in counted]),
        last_seen=max([event.at for event in counted]),
        resolved_at=None,
        counted=counted,
        late=0,
        consumed=end,
        kind="reopened" if previous_id else "opened",
    )


def _highest(severity: Severity, events: Sequence[Event]) -> Severity:
    for event in events:
        if event.severity is not severity and event.severity.rank > severity.rank:
            severity = event.severity
    return severity


def _onto_open(current: IncidentBefore, events: Sequence[Event]) -> IncidentChange:
    end = next((i for i, event in enumerate(events) if event.status == "resolved"), None)
    counted = events if end is None else events[:end]
    labels, varying = _labels(current.labels, current.varying, counted)
    severity = _highest(current.severity, counted)
    if severity is not current.severity:
        labels = {**labels, "severity": severity.value}
    kind: ChangeKind = "counted"
    if end is not None:
        kind = "resolved"
    elif severity is not current.severity:
        kind = "severity_raised"
    elif current.waiting and counted:
        kind = "woken"
    elif varying != current.varying:
        # Changed labels may end a silence or an inhibition.
        kind = "varied"
    return IncidentChange(
        incident=current,
        previous_id=None,
        state=current.state if end is None else State.RESOLVED,
        severity=severity,
        labels=labels,
        varying=varying,
        first_seen=min((current.first_seen, *(event.at for event in counted))),
        last_seen=max((current.last_seen, *(event.at for event in counted))),
        resolved_at=None if end is None else events[end].at,
        counted=counted,
        late=0,
        consumed=len(events) if end is None else end + 1,
        kind=kind,
    )


def _is_late(event: Event, resolved_at: Instant) -> bool:
    """Whether an event is from before its incident was resolved. What a clock ahead has resolved makes none late."""
    return event.at <= resolved_at <= event.received_at + SET_BACK


def _late(
    resolved: IncidentBefore, resolved_at: Instant, events: Sequence[Event], skipped: int
) -> IncidentChange:
    end = next((i for i in range(skipped, len(events)) if not _is_late(events[i], resolved_at)), len(events))
    counted = [event for event in events[skipped:end] if event.status == "firing"]
    return IncidentChange(
        incident=resolved,
        previous_id=None,
        state=resolved.state,
        severity=resolved.severity,
        labels=resolved.labels,
        varying=resolved.varying,
        first_seen=min((resolved.first_seen, *(event.at for event in counted))),
        last_seen=max((resolved.last_seen, *(event.at for event in counted))),
        resolved_at=resolved.resolved_at,
        counted=counted,
        late=len(counted),
        consumed=end,
        kind="late",
    )


def _labels(
    labels: Mapping[str, str], varying: tuple[str, ...], events: Sequence[Event]
) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """The opening event's labels without those for which a later event has another value."""
    previous: Mapping[str, str] | None = None
    gone: dict[str, None] = {}
    for event in events:
        if event.labels is previous or event.labels == previous:
            continue
        previous = event.labels
        for name, value in event.labels.items():
            if name != "severity" and labels.get(name, value) != value:
                gone[name] = None
    if not gone:
        return labels, varying
    kept_labels = {name: value for name, value in labels.items() if name not in gone}
    return kept_labels, tuple(sorted({*varying, *gone}))
