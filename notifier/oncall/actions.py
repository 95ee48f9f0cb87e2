"""People's actions on one incident: acknowledge, snooze, undo either, resolve, reopen, note.

Each is a function of an open transaction that returns the incident's id. `perform` runs an action and returns the
incident. If two people act at once one wins, and the other gets an error that says who acted, when, and what to do.
Repeating one's own action changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from notifier.domain.incident import Incident
from notifier.domain.state import State
from notifier.domain.time import YEAR, Duration, Instant, has_offset, parse_rfc3339, rfc3339
from notifier.oncall import effects
from notifier.oncall.actor import Actor
from notifier.oncall.errors import Refused, Unknown, Unreadable
from notifier.oncall.names import exact_id
from notifier.policy.acts import LockedIncident, in_force
from notifier.store import audit, incidents, views
from notifier.store.database import Database, Tx
from notifier.wording import audit_details

MAX_DURATION: Duration = 100 * YEAR
NOTE_CHARS = 4_000

# Audit actions that an undo searches for, the latest of which it would end.
_ENDS = {
    "unacknowledge": {"acknowledge", "unacknowledge", "resolve", "reopen"},
    "unsnooze": {"snooze", "unsnooze", "resolve", "reopen"},
}
_RESOLVED_BY = {
    "auto": "by itself, for no more events came",
    "event": "by an event",
    "expired": "by itself, for its sender fell silent",
    "recovered": "by itself, for the runs that failed were made good",
}


def acknowledge(
    tx: Tx, actor: Actor, name: str, *, until: Instant | None = None, take_over: bool = False
) -> str:
    """Stops repeats and escalation of the incident until `until`, or until it is reopened.

    Raises `Refused` if another person has acknowledged it, unless `take_over` is set.
    """
    check_until(until, tx.now)
    incident = _locked(tx, actor, name)
    if incident.state is State.RESOLVED:
        raise _refused_as_resolved(incident, "reopen it if it is not over")
    another = incident.acknowledged_by if incident.acknowledged_by != actor.name else None
    if another is not None and not take_over:
        raise _refused_as_taken(incident)
    if incident.acknowledged_by is not None and another is None and incident.acknowledged_until == until:
        return incident.id
    effects.acknowledge(tx, incident, by=actor.name, until=until)
    actor.record(tx, "acknowledge", incident.id, audit_details.until_detail(until, taken_over_from=another))
    return incident.id


def unacknowledge(tx: Tx, actor: Actor, name: str) -> str:
    """Makes an acknowledged incident open again. A snooze continues."""
    incident = _locked(tx, actor, name)
    if incident.state is State.RESOLVED:
        raise _refused_as_resolved(incident, "reopen it if it is not over")
    if incident.state is State.OPEN:
        _check_repeated(
            tx, actor, incident, "unacknowledge", "nobody has acknowledged it: there is nothing to take back"
        )
        return incident.id
    effects.unacknowledge(tx, incident, by=actor.name)
    actor.record(
        tx, "unacknowledge", incident.id, audit_details.ended_detail(incident.acknowledged_by, by=actor.name)
    )
    return incident.id


def unsnooze(tx: Tx, actor: Actor, name: str) -> str:
    """Ends a snooze. An incident that is still open is notified."""
    incident = _locked(tx, actor, name)
    if incident.state is State.RESOLVED:
        raise _refused_as_resolved(incident, "there is no snooze to end")
    if incident.snoozed_until is None:
        _check_repeated(tx, actor, incident, "unsnooze", "it is not snoozed: there is nothing to end")
        return incident.id
    effects.unsnooze(tx, incident)
    actor.record(tx, "unsnooze", incident.id, audit_details.ended_detail(incident.snoozed_by, by=actor.name))
    return incident.id


def snooze(tx: Tx, actor: Actor, name: str, *, until: Instant) -> str:
    """Holds all notifications but the resolution until `until`."""
    check_until(until, tx.now)
    incident = _locked(tx, actor, name)
    if incident.state is State.RESOLVED:
        raise _refused_as_resolved(incident, "there is nothing to snooze")
    if incident.snoozed_until is not None and incident.snoozed_by != actor.name:
        raise Refused(
            f"it is snoozed by {incident.snoozed_by} until {rfc3339(incident.snoozed_until)}: "
            "end that first, then snooze it",
            state=incident.state.value,
        )
    if incident.snoozed_until == until:
        return incident.id
    effects.snooze(tx, incident, by=actor.name, until=until)
    actor.record(tx, "snooze", incident.id, audit_details.until_detail(until))
    return incident.id


def resolve(tx: Tx, actor: Actor, name: str) -> str:
    """Resolves the incident."""
    incident = _locked(tx, actor, name)
    if incident.state is State.RESOLVED:
        if incident.resolved_by != actor.name:
            raise _refused_as_resolved(incident, "there is nothing left to resolve")
        return incident.id
    effects.resolve(tx, incident, by=actor.name)
    actor.record(tx, "resolve", incident.id)
    return incident.id


def reopen(tx: Tx, actor: Actor, name: str) -> str:
    """Makes an acknowledged, snoozed or resolved incident open again."""
    incident = _locked(tx, actor, name)
    if incident.state is State.OPEN and incident.snoozed_until is None:
        if incident.reopened_by != actor.name:
            raise Refused("it is open already: there is nothing to reopen", state=incident.state.value)
        return incident.id
    if incident.state is State.RESOLVED and (newer := incidents.successor(tx, incident)) is not None:
        raise Refused(
            f"only the newest incident of a problem is reopened, and {newer} is newer: look at that one",
            state=incident.state.value,
        )
    effects.reopen(tx, incident, by=actor.name)
    actor.record(tx, "reopen", incident.id, f"was {_earlier_states(incident)}")
    return incident.id


def note(tx: Tx, actor: Actor, name: str, text: str) -> str:
    """Adds a note to the incident's timeline. `text` is sanitised already."""
    if not text.strip() or len(text) > NOTE_CHARS:
        raise Unreadable("text", f"a note has 1 to {NOTE_CHARS} characters")
    incident = _locked(tx, actor, name)
    actor.record(tx, "note", incident.id, text)
    return incident.id


async def perform(database: Database, action: Callable[[Tx], str], *, url: str | None) -> Incident:
    """Runs an action (`lambda tx: acknowledge(tx, actor, name)`) in a transaction. Returns the resulting incident."""

    def work(tx: Tx) -> Incident:
        incident = views.incident(tx, action(tx), project=None, url=url)
        assert incident is not None
        return incident

    return await database.write(work)


def moment(text: str) -> Instant:
    """Parses `until`, an RFC 3339 time with an offset. Raises `Unreadable` otherwise."""
    try:
        at = parse_rfc3339(text)
    except ValueError:
        at = None
    # Without an offset the time would be read as UTC, and the person may mean local time.
    if at is None or not has_offset(text):
        raise Unreadable("until", "give a time with its offset, such as 2026-11-22T09:00:00+01:00")
    return at


def check_until(until: Instant | None, now: Instant) -> None:
    """Raises `Unreadable` if an acknowledgement or a snooze cannot end then."""
    if until is None:
        return
    if until <= now:
        raise Unreadable("until", "this moment is past: give one that is yet to come")
    if until > now + MAX_DURATION:
        raise Unreadable("until", f"give a moment within the next {MAX_DURATION // YEAR} years")


def _locked(tx: Tx, actor: Actor, name: str) -> LockedIncident:
    id_ = exact_id(tx, "incident", name, actor.project_scope)
    incident = incidents.lock(tx, id_, project=actor.project_scope)
    if incident is None:
        raise Unknown("incident")
    return in_force(incident, tx.now)


def _check_repeated(tx: Tx, actor: Actor, incident: LockedIncident, action: str, sentence: str) -> None:
    """Handles a repeated action: no change if this actor did it before, `Refused` for another."""
    last = next(
        (entry for entry in reversed(audit.entries(tx, incident.id)) if entry.action in _ENDS[action]), None
    )
    if last is None or (last.action, last.actor) != (action, actor.name):
        raise Refused(sentence, state=incident.state.value)


def _refused_as_taken(incident: LockedIncident) -> Refused:
    since = "" if incident.acknowledged_at is None else f" at {rfc3339(incident.acknowledged_at)}"
    until = "" if incident.acknowledged_until is None else f", until {rfc3339(incident.acknowledged_until)}"
    whose = f"it was acknowledged by {incident.acknowledged_by}{since}{until}"
    return Refused(
        f"{whose}: to take it over, acknowledge it with `take_over`, or reopen it first",
        state=incident.state.value,
    )


def _refused_as_resolved(incident: LockedIncident, advice: str) -> Refused:
    how = _RESOLVED_BY.get(incident.resolved_by or "", f"by {incident.resolved_by}")
    when = "" if incident.resolved_at is None else f" at {rfc3339(incident.resolved_at)}"
    return Refused(f"it was resolved {how}{when}: {advice}", state=incident.state.value)


def _earlier_states(incident: LockedIncident) -> str:
    """The states that a reopening ends, for the audit."""
    parts = []
    if incident.state is not State.OPEN:
        who = incident.acknowledged_by if incident.state is State.ACKNOWLEDGED else incident.resolved_by
        parts.append(f"{incident.state.value} by {who}")
    if incident.snoozed_until is not None:
        parts.append(f"snoozed by {incident.snoozed_by}")
    return ", ".join(parts)
