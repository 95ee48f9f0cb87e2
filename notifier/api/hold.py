"""`/v1/hold`: the deliveries that a hold keeps back, and its release."""

from __future__ import annotations

from fastapi import APIRouter

from notifier.api.dependencies import AdminCaller, Running, actor_of
from notifier.api.models.requests_base import Acting
from notifier.api.models.responses_operation import HoldAnswer
from notifier.api.openapi import problems
from notifier.api.request_body import ActingBody, openapi_body
from notifier.oncall import hold

router = APIRouter(tags=["operation"])


@router.get("/v1/hold", responses=problems(401, 403, 503))
async def show_hold(_: AdminCaller, service: Running) -> HoldAnswer:
    """The deliveries that a release would send, by channel and route."""
    return HoldAnswer.of(await hold.show(service.database, service.rules))


@router.post(
    "/v1/hold/release",
    responses=problems(401, 403, 413, 415, 422, 503),
    openapi_extra=openapi_body(Acting, required=False),
)
async def release(caller: AdminCaller, service: Running, body: ActingBody) -> HoldAnswer:
    """Release all held deliveries. `expires_after` and `fallback_after` start now. Repeating it returns 200."""
    return HoldAnswer.of(
        await hold.release(service.database, service.rules, actor_of(caller, service, body.actor))
    )
