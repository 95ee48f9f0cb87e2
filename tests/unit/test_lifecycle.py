"""What a run of events does to an incident (RULES.md#incidents), rule by rule."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.event import Event
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.domain.value import replace
from notifier.policy.lifecycle import (
    IncidentBefore,
    IncidentChange,
    apply_events,
    keeps_sample,
    sample_numbers,
)

NOW = 1_000_000
LABELS = {"project": "p", "service": "billing", "environment": "production"}
OPEN = IncidentBefore(
    number=7,
    id="i-7",
    state=State.OPEN,
    severity=Severity.WARNING,
    labels={**LABELS, "severity": "warning", "region": "eu"},
    varying=(),
    count=3,
    late=0,
    first_seen=NOW - 500,
    last_seen=NOW - 100,
    resolved_at=None,
    waiting=False,
)
RESOLVED = replace(OPEN, state=State.RESOLVED, resolved_at=NOW)


def event(
    at: int = NOW + 1, severity: Severity = Severity.WARNING, status: str = "firing", **labels: str
) -> Event:
    values: dict[str, Any] = {
        "project": "p", "id": "e", "id_given": False, "at": at, "received_at": at, "service": "billing",
        "environment": "production", "severity": severity, "fingerprint": "f", "title": "t",
        "labels": {**LABELS, "severity": severity.value, **labels}, "status": status, "document": "{}",
    }  # fmt: skip
    return Event(**values)


def done(current: IncidentBefore | None, resolved: IncidentBefore | None, *run: Event) -> IncidentChange:
    result = apply_events(current, resolved, run)
    assert result is not None
    return result


def test_the_first_event_opens() -> None:
    """A new incident has the event's labels and severity, and alerting must look."""
    result = done(None, None, event(severity=Severity.ERROR, region="eu"))
    assert (result.kind, result.state, result.severity) == ("opened", State.OPEN, Severity.ERROR)
    assert (result.incident, result.previous_id, result.count_before) == (None, None, 0)
    assert result.labels == {**LABELS, "severity": "error", "region": "eu"}
    assert result.attention


def test_labels_are_those_of_the_opening_event() -> None:
    """A name that only a later event has is neither a label nor varying."""
    result = done(None, None, event(region="eu"), event(region="eu", zone="1"), event(zone="2"))
    assert result.labels == {**LABELS, "severity": "warning", "region": "eu"}
    assert result.varying == ()


def test_a_label_that_differs_later_leaves_and_is_named() -> None:
    """It does not come back with its old value, and the names stay sorted."""
    first = done(OPEN, None, event(region="us"))
    assert "region" not in first.labels
    assert first.varying == ("region",)
    incident = replace(OPEN, labels=first.labels, varying=first.varying)
    second = done(incident, None, event(region="eu", service="other"))
    assert second.varying == ("region", "service")
    assert second.labels == {"project": "p", "environment": "production", "severity": "warning"}


def test_a_missing_label_is_no_difference() -> None:
    """An event that lacks a label says nothing about it."""
    assert done(OPEN, None, event()).varying == ()


@pytest.mark.parametrize(
    ("severity", "change", "after"),
    [
        (Severity.INFO, "counted", Severity.WARNING),
        (Severity.WARNING, "counted", Severity.WARNING),
        (Severity.ERROR, "severity_raised", Severity.ERROR),
        (Severity.CRITICAL, "severity_raised", Severity.CRITICAL),
    ],
)
def test_severity_is_the_highest_so_far(severity: Severity, change: str, after: Severity) -> None:
    """It only rises, the label follows it, and it never varies."""
    result = done(OPEN, None, event(severity=severity))
    assert (result.kind, result.severity, result.labels["severity"]) == (change, after, after.value)
    assert "severity" not in result.varying
    assert result.attention == (change != "counted")


def test_a_rise_inside_the_opening_run_is_no_separate_change() -> None:
    """Opened at its highest: one reason, not two."""
    result = done(None, None, event(severity=Severity.INFO), event(severity=Severity.CRITICAL))
    assert (result.kind, result.severity, result.labels["severity"]) == (
        "opened",
        Severity.CRITICAL,
        "critical",
    )


def test_an_acknowledged_incident_counts_and_stays_acknowledged() -> None:
    """Events do not undo an acknowledgement."""
    incident = replace(OPEN, state=State.ACKNOWLEDGED)
    assert done(incident, None, event()).state is State.ACKNOWLEDGED
    assert done(incident, None, event(status="resolved")).state is State.RESOLVED


def test_a_waiting_incident_is_woken_by_its_next_event() -> None:
    """And only by an event: a raise and a resolution speak for themselves."""
    waiting = replace(OPEN, waiting=True)
    assert done(waiting, None, event()).kind == "woken"
    assert done(waiting, None, event()).attention
    assert done(waiting, None, event(severity=Severity.CRITICAL)).kind == "severity_raised"
    assert done(waiting, None, event(status="resolved")).kind == "resolved"


def test_a_resolution_ends_the_run() -> None:
    """What came before it is counted, what follows belongs to the next incident."""
    result = done(OPEN, None, event(), event(NOW + 2, status="resolved"), event(NOW + 3))
    assert (result.kind, result.state, result.resolved_at) == ("resolved", State.RESOLVED, NOW + 2)
    assert (len(result.counted), result.consumed, result.attention) == (1, 2, True)


def test_a_resolution_counts_no_event() -> None:
    """It is no error occurrence: count and times stay."""
    result = done(OPEN, None, event(NOW + 900, status="resolved"))
    assert (len(result.counted), result.last_seen) == (0, OPEN.last_seen)


def test_a_resolution_in_the_opening_run_waits_for_its_number() -> None:
    """The store numbers what opens before it resolves it, in a second round."""
    result = done(None, None, event(), event(), event(status="resolved"), event())
    assert (result.kind, result.state, result.consumed, len(result.counted)) == ("opened", State.OPEN, 2, 2)


def test_resolutions_of_nothing_are_nothing() -> None:
    """With no open incident a resolution has nothing to do."""
    assert apply_events(None, None, [event(status="resolved")]) is None
    assert apply_events(None, RESOLVED, [event(status="resolved"), event(status="resolved")]) is None


def test_resolutions_of_nothing_before_an_event_are_skipped() -> None:
    """They belong to the run, and are not counted."""
    result = done(None, None, event(status="resolved"), event())
    assert (result.kind, len(result.counted), result.consumed) == ("opened", 1, 2)


def test_an_event_after_the_resolution_reopens_as_a_new_incident() -> None:
    """It starts from its own event, and knows the incident before."""
    result = done(None, RESOLVED, event(NOW + 1, Severity.INFO, region="us"))
    assert (result.kind, result.incident, result.previous_id) == ("reopened", None, "i-7")
    assert (result.severity, result.labels["region"], result.varying) == (Severity.INFO, "us", ())


@pytest.mark.parametrize("at", [NOW - 1, NOW])
def test_an_event_not_after_the_resolution_is_late(at: int) -> None:
    """It counts on the resolved incident, told to nobody, and changes neither labels nor severity."""
    result = done(None, RESOLVED, event(at, Severity.CRITICAL, region="us"))
    assert (result.kind, result.late, len(result.counted), result.attention) == ("late", 1, 1, False)
    assert (result.state, result.resolved_at) == (State.RESOLVED, NOW)
    assert (result.labels, result.severity, result.varying) == (OPEN.labels, Severity.WARNING, ())


def test_late_events_end_where_the_new_incident_begins() -> None:
    """A replayed spool: the old ones count as late, the first new one is left for the next round."""
    result = done(
        None, RESOLVED, event(NOW - 9), event(NOW - 8, status="resolved"), event(NOW - 7), event(NOW + 1)
    )
    assert (result.late, len(result.counted), result.consumed) == (2, 2, 3)


def test_times_are_the_outermost() -> None:
    """Events come in any order: first and last seen are the earliest and the latest."""
    result = done(OPEN, None, event(NOW + 50), event(NOW - 9_000), event(NOW + 20))
    assert (result.first_seen, result.last_seen) == (NOW - 9_000, NOW + 50)
    opened = done(None, None, event(NOW + 50), event(NOW + 10))
    assert (opened.first_seen, opened.last_seen) == (NOW + 10, NOW + 50)


def test_samples_are_the_first_ten_then_powers_of_two() -> None:
    """The tenth stays, the eleventh goes, the sixteenth stays."""
    assert [seq for seq in range(1, 70) if keeps_sample(seq)] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 16, 32, 64]


@given(before=st.integers(0, 300), more=st.integers(1, 300))
def test_stored_are_the_samples_for_good_and_the_newest(before: int, more: int) -> None:
    last = before + more
    expected = [seq for seq in range(before + 1, last + 1) if keeps_sample(seq) or seq == last]
    assert list(sample_numbers(before, last)) == expected


def test_late_events_widen_the_times_of_what_is_resolved() -> None:
    """The earliest and the latest of what was seen before and of the late events."""
    resolved = replace(RESOLVED, first_seen=NOW - 500, last_seen=NOW - 100)
    earlier = done(None, resolved, event(NOW - 9_000))
    assert (earlier.kind, earlier.first_seen, earlier.last_seen) == ("late", NOW - 9_000, NOW - 100)
    later = done(None, resolved, event(NOW - 50))
    assert (later.kind, later.first_seen, later.last_seen) == ("late", NOW - 500, NOW - 50)
