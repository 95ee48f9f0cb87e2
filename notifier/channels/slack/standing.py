"""An episode in words: its state first, then its incidents, then what may still be done about it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from notifier.channels import wording
from notifier.domain.incident import Incident, State
from notifier.domain.message import Message, Told
from notifier.domain.notification import Reason
from notifier.domain.time import Instant

REPLY_SHOWN = 8


def story(message: Message) -> wording.Story:
    """The whole episode as it stands. Where a message was made before standings were kept: what it tells."""
    shown = message.standing.incidents if message.standing is not None else ()
    told = {one.incident.id: one for one in message.told}
    incidents = shown or tuple(one.incident for one in message.told)
    total = max(_total(message), len(incidents))
    facts = tuple(told.get(one.id) or Told(incident=one, reason=Reason.OPENED) for one in incidents)
    whole = replace(message, told=facts, more=total - len(facts))
    states = [_state(one, told.get(one.id), message.at) for one in incidents]
    entries = tuple(
        replace(wording.entry(fact), state=state) for fact, state in zip(facts, states, strict=True)
    )
    headline = (
        f"{states[0]}: {entries[0].title}"
        if total == 1
        else f"{_counted(message, incidents, total)} in {wording.scope(message)}"
    )
    return replace(wording.story(whole), headline=wording.plain(headline), entries=entries, titled=total != 1)


def change(message: Message) -> wording.Story:
    """What a message adds to its episode: each incident with its new state and who brought it there."""
    told = wording.story(message)
    left_out = replace(message, more=message.more + max(0, len(message.told) - REPLY_SHOWN))
    return replace(told, entries=told.entries[:REPLY_SHOWN], asides=wording.asides(left_out))


def left(message: Message) -> tuple[bool, bool, str | None]:
    """Whether an incident waits for somebody, whether one is not resolved, and a link to the first of them."""
    standing = message.standing
    incidents = tuple(one.incident for one in message.told) if standing is None else standing.incidents
    states = {one.state for one in incidents}
    waits = State.OPEN in states if standing is None else standing.open > 0
    unresolved = states != {State.RESOLVED} if standing is None else standing.open + standing.acknowledged > 0
    return waits, unresolved, next((one.url for one in incidents if one.url), None)


def _total(message: Message) -> int:
    if message.standing is None:
        return len(message.told) + message.more
    return message.standing.open + message.standing.acknowledged + message.standing.resolved


def _counted(message: Message, incidents: tuple[Incident, ...], total: int) -> str:
    if message.standing is not None:
        counts: Mapping[str, int] = {
            "open": message.standing.open,
            "acknowledged": message.standing.acknowledged,
            "resolved": message.standing.resolved,
        }
    elif message.more:
        counts = {}
    else:
        counts = {state.value: sum(one.state is state for one in incidents) for state in State}
    parts = ", ".join(f"{wording.number(count)} {name}" for name, count in counts.items() if count)
    return f"{wording.number(total)} incidents{': ' if parts else ''}{parts}"


def _state(incident: Incident, told: Told | None, at: Instant) -> str:
    """`Acknowledged by ann after 3m`; how long it took is known where this message tells of it, or where it is over."""
    if incident.state is State.OPEN:
        return "Open"
    reason = Reason.ACKNOWLEDGED if incident.state is State.ACKNOWLEDGED else Reason.RESOLVED
    now = told is not None and told.reason is reason
    actor = told.actor if told is not None and now else None
    return wording.state(Told(incident=incident, reason=reason, actor=actor), at if now else None)
