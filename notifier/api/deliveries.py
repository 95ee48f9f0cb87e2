"""`/v1/deliveries` and `/v1/dead-letters`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from notifier.api.dependencies import ManageCaller, OfProject, Paged, ReadCaller, Running, actor_of
from notifier.api.models.requests_base import Acting, Name
from notifier.api.models.requests_dead_letters import DeadLetters
from notifier.api.models.responses_dead_letters import DeadLetterList, DecidedAnswer, dead_letter_answer
from notifier.api.models.responses_deliveries import DeliveryList, DeliveryWithAttempts
from notifier.api.openapi import problems
from notifier.api.request_body import ActingBody, body_of, openapi_body
from notifier.domain.delivery import DeliveryState
from notifier.oncall import dead_letters, deliveries
from notifier.oncall.dead_letters import DeadLetterKind

router = APIRouter(tags=["deliveries"])

DeadLettersBody = Annotated[DeadLetters, Depends(body_of(DeadLetters))]


@router.get("/v1/deliveries", responses=problems(401, 403, 422, 503))
async def list_deliveries(
    caller: ReadCaller,
    service: Running,
    page: Paged,
    state: DeliveryState | None = None,
    channel: Name | None = None,
    project: OfProject = None,
) -> DeliveryList:
    """Deliveries in all states unless filtered, newest first."""
    listing = await deliveries.find(
        service.database,
        project=caller.project_named(project),
        state=state,
        channel=channel,
        page_request=page,
    )
    return DeliveryList.model_validate(listing)


@router.get("/v1/deliveries/{id}", responses=problems(401, 403, 404, 422, 503))
async def show_delivery(caller: ReadCaller, service: Running, id: str) -> DeliveryWithAttempts:  # noqa: A002 - the contract's name
    """One delivery with every attempt."""
    delivery, attempts = await deliveries.get(service.database, id, project_scope=caller.project_scope)
    return DeliveryWithAttempts.of(delivery, attempts)


@router.post(
    "/v1/deliveries/{id}/redeliver",
    responses=problems(401, 403, 404, 409, 413, 415, 422, 503),
    openapi_extra=openapi_body(Acting, required=False),
)
async def redeliver(
    caller: ManageCaller,
    service: Running,
    id: str,  # noqa: A002
    body: ActingBody,
) -> DeliveryWithAttempts:
    """Return a dead delivery to pending, with the same id. 409 with its `state` if it is not dead."""
    delivery, attempts = await deliveries.redeliver(
        service.database, service.rules, id, actor_of(caller, service, body.actor)
    )
    return DeliveryWithAttempts.of(delivery, attempts)


@router.get("/v1/dead-letters", responses=problems(401, 403, 422, 503))
async def list_dead_letters(
    caller: ReadCaller,
    service: Running,
    page: Paged,
    kind: DeadLetterKind | None = None,
    channel: Name | None = None,
    project: OfProject = None,
) -> DeadLetterList:
    """Dead letters that await a decision, newest first. With `channel`, deliveries only."""
    listing = await dead_letters.find(
        service.database,
        project=caller.project_named(project),
        kind=kind,
        channel=channel,
        page_request=page,
    )
    return DeadLetterList(
        items=[dead_letter_answer(letter) for letter in listing.items], next_cursor=listing.next_cursor
    )


@router.post(
    "/v1/dead-letters/redeliver",
    responses=problems(401, 403, 413, 415, 422, 503),
    openapi_extra=openapi_body(DeadLetters),
)
async def redeliver_dead_letters(
    caller: ManageCaller, service: Running, body: DeadLettersBody, project: OfProject = None
) -> DecidedAnswer:
    """Redeliver dead deliveries and replay dead runs: by ids, of a channel, or of a task. Others are skipped."""
    actor = actor_of(caller, service, body.actor, project=project)
    return DecidedAnswer.model_validate(
        await dead_letters.redeliver(service.database, service.rules, actor, body.chosen)
    )


@router.post(
    "/v1/dead-letters/discard",
    responses=problems(401, 403, 413, 415, 422, 503),
    openapi_extra=openapi_body(DeadLetters),
)
async def discard_dead_letters(
    caller: ManageCaller, service: Running, body: DeadLettersBody, project: OfProject = None
) -> DecidedAnswer:
    """Discard dead letters for good: by ids, of a channel, or of a task. What is not dead is skipped."""
    actor = actor_of(caller, service, body.actor, project=project)
    return DecidedAnswer.model_validate(await dead_letters.discard(service.database, actor, body.chosen))
