"""`/v1/config/reload`: reading the configuration file again."""

from __future__ import annotations

from fastapi import APIRouter

from notifier.api.dependencies import AdminCaller, Running, actor_of
from notifier.api.models.requests_base import Acting
from notifier.api.models.responses_operation import ReloadAnswer
from notifier.api.openapi import problems
from notifier.api.problems import HttpProblem
from notifier.api.request_body import ActingBody, openapi_body
from notifier.domain.errors import ConfigError
from notifier.runtime.reload_report import place

router = APIRouter(tags=["operation"])


@router.post(
    "/v1/config/reload",
    responses=problems(401, 403, 413, 415, 422, 503),
    openapi_extra=openapi_body(Acting, required=False),
)
async def reload(caller: AdminCaller, service: Running, body: ActingBody) -> ReloadAnswer:
    """Reload the configuration file. It takes effect as a whole; if it has problems, 422 and nothing changes."""
    try:
        reloaded = await service.reload(actor_of(caller, service, body.actor))
    except ConfigError as error:
        raise _refused(error) from None
    return ReloadAnswer.model_validate(reloaded)


def _refused(error: ConfigError) -> HttpProblem:
    errors = [{"path": place(problem), "message": problem.message} for problem in error.problems]
    count = "a problem" if len(errors) == 1 else f"{len(errors)} problems"
    detail = (
        f"the new configuration has {count} and the old one goes on: correct the file and reload it again"
    )
    return HttpProblem(422, detail, more={"errors": errors})
