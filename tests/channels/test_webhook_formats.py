"""The other forms of a webhook's body: Alertmanager's, PagerDuty's and CloudEvents'."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.channels import webhook
from notifier.channels.payloads import alertmanager, cloudevents, native, pagerduty
from notifier.domain.message import EpisodeSummary, Message, Told
from notifier.domain.notification import Reason
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.testing.messages import AT, EVENT, hostile, incident, message, message_about, several

FORMS: dict[str, Callable[[Message], bytes]] = {
    "alertmanager-v4": partial(alertmanager.payload, receiver="ops", url=None),
    "pagerduty-v2": partial(pagerduty.payload, routing_key="R"),
    "cloudevents": partial(cloudevents.payload, url="https://n.example.com"),
}


def standing(**counts: int) -> EpisodeSummary:
    return EpisodeSummary(
        **{"open": 0, "acknowledged": 0, "resolved": 0} | counts, events=1, incidents=(incident(),)
    )


def telling(reason: Reason, state: State, **changes: Any) -> Message:
    resolved_at = AT if state is State.RESOLVED else None
    return message_about(incident(state=state, resolved_at=resolved_at), reason, **changes)


def read(form: str, told: Message) -> Any:
    return json.loads(FORMS[form](told))


@pytest.mark.parametrize(
    ("state", "whole", "action"),
    [
        (State.OPEN, {"open": 1}, "trigger"),
        (State.ACKNOWLEDGED, {"acknowledged": 1}, "acknowledge"),
        (State.ACKNOWLEDGED, {"acknowledged": 1, "resolved": 3}, "acknowledge"),
        (State.ACKNOWLEDGED, {"open": 1, "acknowledged": 1}, "trigger"),
        (State.RESOLVED, {"open": 1, "resolved": 1}, "trigger"),
        (State.RESOLVED, {"acknowledged": 2, "resolved": 1}, "acknowledge"),
        (State.RESOLVED, {"resolved": 2}, "resolve"),
    ],
)
def test_pagerduty_follows_the_whole_group(state: State, whole: dict[str, int], action: str) -> None:
    """One alert for a thread: acknowledged once nothing is open, resolved once all is."""
    body = read("pagerduty-v2", telling(Reason.REPEATED, state, standing=standing(**whole)))
    assert (body["event_action"], body["dedup_key"]) == (action, "t-1")


@pytest.mark.parametrize("severity", Severity)
def test_pagerduty_gets_its_own_severities(severity: Severity) -> None:
    """Four words, of what is not over."""
    over = incident(id="i-2", severity=Severity.CRITICAL, state=State.RESOLVED)
    told = tuple(Told(incident=one, reason=Reason.OPENED) for one in (incident(severity=severity), over))
    body = read("pagerduty-v2", message(told=told))
    assert body["payload"]["severity"] == ("info" if severity is Severity.NONE else severity.value)


def test_alertmanagers_receivers_see_the_whole_group() -> None:
    """What is told, and what of the group is not over: one that is over among others is resolved in a firing group."""
    over = incident(id="i-2", fingerprint="v1:other", state=State.RESOLVED, resolved_at=AT)
    told = (Told(incident=over, reason=Reason.RESOLVED),)
    body = read("alertmanager-v4", message(told=told, standing=standing(open=1, resolved=1)))
    assert body["status"] == "firing"
    assert [(alert["status"], alert["endsAt"]) for alert in body["alerts"]] == [
        ("resolved", "2026-11-22T05:00:00Z"),
        ("firing", alertmanager.NEVER),
    ]
    first, second = (alert["fingerprint"] for alert in body["alerts"])
    assert first != second
    assert body["commonLabels"]["service"] == "billing"
    assert body["truncatedAlerts"] == 0


def test_an_alerts_name_stays_the_senders() -> None:
    """What came from Prometheus goes on under its `alertname`, and its fingerprint is that of the problem."""
    labels = {"alertname": "DiskFull", "service": "db"}
    one = read(
        "alertmanager-v4", message(told=(Told(incident=incident(labels=labels), reason=Reason.OPENED),))
    )
    again = read("alertmanager-v4", message_about(incident(id="i-9", number=9), Reason.REOPENED))
    assert one["alerts"][0]["labels"]["alertname"] == "DiskFull"
    assert one["alerts"][0]["fingerprint"] == again["alerts"][0]["fingerprint"]


def test_a_cloud_event_carries_the_same_data() -> None:
    """The data is that of notifier's own body; the id is the delivery's."""
    body = read("cloudevents", message())
    assert body["data"] == json.loads(native.payload(message()))["data"]
    assert (body["id"], body["specversion"], body["source"]) == (
        "0192f0d0aaaa",
        "1.0",
        "https://n.example.com",
    )


@pytest.mark.parametrize("form", FORMS)
def test_the_bytes_are_the_same_on_every_retry(form: str) -> None:
    """Stored and read back, and marked as a possible repeat."""
    first = message()
    again = Message.from_json(json.loads(json.dumps(message(possible_repeat=True).as_json())))
    assert FORMS[form](first) == FORMS[form](again)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_body(form: str, reason: Reason) -> None:
    """With a group and without one."""
    for told in (telling(reason, State.OPEN), message(told=(), reason=reason, group=None)):
        assert isinstance(read(form, told), dict)


@pytest.mark.parametrize("form", FORMS)
def test_hostile_texts_keep_to_the_size(form: str) -> None:
    """Of twenty incidents, in every field."""
    assert len(FORMS[form](hostile((), incidents=20))) < webhook.CAP


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 20),
    st.integers(0, 10**6),
    st.text() | st.builds(lambda char, n: char * n, st.characters(), st.integers(0, 5_000)),
    st.dictionaries(st.text(min_size=1), st.text(), max_size=30),
    st.none()
    | st.integers()
    | st.lists(st.none() | st.dictionaries(st.sampled_from(["title", "url"]), st.text())),
)
def test_any_body_is_small(
    form: str, count: int, more: int, title: str, labels: dict[str, str], links: Any
) -> None:
    """Whatever an event holds; what does not fit is counted."""
    event = {**EVENT, "message": title, "links": links}
    told = several(count, title=title, labels=labels, latest_event=event).told
    body = FORMS[form](message(told=told, more=more))
    assert len(body) < webhook.CAP
    document = json.loads(body)
    if form == "alertmanager-v4":
        assert len(document["alerts"]) + document["truncatedAlerts"] == count + more
    elif form == "pagerduty-v2":
        details = document["payload"]["custom_details"]
        assert len(details["incidents"]) + details["more"] == count + more
