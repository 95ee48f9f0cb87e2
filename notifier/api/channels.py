"""`/v1/channels` and `/v1/routes/test`: the health of channels, and tests of channels and routes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends

from notifier.api.dependencies import AdminCaller, ReadCaller, Running, actor_of, known_channel
from notifier.api.models.requests_base import Acting
from notifier.api.models.requests_routes import RouteTest
from notifier.api.models.responses_channels import ChannelList, ChannelTestAnswer, TestedAnswer
from notifier.api.models.responses_routes import RouteTestAnswer
from notifier.api.openapi import problems
from notifier.api.request_body import ActingBody, body_of, openapi_body
from notifier.domain.delivery import Outcome
from notifier.oncall import channels, labels, routes
from notifier.runtime.running_service import ChannelTestOutcome

router = APIRouter(tags=["channels"])

RouteTestBody = Annotated[RouteTest, Depends(body_of(RouteTest))]


@router.get("/v1/channels", responses=problems(401, 403, 503))
async def list_channels(caller: ReadCaller, service: Running) -> ChannelList:
    """All channels and the health of their targets. `pending` counts the key's project; with `admin`, all projects."""
    health = await channels.health(
        service.database, service.rules, service.channels, project_scope=caller.project_scope
    )
    return ChannelList.model_validate({"items": health, "next_cursor": None})


@router.post(
    "/v1/channels/{name}/test",
    responses=problems(401, 403, 404, 413, 415, 422, 503),
    openapi_extra=openapi_body(Acting, required=False),
)
async def test_channel(
    caller: AdminCaller, service: Running, name: str, body: ActingBody
) -> ChannelTestAnswer:
    """Send a real message to every target of a channel. Returns 200 with the outcomes, also if sending fails."""
    actor = actor_of(caller, service, body.actor)
    known_channel(service, name)
    await channels.record_test(service.database, name, actor)
    tested = await service.test_channel(name, caller.project, actor.name)
    return ChannelTestAnswer(
        channel=name,
        outcome=_together(tested),
        targets=[TestedAnswer.model_validate(outcome) for outcome in tested],
    )


@router.post(
    "/v1/routes/test",
    responses=problems(401, 403, 413, 415, 422, 503),
    openapi_extra=openapi_body(RouteTest),
)
async def test_route(caller: ReadCaller, service: Running, body: RouteTestBody) -> RouteTestAnswer:
    """The targets that an event with these labels would be sent to, with the route and its line. Nothing is sent.

    Defaults of an event (`environment`, `severity`) are filled in, and `project` is the key's.
    """
    now = service.database.now()
    preview = routes.preview(service.rules.tree, body.labels, project=caller.project, now=now)
    targets = {name: channel.targets for name, channel in service.channels.items()}
    label_warnings = await service.database.read(
        lambda tx: labels.label_warnings(tx, caller.project, labels.of_labels(body.labels))
    )
    return RouteTestAnswer.of(preview, targets, label_warnings)


def _together(tested: Sequence[ChannelTestOutcome]) -> str:
    failures = (test.outcome for test in tested if test.outcome != Outcome.DELIVERED)
    return next(failures, Outcome.DELIVERED.value)
