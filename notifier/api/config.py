"""`/v1/config/reload`."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from notifier.api.bodies import Acting, ActingBody, documented
from notifier.api.dependencies import AdminCaller, Running, actor_of
from notifier.api.openapi import problems
from notifier.api.problems import HttpProblem
from notifier.domain.errors import ConfigError
from notifier.runtime.reload import place

router = APIRouter(tags=["operation"])


class ReloadAnswer(BaseModel):
    """What a reload did. Versions are the first digits of the file's SHA-256."""

    version: str
    previous: str
    changed: bool
    warnings: list[str]
    needs_restart: list[str] = Field(
        description="Settings that were changed in the file and keep their old value until a restart."
    )


@router.post(
    "/v1/config/reload",
    responses=problems(401, 403, 413, 415, 422, 503),
    openapi_extra=documented(Acting, required=False),
)
async def reload(caller: AdminCaller, service: Running, body: ActingBody) -> ReloadAnswer:
    """Read the configuration file anew. All of it takes effect at once; where it has problems, 422 and none of it."""
    try:
        done = await service.reload(actor_of(caller, service, body.actor))
    except ConfigError as error:
        raise _refused(error) from None
    return ReloadAnswer(
        version=done.version,
        previous=done.previous,
        changed=done.changed,
        warnings=[str(warning) for warning in done.warnings],
        needs_restart=list(done.needs_restart),
    )


def _refused(error: ConfigError) -> HttpProblem:
    errors = [{"path": place(one), "message": one.message} for one in error.problems]
    count = "a problem" if len(errors) == 1 else f"{len(errors)} problems"
    detail = (
        f"the new configuration has {count} and the old one goes on: correct the file and reload it again"
    )
    return HttpProblem(422, detail, more={"errors": errors})
