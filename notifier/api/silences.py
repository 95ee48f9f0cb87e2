"""`/v1/silences`: what is kept quiet, by whom, why and until when."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Response

from notifier.api.dependencies import ActorName, ManageCaller, OfProject, Paged, ReadCaller, Running, actor_of
from notifier.api.incidents import as_response
from notifier.api.models.requests_silences import NewSilence, Preview, SilenceChange
from notifier.api.models.responses_silences import DoubtAnswer, PreviewAnswer, SilenceAnswer, SilenceList
from notifier.api.openapi import problems
from notifier.api.request_body import body_of, openapi_body
from notifier.domain.value import replace
from notifier.ingest.scrub import clean_text, scrub_matchers
from notifier.oncall import silences
from notifier.oncall.silences import (
    Draft,
    Phase,
)

router = APIRouter(tags=["silences"])

_CLEARED: tuple[Literal["ends_at", "recur"], ...] = ("ends_at", "recur")
_PROBLEMS = problems(401, 403, 404, 409, 413, 415, 422, 503)

NewSilenceBody = Annotated[NewSilence, Depends(body_of(NewSilence))]
SilenceChangeBody = Annotated[SilenceChange, Depends(body_of(SilenceChange))]
PreviewBody = Annotated[Preview, Depends(body_of(Preview))]


@router.get("/v1/silences", responses=problems(401, 403, 422, 503))
async def list_silences(
    caller: ReadCaller, service: Running, page: Paged, state: Phase | None = None, project: OfProject = None
) -> SilenceList:
    """The silences of a project, newest first, including expired ones."""
    listing = await silences.find(
        service.database, project=caller.project_named(project), state=state, page_request=page
    )
    return SilenceList.model_validate(listing)


@router.post("/v1/silences", status_code=201, responses=_PROBLEMS, openapi_extra=openapi_body(NewSilence))
async def create_silence(
    caller: ManageCaller, service: Running, body: NewSilenceBody, project: OfProject = None
) -> SilenceAnswer:
    """Create a silence. Matching incidents are still counted; those open at its end are notified then."""
    actor, draft = actor_of(caller, service, body.actor, project=project), _draft(body)
    shown = await service.database.write(lambda tx: silences.status_of(tx, silences.create(tx, actor, draft)))
    return SilenceAnswer.model_validate(shown)


@router.post(
    "/v1/silences/preview",
    response_model=PreviewAnswer,
    responses=problems(401, 403, 413, 415, 422, 503),
    openapi_extra=openapi_body(Preview),
)
async def preview_silence(
    caller: ReadCaller, service: Running, body: PreviewBody, project: OfProject = None
) -> Response:
    """The incidents that a silence with these matchers would hold now. Nothing is silenced."""
    preview = await silences.preview(
        service.database,
        project=caller.project_named(project),
        matchers=[scrub_matchers(text) for text in body.matchers],
        url=service.settings.server.url,
    )
    return as_response(
        {
            "matching": preview.met.matching,
            "unresolved": preview.met.unresolved,
            "counted_all": preview.met.counted_all,
            "everything": preview.everything,
            "incidents": [incident.as_json() for incident in preview.met.incidents],
            "warnings": [DoubtAnswer.model_validate(doubt).model_dump() for doubt in preview.label_warnings],
        }
    )


@router.get("/v1/silences/{id}", responses=problems(401, 403, 404, 422, 503))
async def show_silence(caller: ReadCaller, service: Running, id: str) -> SilenceAnswer:  # noqa: A002 - the contract's name
    """One silence."""
    return SilenceAnswer.model_validate(
        await silences.get(service.database, id, project_scope=caller.project_scope)
    )


@router.patch("/v1/silences/{id}", responses=_PROBLEMS, openapi_extra=openapi_body(SilenceChange))
async def change_silence(
    caller: ManageCaller,
    service: Running,
    id: str,  # noqa: A002
    body: SilenceChangeBody,
) -> SilenceAnswer:
    """Change the end, the matchers or the hours of a silence. 409 if it has expired."""
    actor = actor_of(caller, service, body.actor)
    draft = replace(_draft(body), cleared=frozenset(name for name in _CLEARED if _is_null(body, name)))
    shown = await service.database.write(
        lambda tx: silences.status_of(tx, silences.change(tx, actor, id, draft))
    )
    return SilenceAnswer.model_validate(shown)


@router.delete("/v1/silences/{id}", status_code=204, responses=problems(401, 403, 404, 422, 503))
async def end_silence(caller: ManageCaller, service: Running, id: str, actor: ActorName = None) -> Response:  # noqa: A002
    """Expire a silence now. Repeating it returns 204. It stays listed."""
    who = actor_of(caller, service, actor)
    await service.database.write(lambda tx: silences.end(tx, who, id))
    return Response(status_code=204)


def _is_null(body: SilenceChange, name: str) -> bool:
    return name in body.model_fields_set and getattr(body, name) is None


def _draft(body: NewSilence | SilenceChange) -> Draft:
    return Draft(
        matchers=None if body.matchers is None else [scrub_matchers(text) for text in body.matchers],
        starts_at=body.starts_at,
        ends_at=body.ends_at,
        recur=body.recur,
        author=None if body.author is None else clean_text(body.author),
        comment=None if body.comment is None else clean_text(body.comment),
        force=body.force,
    )
