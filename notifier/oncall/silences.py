"""Silences: make, change, end, list them, and see what one would keep quiet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from notifier.domain.calendar import Weekly, weekly
from notifier.domain.matcher import Matcher, meet, parse_all
from notifier.domain.severity import Severity
from notifier.domain.silence import Phase, Silence
from notifier.domain.time import DAY, Duration, Instant, has_offset, parse_rfc3339, rfc3339
from notifier.domain.value import replace
from notifier.oncall import labels
from notifier.oncall.actor import Actor
from notifier.oncall.errors import Refused, Unknown, Unreadable
from notifier.oncall.labels import Doubt
from notifier.oncall.names import exact_id
from notifier.oncall.paging import Listing, PageRequest, listing
from notifier.policy import calendar, muting
from notifier.store import silences as rows
from notifier.store import views
from notifier.store.database import Database, Tx
from notifier.store.views import MatchedIncidents, Page

__all__ = [
    "COMMENT_CHARS",
    "JUDGED_AT_MOST",
    "LATELY",
    "MATCHERS_AT_MOST",
    "Draft",
    "Phase",
    "SilencePreview",
    "SilenceStatus",
    "SilenceWindow",
    "change",
    "create",
    "end",
    "find",
    "get",
    "holding",
    "preview",
    "status_of",
]

MATCHERS_AT_MOST = 50
SHOWN_AT_MOST = 20
JUDGED_AT_MOST = 10_000
ASKED_AT_MOST = 2_000
LATELY: Duration = DAY
"""So far back a preview looks at what is over."""
COMMENT_CHARS = 2_000

# What every event has, in values that have no more in common than anybody's names.
_EVERYWHERE: Mapping[str, Sequence[str]] = {
    "service": ("a", "zebra-9"),
    "environment": ("production", "zebra-9"),
    "severity": tuple(severity.value for severity in Severity if severity is not Severity.NONE),
}
_FORCE = "this would silence everything of the project: narrow its matchers, or say `force: true`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A silence as a person asks for it. In a change None leaves a part as it is; `cleared` takes it away."""

    matchers: Sequence[str] | None = None
    starts_at: str | None = None
    ends_at: str | None = None
    recur: Mapping[str, object] | None = None
    author: str | None = None
    comment: str | None = None
    force: bool = False
    cleared: frozenset[Literal["ends_at", "recur"]] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceStatus:
    """A silence, how it stands, and how many incidents that are not resolved it holds now.

    `window` is, of one that recurs, when it is on: the present window, else the next; None: none is to come.
    """

    silence: Silence
    phase: Phase
    held: int
    window: SilenceWindow | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceWindow:
    """From when to when; `ends_at` is None where it never ends."""

    starts_at: Instant
    ends_at: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SilencePreview:
    """Matchers tried out: what they meet now, and whether a silence with them would silence everything.

    `lately` counts the incidents that they meet and that were resolved within `LATELY`: a silence would have held them.
    `counted_lately` is False where there were too many, and only the latest were judged.
    """

    met: MatchedIncidents
    everything: bool
    doubts: tuple[Doubt, ...]
    lately: int
    counted_lately: bool


def create(tx: Tx, actor: Actor, draft: Draft) -> Silence:
    """A new silence. `Unreadable` names the part that makes no sense."""
    starts_at = tx.now if draft.starts_at is None else _moment("starts_at", draft.starts_at)
    silence = Silence(
        id=actor.new_id(),
        project=actor.project,
        matchers=_matchers(draft.matchers or ()),
        starts_at=starts_at,
        ends_at=None if draft.ends_at is None else _moment("ends_at", draft.ends_at),
        recur=None if draft.recur is None else _weekly(draft.recur),
        author=(draft.author or actor.name).strip(),
        comment=(draft.comment or "").strip(),
        created_at=tx.now,
        created_by=actor.key_name,
    )
    _sound(silence, tx.now, force=draft.force)
    rows.add(tx, silence)
    actor.record(tx, "silence", silence.id, _words(silence))
    return silence


def change(tx: Tx, actor: Actor, id_: str, draft: Draft) -> Silence:
    """Change one that is not over. What it no longer keeps quiet is looked at again at once."""
    before = _locked(tx, actor, id_)
    if _is_over(before, tx.now):
        raise Refused("it is over, and what is over stays as it was: make a new one", state="expired")
    after = replace(before, **_changes(draft))
    _sound(after, tx.now, force=draft.force or _takes_all(before.matchers, before.project))
    if after == before:
        return before
    rows.change(tx, after)
    if replace(after, author=before.author, comment=before.comment) != before:
        rows.release(tx, before.id)
    actor.record(tx, "change_silence", before.id, _words(after))
    return after


def end(tx: Tx, actor: Actor, id_: str) -> Silence:
    """End it now; the same again changes nothing. Who is still open and was held is told."""
    silence = _locked(tx, actor, id_)
    if _is_over(silence, tx.now):
        return silence
    ended = replace(silence, ends_at=tx.now, starts_at=min(silence.starts_at, tx.now))
    rows.change(tx, ended)
    rows.release(tx, silence.id)
    actor.record(tx, "end_silence", silence.id)
    return ended


async def find(
    database: Database, *, project: str, state: Phase | None, page_request: PageRequest
) -> Listing[SilenceStatus]:
    """The silences of a project, newest first."""
    after = page_request.after("silences")

    def read(tx: Tx) -> Page[SilenceStatus]:
        page = views.find_silences(
            tx,
            project=project,
            state=state,
            in_phase=lambda silence: state is None or muting.phase(silence, tx.now) == state,
            after=after,
            limit=page_request.limit,
        )
        held = views.held_now(tx, [silence.id for silence in page.items])
        items = tuple(_status(silence, held.get(silence.id, 0), tx.now) for silence in page.items)
        return Page(items=items, next_key=page.next_key)

    return listing("silences", await database.read(read))


async def get(database: Database, id_: str, *, project_scope: str | None) -> SilenceStatus:
    """The silence of this id, or `Unknown`."""
    return await database.read(lambda tx: status_of(tx, _known(tx, id_, project_scope)))


def status_of(tx: Tx, silence: Silence) -> SilenceStatus:
    return _status(silence, views.held_now(tx, [silence.id]).get(silence.id, 0), tx.now)


async def holding(
    database: Database, *, project: str, labels: Mapping[str, str]
) -> tuple[SilenceStatus, ...]:
    """The silences that hold what has these labels now; of very many the newest `ASKED_AT_MOST` are asked."""

    def read(tx: Tx) -> tuple[SilenceStatus, ...]:
        page = views.find_silences(
            tx,
            project=project,
            state="active",
            in_phase=lambda silence: muting.phase(silence, tx.now) == "active",
            after=None,
            limit=ASKED_AT_MOST,
        )
        found = [silence for silence in page.items if meet(silence.matchers, labels)]
        held = views.held_now(tx, [silence.id for silence in found])
        return tuple(_status(silence, held.get(silence.id, 0), tx.now) for silence in found)

    return await database.read(read)


async def preview(
    database: Database, *, project: str, matchers: Sequence[str], url: str | None
) -> SilencePreview:
    """Try out a silence with these matchers."""
    _matchers(matchers)
    placed = [(index, matcher) for index, text in enumerate(matchers) for matcher in _parsed(index, text)]
    return await database.read(lambda tx: _preview(tx, project, placed, url))


def _preview(tx: Tx, project: str, placed: Sequence[tuple[int, Matcher]], url: str | None) -> SilencePreview:
    matchers = tuple(matcher for _, matcher in placed)
    met = views.met(tx, project, matchers, most=JUDGED_AT_MOST, shown=SHOWN_AT_MOST, url=url)
    lately, counted_lately = views.resolved_met(
        tx, project, matchers, since=tx.now - LATELY, most=JUDGED_AT_MOST
    )
    return SilencePreview(
        met=met,
        lately=lately,
        counted_lately=counted_lately,
        everything=_takes_all(matchers, project),
        doubts=labels.doubts(tx, project, labels.of_matchers(placed)),
    )


def _changes(draft: Draft) -> dict[str, Any]:
    values: dict[str, Any] = dict.fromkeys(draft.cleared)
    if draft.matchers is not None:
        values["matchers"] = _matchers(draft.matchers)
    for name in ("starts_at", "ends_at"):
        text = getattr(draft, name)
        if text is not None:
            values[name] = _moment(name, text)
    if draft.recur is not None:
        values["recur"] = _weekly(draft.recur)
    for name in ("author", "comment"):
        text = getattr(draft, name)
        if text is not None:
            values[name] = text.strip()
    return values


def _sound(silence: Silence, now: Instant, *, force: bool) -> None:
    if not silence.comment:
        raise Unreadable("comment", "a silence says why: write a comment")
    if not silence.author:
        raise Unreadable("author", "a silence says whose it is: name an author")
    if silence.ends_at is None and silence.recur is None:
        raise Unreadable("ends_at", "a silence ends: say when, or give it weekly hours with `recur`")
    if silence.ends_at is not None and silence.ends_at <= silence.starts_at:
        raise Unreadable("ends_at", "it ends before it begins: `ends_at` must be after `starts_at`")
    if silence.ends_at is not None and silence.ends_at <= now:
        raise Unreadable("ends_at", "it would be over already: `ends_at` must be in the future")
    if not force and _takes_all(silence.matchers, silence.project):
        raise Unreadable("matchers", _FORCE)


def _takes_all(matchers: Sequence[Matcher], project: str) -> bool:
    """Whether an event that has only what every event has would be silenced, whatever its service or severity."""
    everywhere = {**_EVERYWHERE, "project": (project,)}
    return all(
        matcher.matches({matcher.name: value})
        for matcher in matchers
        for value in everywhere.get(matcher.name, ("",))
    )


def _matchers(texts: Sequence[str]) -> tuple[Matcher, ...]:
    matchers = tuple(
        matcher
        for index, text in enumerate(texts[: MATCHERS_AT_MOST + 1])
        for matcher in _parsed(index, text)
    )
    if not 1 <= len(matchers) <= MATCHERS_AT_MOST:
        raise Unreadable("matchers", f"a silence has 1 to {MATCHERS_AT_MOST} matchers")
    return matchers


def _parsed(index: int, text: str) -> tuple[Matcher, ...]:
    try:
        return parse_all(text)
    except ValueError as error:
        raise Unreadable(f"matchers[{index}]", str(error)) from None


def _moment(name: str, text: str) -> Instant:
    """An instant. Without an offset nobody could say which moment of an hour that a clock skips or repeats is meant."""
    try:
        at = parse_rfc3339(text)
    except ValueError:
        raise Unreadable(name, "write it as RFC 3339, such as 2026-11-22T05:00:00+01:00") from None
    if not has_offset(text):
        raise Unreadable(name, "its time zone is missing: end it with Z, or an offset such as +01:00")
    return at


def _weekly(document: Mapping[str, object]) -> Weekly:
    try:
        return weekly(document)
    except ValueError as error:
        raise Unreadable("recur", str(error)) from None


def _locked(tx: Tx, actor: Actor, id_: str) -> Silence:
    """The silence as it stands once earlier changes of it are done, locked."""
    silence = rows.lock(tx, _known(tx, id_, actor.project_scope).id)
    if silence is None:
        raise Unknown("silence")
    return silence


def _known(tx: Tx, id_: str, project_scope: str | None) -> Silence:
    silence = rows.get(tx, exact_id(tx, "silence", id_, project_scope))
    if silence is None or project_scope not in {None, silence.project}:
        raise Unknown("silence")
    return silence


def _status(silence: Silence, held: int, now: Instant) -> SilenceStatus:
    return SilenceStatus(
        silence=silence, phase=muting.phase(silence, now), held=held, window=_window(silence, now)
    )


def _window(silence: Silence, now: Instant) -> SilenceWindow | None:
    """The present or next window, as far as it lies within the silence's own span."""
    if silence.recur is None or _is_over(silence, now):
        return None
    window = calendar.next_window(silence.recur, max(now, silence.starts_at))
    if window is None:
        return None
    starts_at = max(window[0] or silence.starts_at, silence.starts_at)
    ends = [at for at in (window[1], silence.ends_at) if at is not None]
    if silence.ends_at is not None and starts_at >= silence.ends_at:
        return None
    return SilenceWindow(starts_at=starts_at, ends_at=min(ends, default=None))


def _is_over(silence: Silence, now: Instant) -> bool:
    return silence.ends_at is not None and silence.ends_at <= now


def _words(silence: Silence) -> str:
    matchers = ", ".join(map(str, silence.matchers))
    end_ = "no end" if silence.ends_at is None else f"until {rfc3339(silence.ends_at)}"
    return f"{matchers}; {end_}; {silence.comment}"[:1_000]
