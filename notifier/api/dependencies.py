"""FastAPI dependencies: the caller with its scope, the running service, and shared parameters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, cast

from fastapi import Depends, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from notifier.access.caller import Caller
from notifier.access.keyring import Keyring
from notifier.api.bearer import bearer_secret
from notifier.api.models.requests_base import Name
from notifier.api.problems import HttpProblem
from notifier.domain.key import Scope
from notifier.ingest.scrub import clean_text
from notifier.oncall.actor import Actor
from notifier.oncall.paging import MAX_CURSOR_CHARS, PageRequest
from notifier.runtime.running_service import RunningService

LIMIT_DEFAULT = 100
LIMIT_AT_MOST = 1_000


def service_of(request: Request) -> RunningService:
    return cast("RunningService", request.app.state.service)


async def authenticate(request: Request) -> Caller:
    """The caller of the request's key. `Unauthenticated` is raised without a valid key."""
    keyring = cast("Keyring", request.app.state.keyring)
    return await keyring.caller(bearer_secret(request.headers.get("authorization")))


def actor_of(
    caller: Caller, service: RunningService, name: str | None = None, *, project: str | None = None
) -> Actor:
    """The actor of a command: `name`, or else the key's; in `project`, or else the key's."""
    return Actor(
        name=clean_text(name).strip() if name else caller.name,
        key_name=caller.name,
        project=caller.project_named(project),
        project_scope=caller.project_scope,
        new_id=service.new_id,
    )


_bearer = HTTPBearer(scheme_name="key", description="An API key, `ntf_...`", auto_error=False)
# Only for the OpenAPI document: `authenticate` reads the header itself.
Documented = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def scoped(scope: Scope) -> Callable[[Request, HTTPAuthorizationCredentials | None], Awaitable[Caller]]:
    """A dependency that returns the caller. It raises `Unauthenticated`, or `MissingScope` if the scope is missing."""

    async def authorised(request: Request, _: Documented) -> Caller:
        caller = await authenticate(request)
        caller.require(scope)
        return caller

    return authorised


def page_request(
    limit: Annotated[
        int, Query(ge=1, le=LIMIT_AT_MOST, description="Maximum items per page.")
    ] = LIMIT_DEFAULT,
    cursor: Annotated[
        str | None, Query(max_length=MAX_CURSOR_CHARS, description="`next_cursor` of the previous page.")
    ] = None,
) -> PageRequest:
    return PageRequest(limit=limit, cursor=cursor)


def known_channel(service: RunningService, name: str) -> str:
    """The name, if the configuration has such a channel; otherwise a 404 is raised."""
    if name not in service.channels:
        raise HttpProblem(
            404, "the configuration has no channel of this name: look for it in the list of channels"
        )
    return name


Running = Annotated[RunningService, Depends(service_of)]
IngestCaller = Annotated[Caller, Depends(scoped("ingest"))]
ReadCaller = Annotated[Caller, Depends(scoped("read"))]
ManageCaller = Annotated[Caller, Depends(scoped("manage"))]
AdminCaller = Annotated[Caller, Depends(scoped("admin"))]
Paged = Annotated[PageRequest, Depends(page_request)]
ActorName = Annotated[
    Name | None, Query(description="The person who gives the command, in addition to the key.")
]
OfProject = Annotated[
    Name | None, Query(description="Another project; needs an `admin` key. Default: the key's own.")
]
