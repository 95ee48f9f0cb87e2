"""What a button in Slack does, once its request has been found to be Slack's own.

The thread that the button names must stand where the request comes from: nobody acts from another workspace, channel or
message. Who presses belongs to that workspace, or to the organisation that it belongs to; a guest from a company that
the channel is shared with (Slack Connect) does not. What is done is done to all incidents that the message tells of and
that are not resolved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from notifier.domain.button import LENGTHS, MORNING_HOUR, Button, Span
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

BATCH = 200
SENTENCES = 3
ORGANISATION = "E"  # what the ids of organisations begin with
SAME = ("service", "environment", "exception", "task")

GONE = "This is no longer kept: nothing was done."
FOREIGN = "This button does not belong to this message: nothing was done."
STRANGER = (
    "Only members of the workspace that this message was posted to, or of its organisation, may do that: "
    "nothing was done."
)
EARLIER = "This was over before; a newer message tells how things stand: nothing was done."
SETTLED = "Everything here is resolved already: nothing was done."


class Replayed(Exception):
    """This very request was answered before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """A button that somebody pressed, as the payload tells it; what it does not tell is empty.

    `team` is the workspace that it was pressed in, empty where the app is installed for a whole organisation; `orgs`
    are the ids of the organisation, `home` is the workspace that the message was posted to, as the payload has it.
    `user_team` is the workspace or the organisation of who pressed.
    `apps` are the channels whose app has signed the request, each with its time zone. `hash` is the signature's.
    """

    hash: str
    apps: Mapping[str, str]
    button: Button
    span: Span | None
    thread: str
    team: str
    channel: str
    ts: str
    user: str
    user_name: str
    user_team: str
    orgs: frozenset[str] = frozenset()
    home: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressed:
    """What came of it: a sentence for who pressed, if any, and whether anything was done."""

    text: str | None = None
    done: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """How far it has come: `last` is the number of the last incident, `more` whether there may be others."""

    place: ThreadLocation
    actor: Actor
    done: int = 0
    refused: tuple[str, ...] = ()
    last: int = 0
    more: bool = False


async def press(database: Database, pressed: Press, *, new_id: Callable[[], str]) -> Pressed:
    """Do it. `Replayed`: the request was answered before, by whichever replica."""
    first = await database.write(lambda tx: _first(tx, pressed, new_id))
    if isinstance(first, Pressed):
        return first
    batch, done, refused = first, first.done, [*first.refused]
    while batch.more:
        before = batch
        batch = await database.write(lambda tx, before=before: _act(tx, pressed, before))  # type: ignore[misc]
        done, refused = done + batch.done, [*refused, *batch.refused]
    return Pressed(text=_sentence(refused) if done or refused else SETTLED, done=done)


def _first(tx: Tx, pressed: Press, new_id: Callable[[], str]) -> Pressed | _Batch:
    if not threads.first_request(tx, pressed.hash):
        raise Replayed
    place = threads.find(tx, pressed.thread)
    if place is None:
        return Pressed(text=GONE)
    why = _why_not(tx, place, pressed)
    if why is not None:
        return Pressed(text=why)
    actor = Actor(
        name=f"{pressed.user_name} ({pressed.user})" if pressed.user_name else pressed.user,
        key_name=f"slack:{place.channel}",
        project=place.project,
        project_scope=place.project,
        new_id=new_id,
    )
    if pressed.button is Button.SILENCE:
        return _silence(tx, pressed, place, actor)
    return _act(tx, pressed, _Batch(place=place, actor=actor))


def _silence(tx: Tx, pressed: Press, place: ThreadLocation, actor: Actor) -> Pressed:
    """One silence for what the message's group has in common; whoever pressed is told, for the message shows none."""
    first = threads.unresolved(tx, place.group, after=0, most=1)
    if not first or pressed.span is None:
        return Pressed(text=SETTLED)
    labels = _common(tx, place, first[0][1])
    matchers = [str(Matcher(name=name, op="=", value=value)) for name, value in labels.items()]
    clocks = pressed.apps[place.channel]
    until = ends_at(pressed.span, tx.now, clocks)
    draft = Draft(matchers=matchers, ends_at=rfc3339(until), comment=f"from Slack by {actor.name}")
    try:
        silences.create(tx, actor, draft)
    except Unreadable as error:
        return Pressed(text=f"Nothing was silenced: {error}.")
    local = _local(until, clocks).strftime("%Y-%m-%d %H:%M")
    return Pressed(text=f"Silenced until {local} ({clocks}): {', '.join(matchers)}", done=1)


def _common(tx: Tx, place: ThreadLocation, incident: str) -> Mapping[str, str]:
    """The labels of the group; of a group of one incident, those that the same problem has the next time."""
    if tuple(place.labels) != PER_INCIDENT:
        return place.labels
    found = views.incident(tx, incident, project=place.project, url=None)
    labels = {} if found is None else found.labels
    return {name: labels[name] for name in SAME if labels.get(name)}


def ends_at(span: Span, now: Instant, time_zone: str) -> Instant:
    """When a silence of this length ends: after its time, or at the next nine o'clock by these clocks."""
    if span in LENGTHS:
        return now + LENGTHS[span]
    local = _local(now, time_zone)
    morning = local.replace(hour=MORNING_HOUR, minute=0, second=0, microsecond=0, fold=0)
    # A day on the wall: it has 23 or 25 hours where the clocks change.
    following = morning if local < morning else morning + timedelta(days=1)
    return int(following.timestamp()) * SECOND


def _local(at: Instant, time_zone: str) -> datetime:
    return datetime.fromtimestamp(at / SECOND, UTC).astimezone(ZoneInfo(time_zone))


def _why_not(tx: Tx, place: ThreadLocation, pressed: Press) -> str | None:
    """Why this button does nothing, if it does not: where it was pressed, by whom, and whether it is still of use."""
    if place.channel not in pressed.apps or not (pressed.channel and pressed.ts):
        return FOREIGN
    known = {place.ref, *threads.refs(tx, place.id)} - {None}
    homes = {_home(ref or "", pressed) for ref in known} - {None} if known else {pressed.home}
    if not homes or not (pressed.team or pressed.orgs):
        return FOREIGN
    if not pressed.user or pressed.user_team not in _members(pressed, homes):
        return STRANGER
    return None if place.present else EARLIER


def _home(ref: str, pressed: Press) -> str | None:
    """The workspace of `team/channel/ts`, where that is the place of the press; None where it is another.

    A bare `ts` was kept before there were edits, and where the workspace is not kept the payload names it.
    """
    parts = ref.split("/")
    team, channel, ts = parts if len(parts) == 3 else ("", "", ref)
    home = team or pressed.home
    if ts != pressed.ts or channel not in {"", pressed.channel}:
        return None
    # An app of a whole organisation is not told the workspace: its organisation is all that can be compared.
    untold = not pressed.team and not home.startswith(ORGANISATION)
    return home if untold or home in {"", pressed.team, *pressed.orgs} else None


def _members(pressed: Press, homes: AbstractSet[str | None]) -> AbstractSet[str | None]:
    """The ids that members go by: their workspace's, or that of its organisation."""
    teams = {pressed.team} if pressed.team else homes
    return (teams | pressed.orgs) - {"", None}


def _act(tx: Tx, pressed: Press, so_far: _Batch) -> _Batch:
    """The next incidents, in one transaction. All are locked before any is changed: a change locks its group."""
    rows = threads.unresolved(tx, so_far.place.group, after=so_far.last, most=BATCH)
    done, refused = 0, []
    for number, id_ in rows:
        try:
            _do(tx, pressed.button, so_far.actor, id_)
            done += 1
        except (Refused, Unknown) as error:
            refused.append(f"Incident {number}: {error}.")
    return _Batch(
        place=so_far.place,
        actor=so_far.actor,
        done=done,
        refused=tuple(refused),
        last=rows[-1][0] if rows else so_far.last,
        more=len(rows) == BATCH,
    )


def _do(tx: Tx, button: Button, actor: Actor, id_: str) -> None:
    if button is Button.RESOLVE:
        actions.resolve(tx, actor, id_)
    else:
        actions.acknowledge(tx, actor, id_)


def _sentence(refused: list[str]) -> str | None:
    if not refused:
        return None
    more = len(refused) - SENTENCES
    return " ".join([*refused[:SENTENCES], *([f"And {more:,} more."] if more > 0 else [])])
