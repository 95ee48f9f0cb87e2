"""The current state of an episode, for channels that edit one message and post the changes below it."""

from __future__ import annotations

from datetime import tzinfo

from notifier.domain.incident import Incident
from notifier.domain.message import Message, Told, by_weight
from notifier.domain.notification import Reason
from notifier.domain.state import State
from notifier.domain.time import Instant
from notifier.domain.value import replace
from notifier.wording import messages, subjects
from notifier.wording.messages import RenderedMessage, RenderOptions
from notifier.wording.reasons import flapping, state
from notifier.wording.text import inline, number, sentence

REPLY_SHOWN = 8


def episode(message: Message, options: RenderOptions | None = None) -> RenderedMessage:
    """The current state of the whole episode. Messages of versions that stored no `standing` show their own content."""
    told = {told.incident.id: told for told in message.told}
    incidents = _incidents(message)
    facts = by_weight(
        told.get(incident.id) or Told(incident=incident, reason=Reason.OPENED) for incident in incidents
    )
    total = len(facts) if messages.has_one_identity(message) else max(_total(message), len(facts))
    events = 0 if message.standing is None else message.standing.events
    whole = replace(message, told=facts, more=total - len(facts), events=events)
    zone = (options or RenderOptions()).zone
    states = [_state(fact.incident, told.get(fact.incident.id), message.at, zone) for fact in facts]
    rendered = messages.render(whole, options)
    blocks = [*rendered.blocks, *rendered.brief]
    named = [replace(block, state=stands) for block, stands in zip(blocks, states, strict=True)]
    return replace(
        rendered,
        headline=_headline(whole, states, total),
        blocks=tuple(named[: messages.FULL]),
        brief=tuple(named[messages.FULL :]),
        standing=None,
        several=total != 1,
    )


def _incidents(message: Message) -> tuple[Incident, ...]:
    """The incidents to show. If they all belong to one problem, only the newest is shown."""
    standing = () if message.standing is None else message.standing.incidents
    incidents = standing or tuple(told.incident for told in message.told)
    if messages.has_one_identity(message) and incidents:
        return (max(incidents, key=lambda incident: (incident.number, incident.id)),)
    return incidents


def change(message: Message, options: RenderOptions | None = None) -> RenderedMessage:
    """The news in a message: each incident with its new state and the person who changed it."""
    listed = by_weight(message.told)[:REPLY_SHOWN]
    left_out = message.more + len(message.told) - len(listed)
    events = message.events or sum(told.incident.count for told in message.told)
    return messages.render(replace(message, told=listed, more=left_out, events=events), options)


def open_state(message: Message) -> tuple[bool, bool, str | None]:
    """Whether an incident is open, whether one is unresolved, and a link to the first of them."""
    standing = message.standing
    told = tuple(told.incident for told in by_weight(message.told))
    incidents = told if standing is None else standing.incidents
    states = {incident.state for incident in incidents}
    waits = State.OPEN in states if standing is None else standing.open > 0
    unresolved = states != {State.RESOLVED} if standing is None else standing.open + standing.acknowledged > 0
    return (
        waits,
        unresolved,
        next((incident.url for incident in incidents if incident.url and incident.number), None),
    )


def _total(message: Message) -> int:
    if message.standing is None:
        return len(message.told) + message.more
    return message.standing.open + message.standing.acknowledged + message.standing.resolved


def _headline(message: Message, states: list[str], total: int) -> str:
    if total == 1 and message.told:
        return sentence(f"{states[0]}: {inline(message.told[0].incident.title)}")
    counts = _counts(message)
    figures = messages.figures(message) if message.told else f"{number(total)} incidents"
    where = subjects.scope(message)
    return sentence(f"{where}{', ' if counts else ''}{counts}: {figures}")


def _counts(message: Message) -> str:
    """`3 open, 1 acknowledged`; empty if the states of incidents that are not shown are unknown."""
    if message.standing is not None:
        counts = {state.value: getattr(message.standing, state.value) for state in State}
    elif message.more:
        counts = {}
    else:
        counts = {each.value: sum(told.incident.state is each for told in message.told) for each in State}
    return ", ".join(f"{number(count)} {name}" for name, count in counts.items() if count)


def _state(incident: Incident, told: Told | None, at: Instant, zone: tzinfo) -> str:
    """`Acknowledged by ann after 3 min`, with the duration if this message reports the change or it is resolved."""
    if incident.state is State.OPEN:
        return f"Open{flapping(told, zone)}"
    reason = Reason.ACKNOWLEDGED if incident.state is State.ACKNOWLEDGED else Reason.RESOLVED
    now = told is not None and told.reason is reason
    actor = told.actor if told is not None and now else None
    stands = Told(incident=incident, reason=reason, actor=actor)
    return state(stands, at if now else None) + flapping(told, zone)
