"""Carries out button presses, whichever receiver they come from.

A press acts for one thread. The callback must belong to the thread's channel, and the receiver's own rule
(`PressOrigin`) decides whether this person may act at this message. The action applies to all unresolved incidents of
the thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from notifier.domain.button import LENGTHS, MORNING_HOUR, Button, Span
from notifier.domain.interaction import Press
from notifier.domain.matcher import Matcher
from notifier.domain.time import SECOND, Instant, rfc3339
from notifier.oncall import actions, silences
from notifier.oncall.actor import Actor
from notifier.oncall.errors import Refused, Unknown, Unreadable
from notifier.oncall.silences import Draft
from notifier.policy.routing import PER_INCIDENT
from notifier.store import threads, views
from notifier.store.database import Database, Tx
from notifier.store.threads import ThreadLocation
from notifier.wording import interactions

BATCH_SIZE = 200
# The labels that a recurrence of the problem has too.
SAME = ("service", "environment", "exception", "task")


class Replayed(Exception):
    """The callback was handled before, or is too old to tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PressResult:
    """The result of a press: a sentence for the person, None if there is nothing to say, and the number of changes."""

    text: str | None = None
    done: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """The incidents of one transaction. `last` is the number of the last one; `more` is true if others may follow."""

    location: ThreadLocation
    actor: Actor
    done: int = 0
    refusals: tuple[str, ...] = ()
    last: int = 0
    more: bool = False


async def act(database: Database, press: Press, *, new_id: Callable[[], str]) -> PressResult:
    """Carries out a press. Raises `Replayed` if any replica has handled the callback before."""
    begun = await database.write(lambda tx: _begin(tx, press, new_id))
    if isinstance(begun, PressResult):
        return begun
    batches = [begun]
    while batches[-1].more:
        batches.append(await database.write(lambda tx: _act_on_next(tx, press, batches[-1])))
    done = sum(batch.done for batch in batches)
    refusals = [sentence for batch in batches for sentence in batch.refusals]
    nothing = not done and not refusals
    return PressResult(text=interactions.SETTLED if nothing else interactions.summary(refusals), done=done)


def _begin(tx: Tx, press: Press, new_id: Callable[[], str]) -> PressResult | _Batch:
    if abs(press.at - tx.now) > threads.CALLBACK_WINDOW or not threads.first_request(tx, press.id):
        raise Replayed
    location = threads.find(tx, press.thread)
    if location is None:
        return PressResult(text=interactions.GONE)
    refusal = _refusal(tx, location, press)
    if refusal is not None:
        return PressResult(text=refusal)
    actor = Actor(
        name=str(press.person),
        key_name=f"{press.kind}:{location.channel}",
        project=location.project,
        project_scope=location.project,
        new_id=new_id,
    )
    if press.button is Button.SILENCE:
        return _silence(tx, press, location, actor)
    return _act_on_next(tx, press, _Batch(location=location, actor=actor))


def _refusal(tx: Tx, location: ThreadLocation, press: Press) -> str | None:
    """Why the press is refused, None if it is not: its place, its person, or because it is too late."""
    if location.channel not in press.channels:
        return interactions.FOREIGN
    refs = {ref for ref in (location.ref, *threads.refs(tx, location.id)) if ref is not None}
    refusal = press.origin.refusal(refs)
    if refusal is not None:
        return refusal
    return None if location.current else interactions.EARLIER


def _silence(tx: Tx, press: Press, location: ThreadLocation, actor: Actor) -> PressResult:
    """Creates one silence for what the group has in common. Returns a text, as the message shows no silences."""
    first = threads.unresolved(tx, location.group, after=0, most=1)
    if not first or press.span is None:
        return PressResult(text=interactions.SETTLED)
    labels = _common_labels(tx, location, first[0][1])
    matchers = [str(Matcher(name=name, op="=", value=value)) for name, value in labels.items()]
    time_zone = press.channels[location.channel]
    until = ends_at(press.span, tx.now, time_zone)
    comment = interactions.comment(press.receiver, actor.name)
    try:
        silences.create(tx, actor, Draft(matchers=matchers, ends_at=rfc3339(until), comment=comment))
    except Unreadable as error:
        return PressResult(text=interactions.not_silenced(error))
    return PressResult(text=interactions.silenced(until, time_zone, matchers), done=1)


def _common_labels(tx: Tx, location: ThreadLocation, incident_id: str) -> Mapping[str, str]:
    """The labels of the group. For a single incident, those that a recurrence has too."""
    if tuple(location.labels) != PER_INCIDENT:
        return location.labels
    incident = views.incident(tx, incident_id, project=location.project, url=None)
    labels = {} if incident is None else incident.labels
    return {name: labels[name] for name in SAME if labels.get(name)}


def ends_at(span: Span, now: Instant, time_zone: str) -> Instant:
    """The end of a silence: after a duration, or at the next nine o'clock in this time zone."""
    if span in LENGTHS:
        return now + LENGTHS[span]
    local = _local(now, time_zone)
    morning = local.replace(hour=MORNING_HOUR, minute=0, second=0, microsecond=0, fold=0)
    # A calendar day, which has 23 or 25 hours when the clocks change.
    following = morning if local < morning else morning + timedelta(days=1)
    return int(following.timestamp()) * SECOND


def _local(at: Instant, time_zone: str) -> datetime:
    return datetime.fromtimestamp(at / SECOND, UTC).astimezone(ZoneInfo(time_zone))


def _act_on_next(tx: Tx, press: Press, before: _Batch) -> _Batch:
    """Acts on the next incidents in one transaction. All are locked first, because a change locks its group."""
    rows = threads.unresolved(tx, before.location.group, after=before.last, most=BATCH_SIZE)
    done, refusals = 0, []
    for number, id_ in rows:
        try:
            _change(tx, press.button, before.actor, id_)
            done += 1
        except (Refused, Unknown) as error:
            refusals.append(interactions.refused(number, error))
    return _Batch(
        location=before.location,
        actor=before.actor,
        done=done,
        refusals=tuple(refusals),
        last=rows[-1][0] if rows else before.last,
        more=len(rows) == BATCH_SIZE,
    )


def _change(tx: Tx, button: Button, actor: Actor, id_: str) -> None:
    if button is Button.RESOLVE:
        actions.resolve(tx, actor, id_)
    else:
        actions.acknowledge(tx, actor, id_)
