"""`/v1/hold`: what waits while deliveries are held, and the end of that."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from notifier.api.bodies import Acting, ActingBody, documented
from notifier.api.dependencies import AdminCaller, Running, actor_of
from notifier.api.openapi import problems
from notifier.domain.time import rfc3339
from notifier.oncall import hold
from notifier.oncall.hold import HoldState

router = APIRouter(tags=["operation"])


class WaitingAnswer(BaseModel):
    """Deliveries that wait for the release, of one channel and one route; null: about no group of incidents."""

    channel: str
    route: str | None
    count: int


class HoldAnswer(BaseModel):
    """Whether deliveries, the fallback and escalation are held, since when and by whom; and what waits."""

    held: bool
    since: str | None
    by: str | None
    pending: int
    items: list[WaitingAnswer]
    next_cursor: None = None
    released: int = Field(description="How many deliveries this call has let go.")

    @staticmethod
    def of(state: HoldState) -> HoldAnswer:
        items = [
            WaitingAnswer(channel=one.channel, route=one.route, count=one.count) for one in state.waiting
        ]
        return HoldAnswer(
            held=state.hold is not None,
            since=None if state.hold is None else rfc3339(state.hold.since),
            by=None if state.hold is None else state.hold.by,
            pending=sum(one.count for one in items),
            items=items,
            released=state.released,
        )


@router.get("/v1/hold", responses=problems(401, 403, 503))
async def show_hold(_: AdminCaller, service: Running) -> HoldAnswer:
    """What would be sent at the release, by channel and route."""
    return HoldAnswer.of(await hold.show(service.database, service.rules))


@router.post(
    "/v1/hold/release",
    responses=problems(401, 403, 413, 415, 422, 503),
    openapi_extra=documented(Acting, required=False),
)
async def release(caller: AdminCaller, service: Running, body: ActingBody) -> HoldAnswer:
    """Let everything go that waits. `expires_after` and `fallback_after` count from now; the same again is 200."""
    return HoldAnswer.of(
        await hold.release(service.database, service.rules, actor_of(caller, service, body.actor))
    )
