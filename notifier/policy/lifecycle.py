"""What a run of events does to the incident of their identity: opened, raised, resolved, reopened, late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from notifier.domain.event import Event, Severity
from notifier.domain.incident import State
from notifier.domain.time import Instant

FIRST_SAMPLES = 10

Change = Literal["opened", "reopened", "severity_raised", "resolved", "woken", "varied", "counted", "late"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the fold needs to know of an incident that exists."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """One incident after a run of events.

    `standing` is None for a new incident (`previous_id` then links to the resolved one before it). `counted` events are
    added to the count, `late` of them told to nobody. `taken` events of the run were consumed: the rest belongs to the
    incident that follows and is folded anew. `attention` says that alerting must look.
    """

    standing: Standing | None
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
    taken: int
    change: Change

    @property
    def before(self) -> int:
        """The count before this run."""
        return 0 if self.standing is None else self.standing.count

    @property
    def attention(self) -> bool:
        return self.change in {"opened", "reopened", "severity_raised", "resolved", "woken", "varied"}


def kept(seq: int) -> bool:
    """Whether the event that made the count `seq` stays a sample for good: the first ten, then powers of two."""
    return seq <= FIRST_SAMPLES or seq & (seq - 1) == 0


def sampled(before: int, last: int) -> list[int]:
    """Which of the events that made the count `before + 1` to `last` are stored: kept for good, and the newest."""
    chosen = list(range(before + 1, min(last, FIRST_SAMPLES) + 1))
    power = 1 << max(before, FIRST_SAMPLES).bit_length()
    while power <= last:
        chosen.append(power)
        power <<= 1
    if not chosen or chosen[-1] != last:
        chosen.append(last)
    return chosen


def fold(current: Standing | None, newest_resolved: Standing | None, run: Sequence[Event]) -> Fold | None:
    """Apply a run of one identity's events, in order of arrival, to the incident that is not resolved, if any.

    A run ends after the event that resolves, and before one that would resolve an incident which this run has opened:
    the store numbers it first. None: the whole run was resolutions of nothing.
    """
    if current is not None:
        return _onto_open(current, run)
    skipped = next((i for i, event in enumerate(run) if event.status == "firing"), len(run))
    if skipped == len(run):
        return None
    first = run[skipped]
    if newest_resolved is not None and newest_resolved.resolved_at is not None:
        if first.at <= newest_resolved.resolved_at:
            return _late(newest_resolved, newest_resolved.resolved_at, run, skipped)
        return _opened(run, skipped, newest_resolved.id)
    return _opened(run, skipped, None)


def _opened(run: Sequence[Event], skipped: int, previous_id: str | None) -> Fold:
    end = next((i for i in range(skipped, len(run)) if run[i].status == "resolved"), len(run))
    counted = run[skipped:end]
    first = counted[0]
    labels, varying = _labels(first.labels, (), counted)
    severity = _highest(first.severity, counted)
    if severity is not first.severity:
        labels = {**labels, "severity": severity.value}
    return Fold(
        standing=None,
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
        taken=end,
        change="reopened" if previous_id else "opened",
    )


def _highest(severity: Severity, events: Sequence[Event]) -> Severity:
    for event in events:
        if event.severity is not severity and event.severity.rank > severity.rank:
            severity = event.severity
    return severity


def _onto_open(current: Standing, run: Sequence[Event]) -> Fold:
    end = next((i for i, event in enumerate(run) if event.status == "resolved"), None)
    counted = run if end is None else run[:end]
    labels, varying = _labels(current.labels, current.varying, counted)
    severity = _highest(current.severity, counted)
    if severity is not current.severity:
        labels = {**labels, "severity": severity.value}
    change: Change = "counted"
    if end is not None:
        change = "resolved"
    elif severity is not current.severity:
        change = "severity_raised"
    elif current.waiting and counted:
        change = "woken"
    elif varying != current.varying:
        # What silenced or inhibited it may match no longer.
        change = "varied"
    return Fold(
        standing=current,
        previous_id=None,
        state=current.state if end is None else State.RESOLVED,
        severity=severity,
        labels=labels,
        varying=varying,
        first_seen=min((current.first_seen, *(event.at for event in counted))),
        last_seen=max((current.last_seen, *(event.at for event in counted))),
        resolved_at=None if end is None else run[end].at,
        counted=counted,
        late=0,
        taken=len(run) if end is None else end + 1,
        change=change,
    )


def _late(resolved: Standing, resolved_at: Instant, run: Sequence[Event], skipped: int) -> Fold:
    end = next((i for i in range(skipped, len(run)) if run[i].at > resolved_at), len(run))
    counted = [event for event in run[skipped:end] if event.status == "firing"]
    return Fold(
        standing=resolved,
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
        taken=end,
        change="late",
    )


def _labels(
    labels: Mapping[str, str], varying: tuple[str, ...], events: Sequence[Event]
) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """The opening event's labels without those of which a later event has another value."""
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
