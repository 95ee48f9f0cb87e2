"""What people do to an incident: acknowledge, snooze, the end of either, resolve, reopen, note.

Each is a function of an open transaction that answers the incident's id; `perform` runs one of them, or several, and
answers the incident. Of two people who act at once one wins, and the other is told by whom, when, and what to do. The
same again by the same person changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from notifier.domain.incident import Incident, State
from notifier.domain.time import DAY, Duration, Instant, has_offset, parse_rfc3339, rfc3339
from notifier.oncall.actor import Actor
from notifier.oncall.errors import Refused, Unknown, Unreadable
from notifier.oncall.names import exact_id
from notifier.store import actions as rows
from notifier.store import audit, views
from notifier.store.actions import LockedIncident
from notifier.store.database import Database, Tx
from notifier.wording import audit_details

LONGEST: Duration = 365 * DAY
NOTE_CHARS = 4_000

# What an act is the end of, and may itself be ended by.
_ENDS = {
    "unacknowledge": {"acknowledge", "unacknowledge", "resolve", "reopen"},
    "unsnooze": {"snooze", "unsnooze", "resolve", "reopen"},
}
_BY_ITSELF = {"auto": "by itself, for no more events came", "event": "by an event"}


def acknowledge(
    tx: Tx, actor: Actor, name: str, *, until: Instant | None = None, take_over: bool = False
) -> str:
    """Somebody has it: repeats and escalation stop, until then or until it is reopened.

    What another has is refused, unless the actor wants to `take_over`.
    """
    check_until(until, tx.now)
    one = _locked(tx, actor, name)
    if one.state is State.RESOLVED:
        raise _over(one, "reopen it if it is not over")
    another = one.acknowledged_by if one.acknowledged_by != actor.name else None
    if another is not None and not take_over:
        raise _taken(one)
    if one.acknowledged_by is not None and another is None and one.acknowledged_until == until:
        return one.id
    rows.acknowledge(tx, one, by=actor.name, until=until)
    actor.record(tx, "acknowledge", one.id, audit_details.lasting(until, taken_over_from=another))
    return one.id


def unacknowledge(tx: Tx, actor: Actor, name: str) -> str:
    """Nobody has it any more: it counts as open, and a snooze goes on."""
    one = _locked(tx, actor, name)
    if one.state is State.RESOLVED:
        raise _over(one, "reopen it if it is not over")
    if one.state is State.OPEN:
        _again(tx, actor, one, "unacknowledge", "nobody has acknowledged it: there is nothing to take back")
        return one.id
    rows.unacknowledge(tx, one, by=actor.name)
    actor.record(tx, "unacknowledge", one.id, audit_details.ended_act_of(one.acknowledged_by, by=actor.name))
    return one.id


def unsnooze(tx: Tx, actor: Actor, name: str) -> str:
    """It may be told of again: what is still open is told."""
    one = _locked(tx, actor, name)
    if one.state is State.RESOLVED:
        raise _over(one, "there is no snooze to end")
    if one.snoozed_until is None:
        _again(tx, actor, one, "unsnooze", "it is not snoozed: there is nothing to end")
        return one.id
    rows.unsnooze(tx, one)
    actor.record(tx, "unsnooze", one.id, audit_details.ended_act_of(one.snoozed_by, by=actor.name))
    return one.id


def snooze(tx: Tx, actor: Actor, name: str, *, until: Instant) -> str:
    """Tell nothing but its resolution until then."""
    check_until(until, tx.now)
    one = _locked(tx, actor, name)
    if one.state is State.RESOLVED:
        raise _over(one, "there is nothing to snooze")
    if one.snoozed_until is not None and one.snoozed_by != actor.name:
        raise Refused(
            f"it is snoozed by {one.snoozed_by} until {rfc3339(one.snoozed_until)}: end that first, then snooze it",
            state=one.state.value,
        )
    if one.snoozed_until == until:
        return one.id
    rows.snooze(tx, one, by=actor.name, until=until)
    actor.record(tx, "snooze", one.id, audit_details.lasting(until))
    return one.id


def resolve(tx: Tx, actor: Actor, name: str) -> str:
    """It is over."""
    one = _locked(tx, actor, name)
    if one.state is State.RESOLVED:
        if one.resolved_by != actor.name:
            raise _over(one, "there is nothing left to resolve")
        return one.id
    rows.resolve(tx, one, by=actor.name)
    actor.record(tx, "resolve", one.id)
    return one.id


def reopen(tx: Tx, actor: Actor, name: str) -> str:
    """It is not over, or nobody has it any more: what was acknowledged, snoozed or resolved counts as open again."""
    one = _locked(tx, actor, name)
    if one.state is State.OPEN and one.snoozed_until is None:
        if one.reopened_by != actor.name:
            raise Refused("it is open already: there is nothing to reopen", state=one.state.value)
        return one.id
    if one.state is State.RESOLVED and (newer := rows.successor(tx, one)) is not None:
        raise Refused(
            f"only the newest incident of a problem is reopened, and {newer} is newer: look at that one",
            state=one.state.value,
        )
    rows.reopen(tx, one, by=actor.name)
    actor.record(tx, "reopen", one.id, f"was {_was(one)}")
    return one.id


def note(tx: Tx, actor: Actor, name: str, text: str) -> str:
    """Write something down for whoever reads the incident's timeline. `text` is sanitised already."""
    if not text.strip() or len(text) > NOTE_CHARS:
        raise Unreadable("text", f"a note has 1 to {NOTE_CHARS} characters")
    one = _locked(tx, actor, name)
    actor.record(tx, "note", one.id, text)
    return one.id


async def perform(database: Database, action: Callable[[Tx], str], *, url: str | None) -> Incident:
    """Run an action (`lambda tx: acknowledge(tx, actor, name)`) in a transaction; the incident as it is then."""

    def work(tx: Tx) -> Incident:
        found = views.incident(tx, action(tx), project=None, url=url)
        assert found is not None
        return found

    return await database.write(work)


def moment(text: str) -> Instant:
    """`until` as people write it: RFC 3339 with an offset; `Unreadable` where it is not."""
    try:
        at = parse_rfc3339(text)
    except ValueError:
        at = None
    # A time without an offset would be read as UTC, and the person may mean their own.
    if at is None or not has_offset(text):
        raise Unreadable("until", "give a time with its offset, such as 2026-11-22T09:00:00+01:00")
    return at


def check_until(until: Instant | None, now: Instant) -> None:
    """`Unreadable` where an acknowledgement or a snooze cannot last until then."""
    if until is None:
        return
    if until <= now:
        raise Unreadable("until", "this moment is past: give one that is yet to come")
    if until > now + LONGEST:
        raise Unreadable("until", f"give a moment within the next {LONGEST // DAY} days")


def _locked(tx: Tx, actor: Actor, name: str) -> LockedIncident:
    found = rows.lock(tx, exact_id(tx, "incident", name, actor.project_scope), project=actor.project_scope)
    if found is None:
        raise Unknown("incident")
    return found


def _again(tx: Tx, actor: Actor, one: LockedIncident, action: str, sentence: str) -> None:
    """What has been done already: by this actor nothing changes, for another it is `Refused`."""
    last = next(
        (entry for entry in reversed(audit.entries(tx, one.id)) if entry.action in _ENDS[action]), None
    )
    if last is None or (last.action, last.actor) != (action, actor.name):
        raise Refused(sentence, state=one.state.value)


def _taken(one: LockedIncident) -> Refused:
    since = "" if one.acknowledged_at is None else f" at {rfc3339(one.acknowledged_at)}"
    until = "" if one.acknowledged_until is None else f", until {rfc3339(one.acknowledged_until)}"
    whose = f"it was acknowledged by {one.acknowledged_by}{since}{until}"
    return Refused(
        f"{whose}: to take it over, acknowledge it with `take_over`, or reopen it first",
        state=one.state.value,
    )


def _over(one: LockedIncident, advice: str) -> Refused:
    how = _BY_ITSELF.get(one.resolved_by or "", f"by {one.resolved_by}")
    when = "" if one.resolved_at is None else f" at {rfc3339(one.resolved_at)}"
    return Refused(f"it was resolved {how}{when}: {advice}", state=one.state.value)


def _was(one: LockedIncident) -> str:
    """What a reopening ends, for the audit."""
    parts = []
    if one.state is not State.OPEN:
        who = one.acknowledged_by if one.state is State.ACKNOWLEDGED else one.resolved_by
        parts.append(f"{one.state.value} by {who}")
    if one.snoozed_until is not None:
        parts.append(f"snoozed by {one.snoozed_by}")
    return ", ".join(parts)
