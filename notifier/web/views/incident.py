"""The page of an incident."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from notifier.domain.delivery import DeliveryState
from notifier.domain.direction import isolated
from notifier.domain.incident import Incident
from notifier.domain.incident_history import IncidentHistory, SentDelivery
from notifier.domain.matcher import Matcher
from notifier.domain.notification import HeldBy
from notifier.domain.state import State
from notifier.domain.task_run import Replayable, RunState, TaskRun
from notifier.domain.time import Duration, Instant
from notifier.ingest.grouping import Grouping
from notifier.oncall.incident_details import EarlierIncident, IncidentDetails
from notifier.web.views.act_end import CHOICES
from notifier.web.views.charts import BarChart, bar_chart
from notifier.wording.delivery_sentences import delivery_result
from notifier.wording.grouping import GroupingSentences, grouping_sentences
from notifier.wording.links import PageLink, page_links
from notifier.wording.reasons import owner, service_of
from notifier.wording.text import TITLE, escaped_unseen, inline, multiline, plain
from notifier.wording.timeline import HistoryItem
from notifier.wording.tracebacks import PrintedTraceback, traceback_of

DELIVERIES_AT_MOST = 50
HISTORY_AT_MOST = 100
CONTEXT_CHARS = 20_000

ActName = Literal["acknowledge", "take_over", "unacknowledge", "snooze", "unsnooze", "resolve", "reopen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentAct:
    """A button. `until` says whether the act can have an end, or needs one."""

    name: ActName
    label: str
    means: str
    until: Literal["may", "must"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFact:
    """A label of the incident, and a search for all incidents with it."""

    name: str
    value: str
    search: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentDelivery:
    """A delivery about the incident: its target, and the answer. `dead` ones can be sent again."""

    id: str
    channel: str
    target: str
    reason: str
    state: str
    at: Instant
    answer: str
    attempts: int
    dead: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentRun:
    """A task run with events in this incident. `replay` is true if it can be run again."""

    id: str
    task: str
    state: str
    attempts: str
    at: Instant
    duration_ms: float | None
    error: str | None
    replay: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierEnding:
    """How an earlier incident of the same problem ended."""

    id: str
    number: int
    opened_at: Instant
    lasted: Duration | None
    how: str
    count: int
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleChoice:
    """A sample to choose: the event that was number `seq`."""

    seq: int
    at: Instant
    shown: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentEvidence:
    """A sample of the incident's events. `message` is its own message if the title differs from it.

    `links_from` is the sample whose links are shown if the shown one has none. `shown` is the sample's position,
    `chosen` is true if it is not the newest.
    """

    links: tuple[PageLink, ...]
    links_from: SampleChoice | None
    message: str | None
    traceback: PrintedTraceback
    facts: tuple[tuple[str, str], ...]
    labels: tuple[LabelFact, ...]
    varying: tuple[str, ...]
    context: str | None
    chart: BarChart
    samples: tuple[SampleChoice, ...]
    shown: int | None
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentView:
    """The page. `holds` are sentences about what holds the incident and until when; `coming` is what is due next.

    `buttons` are the two most important acts in its state, `more` the others and those with an end. `older` counts the
    history items that are not shown. `groups` are ids and routes of the groups that tell of it. `problem` is the reason
    why an act was refused, and `note` the text that was sent with it.
    """

    incident: Incident
    title: str
    service: str
    now: Instant
    owner: str | None
    acknowledged_until: Instant | None
    snoozed_by: str | None
    snoozed_until: Instant | None
    holds: tuple[str, ...]
    buttons: tuple[IncidentAct, ...]
    more: tuple[IncidentAct, ...]
    choices: Mapping[str, tuple[str, Duration]]
    evidence: IncidentEvidence
    coming: tuple[HistoryItem, ...]
    history: tuple[HistoryItem, ...]
    older: int
    whole: bool
    truncated: bool
    grouping: GroupingSentences | None
    deliveries: tuple[IncidentDelivery, ...]
    runs: tuple[IncidentRun, ...]
    earlier: tuple[EarlierEnding, ...]
    later: tuple[int, str] | None
    groups: tuple[tuple[str, str], ...]
    problem: str | None
    note: str


def incident_view(
    details: IncidentDetails,
    grouping: Grouping | None,
    groups: tuple[tuple[str, str], ...],
    *,
    viewer: str,
    whole: bool = False,
    problem: str | None = None,
    note: str = "",
) -> IncidentView:
    """The page for a person. `grouping` is None if the shown sample cannot be explained.

    `whole` shows the complete history.
    """
    incident, history = details.incident, details.history
    items = details.timeline.items
    coming = tuple(item for item in items if item.kind == "next")
    past = tuple(item for item in reversed(items) if item.kind != "next")
    snoozed = history.snoozed_until is not None and history.snoozed_until > details.now
    acts = tuple(_acts(incident, viewer=viewer, snoozed=snoozed, later=details.later is not None))
    return IncidentView(
        incident=incident,
        title=plain(incident.title, TITLE) or "(no title)",
        service=service_of(incident),
        now=details.now,
        owner=owner(incident),
        acknowledged_until=history.acknowledged_until if incident.state is State.ACKNOWLEDGED else None,
        snoozed_by=history.snoozed_by if snoozed else None,
        snoozed_until=history.snoozed_until if snoozed else None,
        holds=tuple(
            dict.fromkeys(item.text for item in coming if item.held_by not in {None, HeldBy.ACKNOWLEDGED})
        ),
        buttons=acts[:2],
        more=tuple(act for place, act in enumerate(acts) if place > 1 or act.until is not None),
        choices=CHOICES,
        evidence=_evidence(details),
        coming=coming,
        history=past if whole else past[:HISTORY_AT_MOST],
        whole=whole,
        older=0 if whole else max(0, len(past) - HISTORY_AT_MOST),
        truncated=details.timeline.truncated,
        grouping=_grouping(grouping, incident),
        deliveries=tuple(_deliveries(history)),
        runs=tuple(map(_run, details.runs)),
        earlier=tuple(map(_earlier, details.earlier)),
        later=details.later,
        groups=groups,
        problem=problem,
        note=note,
    )


def _evidence(details: IncidentDetails) -> IncidentEvidence:
    incident = details.incident
    event, labels = incident.latest_event, tuple(_labels(incident))
    named = {(label.name, label.value) for label in labels}
    samples = tuple(
        SampleChoice(seq=sample.seq, at=sample.at, shown=sample.seq == details.shown)
        for sample in details.samples
    )
    places = {sample.id: choice for sample, choice in zip(details.samples, samples, strict=True)}
    return IncidentEvidence(
        links=page_links(event),
        links_from=None if event is None else places.get(event.get("links_from") or ""),
        message=_message(incident, event),
        traceback=traceback_of(event),
        facts=tuple(fact for fact in _facts(event) if fact not in named),
        labels=labels,
        varying=tuple(plain(name) for name in incident.varying),
        context=_context(event),
        chart=_chart(details),
        samples=samples,
        shown=details.shown,
        chosen=bool(details.samples) and details.shown != details.samples[0].seq,
    )


_ACKNOWLEDGE = "Repeats and escalation stop, and everybody who was alerted learns that it is yours."


def _acts(incident: Incident, *, viewer: str, snoozed: bool, later: bool) -> Iterator[IncidentAct]:
    """The acts that this person can do in this state, most important first."""
    if incident.state is State.RESOLVED:
        if not later:
            yield IncidentAct(name="reopen", label="Reopen", means="It is open again, and its alert is sent.")
        return
    theirs = incident.state is State.ACKNOWLEDGED and incident.acknowledged_by != viewer
    if incident.state is State.OPEN:
        yield IncidentAct(name="acknowledge", label="Acknowledge", means=_ACKNOWLEDGE, until="may")
    elif theirs:
        yield IncidentAct(name="take_over", label="Take over", means=_ACKNOWLEDGE, until="may")
    yield IncidentAct(
        name="resolve", label="Resolve", means="It is over, and everybody who was alerted is told."
    )
    if incident.state is State.ACKNOWLEDGED:
        means = "It is open again, with no owner."
        yield IncidentAct(name="unacknowledge", label="Unacknowledge", means=means)
        if not theirs:
            means = "It stays yours until a different time."
            yield IncidentAct(name="acknowledge", label="Acknowledge", means=means, until="may")
    if snoozed:
        yield IncidentAct(
            name="unsnooze", label="End the snooze", means="If it is open, its alert is sent now."
        )
    else:
        means = "No alerts until then, except when it is resolved."
        yield IncidentAct(name="snooze", label="Snooze", means=means, until="must")


def _message(incident: Incident, event: Mapping[str, Any] | None) -> str | None:
    """The event's full message, unless the title or the traceback contains it."""
    message = event.get("message") if isinstance(event, Mapping) else None
    text = multiline(message, 8_192) if isinstance(message, str) else ""
    return None if not text or text == incident.title else text


_FACTS = ("release", "host", "trace_id")


def _facts(event: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    if not isinstance(event, Mapping):
        return
    for name in _FACTS:
        if event.get(name):
            yield name.replace("_", " "), plain(event[name])
    task = event.get("task")
    if isinstance(task, Mapping) and task.get("name"):
        of = f" of {task['max_attempts']}" if isinstance(task.get("max_attempts"), int) else ""
        attempt = f", attempt {task['attempt']}{of}" if isinstance(task.get("attempt"), int) else ""
        yield "task", f"{inline(task['name'])}{attempt}"


def _labels(incident: Incident) -> Iterator[LabelFact]:
    for name, value in incident.labels.items():
        search = str(Matcher(name=name, op="=", value=value))
        yield LabelFact(name=plain(name, 100), value=plain(value, 256), search=search)


def _context(event: Mapping[str, Any] | None) -> str | None:
    context = event.get("context") if isinstance(event, Mapping) else None
    if not context:
        return None
    text = escaped_unseen(json.dumps(context, indent=2, ensure_ascii=False))
    return text if len(text) <= CONTEXT_CHARS else f"{text[:CONTEXT_CHARS]}\n…"


def _chart(details: IncidentDetails) -> BarChart:
    found = details.occurrences
    return bar_chart(found.counts, since=found.since, span=found.width)


def _grouping(grouping: Grouping | None, incident: Incident) -> GroupingSentences | None:
    return None if grouping is None else grouping_sentences(grouping.explanation, stored=incident.fingerprint)


def _deliveries(history: IncidentHistory) -> Iterator[IncidentDelivery]:
    for delivery in list(reversed(history.deliveries))[:DELIVERIES_AT_MOST]:
        yield IncidentDelivery(
            id=delivery.id,
            channel=delivery.channel,
            target=plain(delivery.target),
            reason=delivery.reason.value,
            state=delivery.state.value,
            at=delivery.finished_at or delivery.created_at,
            answer=_answer(delivery),
            attempts=delivery.attempts,
            dead=delivery.state is DeliveryState.DEAD,
        )


def _answer(delivery: SentDelivery) -> str:
    """The receiver's answer, or what a pending delivery waits for."""
    if delivery.state is DeliveryState.PENDING:
        return delivery_result(delivery)
    outcome = "" if delivery.outcome is None else delivery.outcome.value
    if outcome == delivery.state.value:
        outcome = ""
    return ": ".join(part for part in (outcome, inline(delivery.detail or "", 300)) if part)


def _run(run: TaskRun) -> IncidentRun:
    of = "" if run.max_attempts is None else f" of {run.max_attempts}"
    error = run.error if isinstance(run.error, Mapping) else {}
    said = (inline(error.get(name) or "", 200) for name in ("type", "message"))
    return IncidentRun(
        id=run.id,
        task=plain(run.task),
        state=run.state.value,
        attempts=f"{run.attempt}{of}",
        at=run.finished_at or run.began_at or run.created_at,
        duration_ms=run.duration_ms,
        error=": ".join(part for part in said if part) or None,
        replay=run.state in {RunState.FAILED, RunState.LOST} and run.replayable is Replayable.YES,
    )


_BY = {
    "auto": "by itself: no event came any more",
    "event": "by an event that said so",
    "expired": "by itself: its sender posted it no more",
    "recovered": "by itself: the runs that failed were made good",
}


def _earlier(before: EarlierIncident) -> EarlierEnding:
    by = before.resolved_by or ""
    note = None if before.note is None else multiline(before.note, 1_000)
    return EarlierEnding(
        id=before.id,
        number=before.number,
        opened_at=before.opened_at,
        lasted=None if before.resolved_at is None else before.resolved_at - before.opened_at,
        how=_BY.get(by) or f"by {inline(by, 100) or 'somebody'}",
        count=before.count,
        note=None if note is None else f"{inline(before.noted_by or '', 100)}: {isolated(note)}",
    )
