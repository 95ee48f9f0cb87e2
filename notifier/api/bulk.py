"""`/v1/incidents/acknowledge`, `/snooze`, `/resolve`: one act on many incidents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, model_validator

from notifier.api.actions import Moment
from notifier.api.bodies import IDS_AT_MOST, Acting, body_of, documented
from notifier.api.dependencies import ManageCaller, Name, Running, actor_of
from notifier.api.openapi import problems
from notifier.oncall import actions, bulk, search
from notifier.oncall.actor import Actor
from notifier.store.database import Database

router = APIRouter(tags=["incidents"])

_PROBLEMS = problems(401, 403, 413, 415, 422, 503)


def _only(name: str, other: str) -> dict[str, Any]:
    return {"required": [name], "properties": {other: {"type": "null"}, name: {"not": {"type": "null"}}}}


class Many(Acting):
    """Which incidents: exactly one of the two. `q` finds what is unresolved, as in the list."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [_only("ids", "q"), _only("q", "ids")]})

    ids: (
        Annotated[list[Name | Annotated[int, Field(ge=1)]], Field(min_length=1, max_length=IDS_AT_MOST)]
        | None
    ) = None
    q: Annotated[str, Field(min_length=1, max_length=search.LONGEST)] | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.ids is None) == (self.q is None):
            raise ValueError("give one of `ids` (a list of ids or numbers) and `q` (a query)")
        return self


class ManyAcknowledged(Many):
    """`until` is when they count as open again by themselves; without it, not before somebody reopens them."""

    until: Moment | None = None


class ManySnoozed(Many):
    """`until` is when they may be told of again."""

    until: Moment


class SkippedAnswer(BaseModel):
    """An incident that the act was not done to, by the name that was given for it.

    `already`: the same was done before by the same actor; `taken`: another has it.
    """

    id: str
    reason: Literal["unknown", "resolved", "already", "taken"]


class ManyAnswer(BaseModel):
    """To how many incidents it was done, and to which it was not."""

    done: int
    skipped: Sequence[SkippedAnswer]


@router.post("/v1/incidents/acknowledge", responses=_PROBLEMS, openapi_extra=documented(ManyAcknowledged))
async def acknowledge_many(
    caller: ManageCaller,
    service: Running,
    body: Annotated[ManyAcknowledged, Depends(body_of(ManyAcknowledged))],
) -> ManyAnswer:
    """Say that somebody has them. Of a query at most 1,000 may match, else nothing is done."""
    until = None if body.until is None else actions.moment(body.until)
    return await _done(
        service.database, actor_of(caller, service, body.actor), body, bulk.AcknowledgeAct(until=until)
    )


@router.post("/v1/incidents/snooze", responses=_PROBLEMS, openapi_extra=documented(ManySnoozed))
async def snooze_many(
    caller: ManageCaller, service: Running, body: Annotated[ManySnoozed, Depends(body_of(ManySnoozed))]
) -> ManyAnswer:
    """Tell nothing but their resolution until then."""
    return await _done(
        service.database,
        actor_of(caller, service, body.actor),
        body,
        bulk.SnoozeAct(until=actions.moment(body.until)),
    )


@router.post("/v1/incidents/resolve", responses=_PROBLEMS, openapi_extra=documented(Many))
async def resolve_many(
    caller: ManageCaller, service: Running, body: Annotated[Many, Depends(body_of(Many))]
) -> ManyAnswer:
    """Say that they are over."""
    return await _done(service.database, actor_of(caller, service, body.actor), body, bulk.ResolveAct())


async def _done(database: Database, actor: Actor, body: Many, act: bulk.Act) -> ManyAnswer:
    if body.q is not None:
        outcome = await bulk.on_found(database, actor, act, body.q)
    else:
        outcome = await bulk.on_named(database, actor, act, [str(name) for name in body.ids or ()])
    skipped = [SkippedAnswer(id=one.id, reason=one.reason) for one in outcome.skipped]
    return ManyAnswer(done=outcome.done, skipped=skipped)
