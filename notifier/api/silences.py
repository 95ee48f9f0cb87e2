"""`/v1/silences`: what is kept quiet, by whom, why and until when."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from notifier.api.answers import DoubtAnswer, IncidentAnswer, NextCursor, moment
from notifier.api.bodies import Acting, Document, body_of, documented
from notifier.api.dependencies import ActorName, ManageCaller, OfProject, Paged, ReadCaller, Running, actor_of
from notifier.api.incidents import as_response
from notifier.api.openapi import problems
from notifier.domain.calendar import weekly_json
from notifier.ingest import sanitise
from notifier.ingest.scrub import written
from notifier.oncall import silences
from notifier.oncall.silences import (
    COMMENT_CHARS,
    JUDGED_AT_MOST,
    MATCHERS_AT_MOST,
    Draft,
    Phase,
    SilenceStatus,
)

router = APIRouter(tags=["silences"])

_CLEARED: tuple[Literal["ends_at", "recur"], ...] = ("ends_at", "recur")
_PROBLEMS = problems(401, 403, 404, 409, 413, 415, 422, 503)

Matchers = Annotated[
    list[Annotated[str, Field(max_length=4_096)]],
    Field(
        min_length=1,
        max_length=MATCHERS_AT_MOST,
        description='All must hold, as in `["service=\\"billing\\""]`.',
    ),
]
Moment = Annotated[
    str,
    Field(max_length=64, description="RFC 3339 with an offset.", json_schema_extra={"format": "date-time"}),
]
Recur = Annotated[
    dict[str, Any],
    Field(
        description="When it is on, in Alertmanager's words: `weekdays` (`monday:friday`), `days_of_month` "
        "(`1:5`, `-1`), `months` (`january:march`), `years` (`2026:2028`), `times` (`start_time`, `end_time`) and "
        "`location`, an IANA time zone. Each may be left out."
    ),
]
Author = Annotated[str, Field(min_length=1, max_length=200)]
Comment = Annotated[str, Field(min_length=1, max_length=COMMENT_CHARS)]


class NewSilence(Acting):
    """Without `starts_at` it begins now; without `author` it is the caller's. Only one that recurs may have no end."""

    matchers: Matchers
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    author: Author | None = None
    comment: Comment
    recur: Recur | None = None
    force: bool = False


class SilenceChange(Acting):
    """What is not named stays as it is. Null takes an end or the weekly hours away, where the other is there."""

    matchers: Matchers | None = None
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    author: Author | None = None
    comment: Comment | None = None
    recur: Recur | None = None
    force: bool = False


class Preview(Document):
    matchers: Matchers


class WindowAnswer(BaseModel):
    """From when to when; `ends_at` null: it never ends."""

    starts_at: str
    ends_at: str | None


class SilenceAnswer(BaseModel):
    """`held` is how many incidents that are not resolved it keeps from being told now.

    One that recurs is `active` only within its window, else `pending`. `window` is the present or the next one.
    """

    id: str
    state: Phase
    matchers: list[str]
    starts_at: str
    ends_at: str | None
    recur: dict[str, Any] | None
    author: str
    comment: str
    created_at: str
    created_by: str
    held: int
    window: WindowAnswer | None

    @staticmethod
    def of(shown: SilenceStatus) -> SilenceAnswer:
        one = shown.silence
        return SilenceAnswer(
            id=one.id,
            state=shown.phase,
            matchers=[str(matcher) for matcher in one.matchers],
            starts_at=moment(one.starts_at) or "",
            ends_at=moment(one.ends_at),
            recur=None if one.recur is None else weekly_json(one.recur),
            author=one.author,
            comment=one.comment,
            created_at=moment(one.created_at) or "",
            created_by=one.created_by,
            held=shown.held,
            window=None
            if shown.window is None
            else WindowAnswer(
                starts_at=moment(shown.window.starts_at) or "", ends_at=moment(shown.window.ends_at)
            ),
        )


class SilenceList(BaseModel):
    items: list[SilenceAnswer]
    next_cursor: NextCursor


class PreviewAnswer(BaseModel):
    """`matching` counts incidents that are not resolved, and `incidents` shows at most 20, the newest first."""

    matching: int
    unresolved: int = Field(description="How many the project has in all.")
    counted_all: bool = Field(
        description=f"False where there are more than {JUDGED_AT_MOST}: the counts are of the newest so many."
    )
    everything: bool = Field(description="Such a silence is accepted only with `force`.")
    incidents: list[IncidentAnswer]
    warnings: list[DoubtAnswer] = Field(description="Labels that no event has come with so far.")


NewSilenceBody = Annotated[NewSilence, Depends(body_of(NewSilence))]
SilenceChangeBody = Annotated[SilenceChange, Depends(body_of(SilenceChange))]
PreviewBody = Annotated[Preview, Depends(body_of(Preview))]


@router.get("/v1/silences", responses=problems(401, 403, 422, 503))
async def list_silences(
    caller: ReadCaller, service: Running, page: Paged, state: Phase | None = None, project: OfProject = None
) -> SilenceList:
    """The silences of a project, newest first, ended ones too."""
    found = await silences.find(
        service.database, project=caller.project_named(project), state=state, wanted=page
    )
    return SilenceList(items=[SilenceAnswer.of(one) for one in found.items], next_cursor=found.next_cursor)


@router.post("/v1/silences", status_code=201, responses=_PROBLEMS, openapi_extra=documented(NewSilence))
async def create_silence(
    caller: ManageCaller, service: Running, body: NewSilenceBody, project: OfProject = None
) -> SilenceAnswer:
    """Keep what the matchers meet quiet for a while. It goes on being counted, and its end is told where it is open."""
    actor, draft = actor_of(caller, service, body.actor, project=project), _draft(body)
    shown = await service.database.write(lambda tx: silences.shown(tx, silences.create(tx, actor, draft)))
    return SilenceAnswer.of(shown)


@router.post(
    "/v1/silences/preview",
    response_model=PreviewAnswer,
    responses=problems(401, 403, 413, 415, 422, 503),
    openapi_extra=documented(Preview),
)
async def preview_silence(
    caller: ReadCaller, service: Running, body: PreviewBody, project: OfProject = None
) -> Response:
    """What a silence with these matchers would meet now; nothing is silenced."""
    found = await silences.preview(
        service.database,
        project=caller.project_named(project),
        matchers=[sanitise.text(one) for one in body.matchers],
        url=service.settings.server.url,
    )
    return as_response(
        {
            "matching": found.met.matching,
            "unresolved": found.met.unresolved,
            "counted_all": found.met.counted_all,
            "everything": found.everything,
            "incidents": [one.as_json() for one in found.met.incidents],
            "warnings": [DoubtAnswer.of(doubt).model_dump() for doubt in found.doubts],
        }
    )


@router.get("/v1/silences/{id}", responses=problems(401, 403, 404, 422, 503))
async def show_silence(caller: ReadCaller, service: Running, id: str) -> SilenceAnswer:  # noqa: A002 - the contract's name
    """One silence."""
    return SilenceAnswer.of(await silences.one(service.database, id, project_scope=caller.project_scope))


@router.patch("/v1/silences/{id}", responses=_PROBLEMS, openapi_extra=documented(SilenceChange))
async def change_silence(
    caller: ManageCaller,
    service: Running,
    id: str,  # noqa: A002
    body: SilenceChangeBody,
) -> SilenceAnswer:
    """Extend it, shorten it, or let it meet something else. One that is over stays over: 409."""
    actor = actor_of(caller, service, body.actor)
    draft = replace(_draft(body), cleared=frozenset(name for name in _CLEARED if _is_null(body, name)))
    shown = await service.database.write(lambda tx: silences.shown(tx, silences.change(tx, actor, id, draft)))
    return SilenceAnswer.of(shown)


@router.delete("/v1/silences/{id}", status_code=204, responses=problems(401, 403, 404, 422, 503))
async def end_silence(caller: ManageCaller, service: Running, id: str, actor: ActorName = None) -> Response:  # noqa: A002
    """End it now; the same again is 204 as well. It stays listed, as expired."""
    who = actor_of(caller, service, actor)
    await service.database.write(lambda tx: silences.end(tx, who, id))
    return Response(status_code=204)


def _is_null(body: SilenceChange, name: str) -> bool:
    return name in body.model_fields_set and getattr(body, name) is None


def _draft(body: NewSilence | SilenceChange) -> Draft:
    return Draft(
        matchers=None if body.matchers is None else [sanitise.text(one) for one in body.matchers],
        starts_at=body.starts_at,
        ends_at=body.ends_at,
        recur=body.recur,
        author=None if body.author is None else written(body.author),
        comment=None if body.comment is None else written(body.comment),
        force=body.force,
    )
