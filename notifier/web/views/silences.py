"""The pages of silences: the list, one silence, and the form with its preview."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from notifier.domain.calendar import Weekly, weekly_json
from notifier.domain.incident import Incident
from notifier.domain.silence import Phase, Silence
from notifier.domain.state import State
from notifier.domain.time import HOUR, Instant, rfc3339
from notifier.domain.value import replace
from notifier.oncall.paging import Listing
from notifier.oncall.silences import PREVIEW_PERIOD, SilencePreview, SilenceStatus, SilenceWindow
from notifier.web.views.audit_trail import ActLine
from notifier.wording.credentials import credential
from notifier.wording.text import TITLE, counted, inline, number, plain

_RANGES = ("weekdays", "days_of_month", "months", "years")


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceLine:
    """A silence. `window` is the current or next window of a recurring one, `recurs` its weekly hours.

    `search` finds the incidents that it matches.
    """

    id: str
    phase: Phase
    matchers: tuple[str, ...]
    search: str
    author: str
    comment: str
    starts_at: Instant
    ends_at: Instant | None
    window: SilenceWindow | None
    recurs: str | None
    held: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SilencesView:
    """The active and pending silences, or a page of those in one phase."""

    now: Instant
    state: str
    active: tuple[SilenceLine, ...]
    pending: tuple[SilenceLine, ...]
    expired: tuple[SilenceLine, ...]
    next_cursor: str | None
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceFields:
    """The fields of the form as entered; matchers are one per line."""

    matchers: str = ""
    length: str = "4h"
    starts_at: str = ""
    ends_at: str = ""
    weekdays: str = ""
    days_of_month: str = ""
    months: str = ""
    years: str = ""
    times: str = ""
    location: str = ""
    author: str = ""
    comment: str = ""
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewedIncident:
    """An incident that a silence would match."""

    number: int
    id: str
    title: str
    state: str
    severity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewView:
    """A preview of matchers: `sentences` for now and for the last day, `warnings` for what is suspicious about them."""

    sentences: tuple[str, ...]
    warnings: tuple[str, ...]
    incidents: tuple[PreviewedIncident, ...]
    everything: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceFormView:
    """The form for a new or existing silence. `error` is why the input is refused.

    `refused` is why its matchers cannot be previewed.
    """

    now: Instant
    fields: SilenceFields
    preview: PreviewView | None
    line: SilenceLine | None = None
    again: bool = False
    error: str | None = None
    refused: str | None = None
    acts: tuple[ActLine, ...] = ()


def silence_line(status: SilenceStatus) -> SilenceLine:
    silence = status.silence
    return SilenceLine(
        id=silence.id,
        phase=status.phase,
        matchers=tuple(plain(matcher, 500) for matcher in silence.matchers),
        search=" ".join(map(str, silence.matchers)),
        author=_author(silence),
        comment=plain(silence.comment, 600),
        starts_at=silence.starts_at,
        ends_at=silence.ends_at,
        window=status.window,
        recurs=None if silence.recur is None else hours(silence.recur),
        held=status.held,
    )


def silences_view(
    *,
    now: Instant,
    state: str,
    active: Listing[SilenceStatus],
    pending: Listing[SilenceStatus],
    expired: Listing[SilenceStatus],
) -> SilencesView:
    def lines(listing: Listing[SilenceStatus]) -> tuple[SilenceLine, ...]:
        return tuple(map(silence_line, listing.items))

    return SilencesView(
        now=now,
        state=state,
        active=lines(active),
        pending=lines(pending),
        expired=lines(expired),
        next_cursor=expired.next_cursor,
        more=active.next_cursor is not None or pending.next_cursor is not None,
    )


def fields_of(silence: Silence, *, again: bool) -> SilenceFields:
    """The form's fields for a silence; `again` is for a copy that starts now and has its own length."""
    own = _recurrence(silence.recur)
    return SilenceFields(
        matchers="\n".join(map(str, silence.matchers)),
        length="4h" if again and silence.recur is None else "",
        starts_at="" if again else rfc3339(silence.starts_at),
        ends_at="" if again or silence.ends_at is None else rfc3339(silence.ends_at),
        weekdays=own["weekdays"],
        days_of_month=own["days_of_month"],
        months=own["months"],
        years=own["years"],
        times=own["times"],
        location=own["location"],
        author="" if again else silence.author,
        comment=silence.comment,
    )


def preview_view(preview: SilencePreview, matchers: Sequence[str]) -> PreviewView:
    """The preview of these matchers."""
    met = preview.met
    of = f"{number(met.unresolved)} that are not resolved"
    if not met.counted_all:
        of = f"the newest {of}, of more"
    at_least = "" if preview.counted_lately else "at least "
    lately = (
        f"Of those resolved in the last {PREVIEW_PERIOD // HOUR} hours it would have held "
        f"{at_least}{number(preview.lately)}."
    )
    return PreviewView(
        sentences=(
            f"Now it would hold {counted(met.matching, 'incident')} of {of}.",
            lately,
        ),
        warnings=doubts_of(preview, matchers),
        incidents=tuple(
            PreviewedIncident(
                number=incident.number,
                id=incident.id,
                title=plain(incident.title, TITLE) or "(no title)",
                state=incident.state.value,
                severity=incident.severity.value,
            )
            for incident in met.incidents
        ),
        everything=preview.everything,
    )


def beside_chosen(view: PreviewView, preview: SilencePreview, chosen: Sequence[Incident]) -> PreviewView:
    """The preview of a silence for several incidents, which says first how many others it would hold."""
    unresolved = sum(1 for incident in chosen if incident.state is not State.RESOLVED)
    others = max(0, preview.met.matching - unresolved)
    besides = counted(others, "other") if others else "no other"
    first = f"It matches the {counted(len(chosen), 'incident')} you chose and {besides}."
    return replace(view, sentences=(first, *view.sentences))


def doubts_of(preview: SilencePreview, matchers: Sequence[str]) -> tuple[str, ...]:
    """The warnings about these matchers, each after the matcher's text."""
    by_path = {f"matchers[{index}]": inline(matcher, 256) for index, matcher in enumerate(matchers)}
    return tuple(f"{by_path[doubt.path]}: {doubt.message}" for doubt in preview.label_warnings)


def hours(recur: Weekly) -> str:
    """`monday:friday, 22:00-06:00 (Europe/Berlin)`."""
    own = _recurrence(recur)
    parts = [own[name] for name in ("weekdays", "days_of_month", "months", "years", "times")]
    return f"{', '.join(part for part in parts if part)} ({own['location']})"


def _author(silence: Silence) -> str:
    author, key = inline(silence.author), inline(silence.created_by)
    return author if author == key else f"{author} ({credential(silence.created_by)})"


def _recurrence(recur: Weekly | None) -> Mapping[str, str]:
    if recur is None:
        return dict.fromkeys((*_RANGES, "times", "location"), "")
    document = weekly_json(recur)
    times = document["times"]
    assert isinstance(times, list)
    return {
        **{name: _joined(document.get(name)) for name in _RANGES},
        "times": ", ".join(f"{each['start_time']}-{each['end_time']}" for each in times),
        "location": str(document["location"]),
    }


def _joined(ranges: object) -> str:
    return ", ".join(map(str, ranges)) if isinstance(ranges, Sequence) else ""
