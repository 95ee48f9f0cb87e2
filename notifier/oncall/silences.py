"""Silences: create, change, end, list, and preview them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from notifier.domain.calendar import Weekly, weekly
from notifier.domain.matcher import Matcher, match_all, parse_all
from notifier.domain.severity import Severity
from notifier.domain.silence import Phase, Silence
from notifier.domain.time import DAY, Duration, Instant, has_offset, parse_rfc3339, rfc3339
from notifier.domain.value import replace
from notifier.oncall import labels
from notifier.oncall.actor import Actor
from notifier.oncall.errors import Refused, Unknown, Unreadable
from notifier.oncall.labels import LabelWarning
from notifier.oncall.names import exact_id
from notifier.oncall.paging import Listing, PageRequest, listing
from notifier.policy import calendar, muting
from notifier.store import silences as rows
from notifier.store import views
from notifier.store.database import Database, Tx
from notifier.store.views import MatchedIncidents, Page

__all__ = [
    "COMMENT_CHARS",
    "MAX_CHECKED",
    "MAX_MATCHERS",
    "PREVIEW_PERIOD",
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
    "preview",
    "silences_holding",
    "status_of",
]

MAX_MATCHERS = 50
MAX_SHOWN = 20
MAX_CHECKED = 10_000
MAX_CHECKED_SILENCES = 2_000
PREVIEW_PERIOD: Duration = DAY
"""How far back a preview looks at resolved incidents."""
COMMENT_CHARS = 2_000

# Labels of every event, with values that only a catch-all matcher has in common.
_EVERYWHERE: Mapping[str, Sequence[str]] = {
    "service": ("a", "zebra-9"),
    "environment": ("production", "zebra-9"),
    "severity": tuple(severity.value for severity in Severity if severity is not Severity.NONE),
}
_FORCE = "this would silence everything of the project: narrow its matchers, or say `force: true`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A silence as requested. In a change, None keeps a field and `cleared` removes it."""

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
    """A silence, its phase, and the number of unresolved incidents that it holds now.

    `window` is the current or next window of a recurring silence. None if there is no further one.
    """

    silence: Silence
    phase: Phase
    held: int
    window: SilenceWindow | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceWindow:
    """The start and the end of a window. `ends_at` is None if it never ends."""

    starts_at: Instant
    ends_at: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SilencePreview:
    """The preview of matchers: what they match now, and whether a silence with them would silence everything.

    `lately` counts matching incidents that were resolved within `PREVIEW_PERIOD`, which the silence would have held.
    `counted_lately` is False if there were too many, so that only the latest were checked.
    """

    met: MatchedIncidents
    everything: bool
    label_warnings: tuple[LabelWarning, ...]
    lately: int
    counted_lately: bool


def create(tx: Tx, actor: Actor, draft: Draft) -> Silence:
    """A new silence. Raises `Unreadable` with the invalid part."""
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
    _validate(silence, tx.now, force=draft.force)
    rows.add(tx, silence)
    actor.record(tx, "silence", silence.id, _words(silence))
    return silence


def change(tx: Tx, actor: Actor, id_: str, draft: Draft) -> Silence:
    """Changes a silence that is not over. Incidents that it no longer holds are checked at once."""
    before = _locked(tx, actor, id_)
    if _is_over(before, tx.now):
        raise Refused("it is over, and what is over stays as it was: make a new one", state="expired")
    after = replace(before, **_changes(draft))
    _validate(after, tx.now, force=draft.force or _matches_everything(before.matchers, before.project))
    if after == before:
        return before
    rows.change(tx, after)
    if replace(after, author=before.author, comment=before.comment) != before:
        rows.release(tx, before.id)
    actor.record(tx, "change_silence", before.id, _words(after))
    return after


def end(tx: Tx, actor: Actor, id_: str) -> Silence:
    """Ends a silence now. Repeating it changes nothing. Incidents that it held and are still open are notified."""
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
        held = views.count_held(tx, [silence.id for silence in page.items])
        items = tuple(_status(silence, held.get(silence.id, 0), tx.now) for silence in page.items)
        return Page(items=items, next_key=page.next_key)

    return listing("silences", await database.read(read))


async def get(database: Database, id_: str, *, project_scope: str | None) -> SilenceStatus:
    """The silence with this id. Raises `Unknown`."""
    return await database.read(lambda tx: status_of(tx, _known(tx, id_, project_scope)))


def status_of(tx: Tx, silence: Silence) -> SilenceStatus:
    return _status(silence, views.count_held(tx, [silence.id]).get(silence.id, 0), tx.now)


async def silences_holding(
    database: Database, *, project: str, labels: Mapping[str, str]
) -> tuple[SilenceStatus, ...]:
    """The silences that hold these labels now. Only the newest `MAX_CHECKED_SILENCES` are checked."""

    def read(tx: Tx) -> tuple[SilenceStatus, ...]:
        page = views.find_silences(
            tx,
            project=project,
            state="active",
            in_phase=lambda silence: muting.phase(silence, tx.now) == "active",
            after=None,
            limit=MAX_CHECKED_SILENCES,
        )
        holding = [silence for silence in page.items if match_all(silence.matchers, labels)]
        held = views.count_held(tx, [silence.id for silence in holding])
        return tuple(_status(silence, held.get(silence.id, 0), tx.now) for silence in holding)

    return await database.read(read)


async def preview(
    database: Database, *, project: str, matchers: Sequence[str], url: str | None
) -> SilencePreview:
    """The preview of a silence with these matchers."""
    _matchers(matchers)
    placed = [(index, matcher) for index, text in enumerate(matchers) for matcher in _parsed(index, text)]
    return await database.read(lambda tx: _preview(tx, project, placed, url))


def _preview(tx: Tx, project: str, placed: Sequence[tuple[int, Matcher]], url: str | None) -> SilencePreview:
    matchers = tuple(matcher for _, matcher in placed)
    met = views.met(tx, project, matchers, most=MAX_CHECKED, shown=MAX_SHOWN, url=url)
    lately, counted_lately = views.count_resolved_matches(
        tx, project, matchers, since=tx.now - PREVIEW_PERIOD, most=MAX_CHECKED
    )
    return SilencePreview(
        met=met,
        lately=lately,
        counted_lately=counted_lately,
        everything=_matches_everything(matchers, project),
        label_warnings=labels.label_warnings(tx, project, labels.of_matchers(placed)),
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


def _validate(silence: Silence, now: Instant, *, force: bool) -> None:
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
    if not force and _matches_everything(silence.matchers, silence.project):
        raise Unreadable("matchers", _FORCE)


def _matches_everything(matchers: Sequence[Matcher], project: str) -> bool:
    """Whether an event with only the labels that all have would be silenced, whatever its service or severity."""
    everywhere = {**_EVERYWHERE, "project": (project,)}
    return all(
        matcher.matches({matcher.name: value})
        for matcher in matchers
        for value in everywhere.get(matcher.name, ("",))
    )


def _matchers(texts: Sequence[str]) -> tuple[Matcher, ...]:
    matchers = tuple(
        matcher for index, text in enumerate(texts[: MAX_MATCHERS + 1]) for matcher in _parsed(index, text)
    )
    if not 1 <= len(matchers) <= MAX_MATCHERS:
        raise Unreadable("matchers", f"a silence has 1 to {MAX_MATCHERS} matchers")
    return matchers


def _parsed(index: int, text: str) -> tuple[Matcher, ...]:
    try:
        return parse_all(text)
    except ValueError as error:
        raise Unreadable(f"matchers[{index}]", str(error)) from None


def _moment(name: str, text: str) -> Instant:
    """An RFC 3339 time with an offset, without which an hour that the clock repeats would be ambiguous."""
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
    """The current silence, locked."""
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
    """The current or next window, cut to the silence's own span."""
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
