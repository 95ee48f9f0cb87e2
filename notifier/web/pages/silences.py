"""`/silences`: the silences, and the form for one, with a preview of what it matches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from notifier.domain.incident import Incident
from notifier.domain.time import Instant, parse_positive_duration, rfc3339
from notifier.ingest.sanitise import text as sanitised
from notifier.ingest.scrub import clean_text, scrub_matchers
from notifier.oncall import silences
from notifier.oncall.audit_trail import audit_entries
from notifier.oncall.errors import Unreadable
from notifier.oncall.paging import Listing, PageRequest
from notifier.oncall.silences import Draft, SilencePreview, SilenceStatus
from notifier.web import parameters
from notifier.web.errors import sentence_of
from notifier.web.forms import Form
from notifier.web.views.audit_trail import ActLine, trail
from notifier.web.views.incident_silence import matchers_of_several
from notifier.web.views.silences import (
    SilenceFields,
    SilenceFormView,
    beside_chosen,
    fields_of,
    preview_view,
    silence_line,
    silences_view,
)
from notifier.web.visit import Redirect, Shown, Visit

NOW_AT_MOST = 100
_NONE: Listing[SilenceStatus] = Listing(items=(), next_cursor=None)
_RANGES = ("weekdays", "days_of_month", "months", "years")
_CLEARED: tuple[Literal["ends_at", "recur"], ...] = ("ends_at", "recur")


async def list_silences(request: Visit) -> Shown:
    """The active and pending silences, or the expired ones, newest first."""
    state = parameters.one_of(request.query, "state", {"active", "pending", "expired", "now"}, "now")
    database, project, first = request.service.database, request.project, PageRequest(limit=NOW_AT_MOST)
    active = pending = expired = _NONE
    if state == "expired":
        expired = await silences.find(
            database, project=project, state="expired", page_request=parameters.page_of(request.query)
        )
    else:
        active = await silences.find(database, project=project, state="active", page_request=first)
        pending = await silences.find(database, project=project, state="pending", page_request=first)
    view = silences_view(now=request.now, state=state, active=active, pending=pending, expired=expired)
    return Shown(template="silences", view=view)


async def new_silence(request: Visit) -> Shown:
    """The form for a new silence, filled from the address or from another silence."""
    like = parameters.named(request.query, "like")
    if like is None:
        fields = _fields(request.query)
        if not request.query.get("length"):
            fields = SilenceFields(matchers=fields.matchers, comment=fields.comment)
    else:
        status = await silences.get(request.service.database, like, project_scope=request.project_scope)
        fields = fields_of(status.silence, again=True)
    try:
        preview = await _preview(request, fields) if fields.matchers else None
    except Unreadable as error:
        return await _again(request, fields, error)
    return _form(request, fields, preview=preview, again=like is not None)


async def create_silence(request: Visit) -> Shown | Redirect:
    """Create the silence, or preview it if the preview button was pressed."""
    fields, actor = _fields(request.form), request.actor()
    try:
        preview = await _preview(request, fields)
        if request.form.get("preview"):
            return _form(request, fields, preview=preview)
        draft = _draft(fields, request.now)
        await request.service.database.write(lambda tx: silences.create(tx, actor, draft))
    except Unreadable as error:
        return await _again(request, fields, error)
    return Redirect(path="/silences", query={}, notice="silence")


async def silence_chosen(request: Visit, chosen: Sequence[Incident]) -> Shown:
    """The form of a new silence for these incidents, with what else it would hold."""
    try:
        matchers = matchers_of_several(chosen)
    except ValueError:
        raise Unreadable("ids", "they are too different for one silence: choose fewer") from None
    fields = SilenceFields(matchers="\n".join(matchers))
    preview = await _preview(request, fields)
    shown = beside_chosen(preview_view(preview, matchers), preview, chosen)
    view = SilenceFormView(now=request.now, fields=fields, preview=shown)
    return Shown(template="silence_form", view=view)


async def edit_silence(request: Visit) -> Shown:
    """The form of an existing silence."""
    status = await _status(request)
    fields = fields_of(status.silence, again=False)
    entries = await audit_entries(request.service.database, [status.silence.id])
    return _form(request, fields, line=status, preview=await _preview(request, fields), acts=trail(entries))


async def change_silence(request: Visit) -> Shown | Redirect:
    """Change a silence: its end, its matchers or its hours."""
    status, fields, actor = await _status(request), _fields(request.form), request.actor()
    try:
        preview = await _preview(request, fields)
        if request.form.get("preview"):
            return _form(request, fields, line=status, preview=preview)
        draft = _change(fields, request.now)
        await request.service.database.write(lambda tx: silences.change(tx, actor, status.silence.id, draft))
    except Unreadable as error:
        return await _again(request, fields, error, line=status)
    return Redirect(path="/silences", query={}, notice="change_silence")


async def end_silence(request: Visit) -> Redirect:
    """End a silence now."""
    actor, id_ = request.actor(), request.path["id"]
    await request.service.database.write(lambda tx: silences.end(tx, actor, id_))
    return Redirect(path="/silences", query={}, notice="end_silence")


async def _status(request: Visit) -> SilenceStatus:
    return await silences.get(
        request.service.database, request.path["id"], project_scope=request.project_scope
    )


async def _preview(request: Visit, fields: SilenceFields) -> SilencePreview:
    return await silences.preview(
        request.service.database,
        project=request.project,
        matchers=_lines(fields.matchers),
        url=None,
    )


async def _again(
    request: Visit, fields: SilenceFields, error: Unreadable, *, line: SilenceStatus | None = None
) -> Shown:
    """The form as sent, with the reason why it is refused."""
    preview = None
    if not error.path.startswith("matchers["):
        try:
            preview = await _preview(request, fields)
        except Unreadable:
            preview = None
    return _form(request, fields, line=line, preview=preview, error=_sentence(error, fields))


def _sentence(error: Unreadable, fields: SilenceFields) -> str:
    """The error's message with its place; matchers are numbered by line."""
    place = error.path
    if place.startswith("matchers[") and len(_lines(fields.matchers)) > 1:
        number = int(place.removeprefix("matchers[").partition("]")[0]) + 1
        return f"Matcher {number}: {error}."
    return sentence_of(error)


def _form(
    request: Visit,
    fields: SilenceFields,
    *,
    line: SilenceStatus | None = None,
    again: bool = False,
    preview: SilencePreview | None = None,
    error: str | None = None,
    acts: tuple[ActLine, ...] = (),
) -> Shown:
    view = SilenceFormView(
        now=request.now,
        fields=fields,
        preview=None if preview is None else preview_view(preview, _lines(fields.matchers)),
        line=None if line is None else silence_line(line),
        again=again,
        error=error,
        refused=error if preview is None else None,
        acts=acts,
    )
    return Shown(template="silence_form", view=view, status=200 if error is None else 422)


def _fields(form: Form) -> SilenceFields:
    """The fields as entered."""

    def typed(name: str) -> str:
        return sanitised(form.get(name)).replace("\r\n", "\n").strip()

    return SilenceFields(
        matchers=typed("matchers"),
        length=typed("length"),
        starts_at=typed("starts_at"),
        ends_at=typed("ends_at"),
        weekdays=typed("weekdays"),
        days_of_month=typed("days_of_month"),
        months=typed("months"),
        years=typed("years"),
        times=typed("times"),
        location=typed("location"),
        author=typed("author"),
        comment=typed("comment"),
        force=bool(form.get("force")),
    )


def _lines(matchers: str) -> list[str]:
    return [scrub_matchers(line.strip()) for line in matchers.split("\n") if line.strip()]


def _draft(fields: SilenceFields, now: Instant) -> Draft:
    return Draft(
        matchers=_lines(fields.matchers),
        starts_at=fields.starts_at or None,
        ends_at=_end(fields, now),
        recur=_recur(fields),
        author=clean_text(fields.author) or None,
        comment=_comment(fields),
        force=fields.force,
    )


def _change(fields: SilenceFields, now: Instant) -> Draft:
    """The change in the form. Unlike for a new silence, an empty end or empty hours remove the old ones."""
    ends_at, recur = _end(fields, now), _recur(fields)
    given = {"ends_at": ends_at, "recur": recur}
    return Draft(
        matchers=_lines(fields.matchers),
        starts_at=fields.starts_at or None,
        ends_at=ends_at,
        recur=recur,
        author=clean_text(fields.author) or None,
        comment=_comment(fields),
        force=fields.force,
        cleared=frozenset(name for name in _CLEARED if given[name] is None),
    )


def _comment(fields: SilenceFields) -> str:
    if len(fields.comment) > silences.COMMENT_CHARS:
        raise Unreadable("comment", f"a comment has at most {silences.COMMENT_CHARS:,} characters")
    return clean_text(fields.comment)


def _end(fields: SilenceFields, now: Instant) -> str | None:
    """The end of the silence, as entered or after the chosen duration."""
    if fields.ends_at:
        return fields.ends_at
    if not fields.length:
        return None
    try:
        return rfc3339(now + parse_positive_duration(fields.length))
    except (ValueError, OverflowError):
        raise Unreadable("length", "write for how long as 45m, 4h or 7d") from None


def _recur(fields: SilenceFields) -> Mapping[str, object] | None:
    """Weekly hours in the API's form; None if none are given.

    `Unreadable` is raised if a length is given too: it could be the window's or the silence's.
    """
    document: dict[str, object] = {
        name: ranges for name in _RANGES if (ranges := _listed(getattr(fields, name)))
    }
    if times := _listed(fields.times):
        document["times"] = [_hours(each) for each in times]
    if not document:
        return None
    if fields.length:
        raise Unreadable(
            "length",
            "weekly hours go on until somebody ends them: leave the length empty, or say when they end",
        )
    return {**document, "location": fields.location} if fields.location else document


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _hours(text: str) -> Mapping[str, str]:
    start, dash, end = (part.strip() for part in text.partition("-"))
    if not dash:
        raise Unreadable("times", "write hours as 22:00-06:00, several with commas between")
    return {"start_time": start, "end_time": end}
