"""`/v1/keys`: the API keys. They belong to the instance, so the calls need `admin`."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request, Response

from notifier.access.keyring import Keyring
from notifier.api.dependencies import ActorName, AdminCaller, Paged, Running, actor_of
from notifier.api.models.requests_base import Name
from notifier.api.models.requests_keys import NewKey
from notifier.api.models.responses_keys import CreatedDsn, CreatedKey, KeyList
from notifier.api.openapi import problems
from notifier.api.request_body import body_of, openapi_body
from notifier.ingest.scrub import clean_text
from notifier.oncall import keys

router = APIRouter(tags=["keys"])

NewKeyBody = Annotated[NewKey, Depends(body_of(NewKey))]


@router.get("/v1/keys", responses=problems(401, 403, 422, 503))
async def list_keys(_: AdminCaller, service: Running, page: Paged, project: Name | None = None) -> KeyList:
    """The keys of all projects, or of one, newest first, including revoked ones. Their secrets are not stored."""
    listing = await keys.find(service.database, project=project, page_request=page)
    return KeyList.model_validate(listing)


@router.post(
    "/v1/keys",
    status_code=201,
    responses=problems(401, 403, 413, 415, 422, 503),
    openapi_extra=openapi_body(NewKey, required=False),
)
async def create_key(
    request: Request, caller: AdminCaller, service: Running, body: NewKeyBody, response: Response
) -> CreatedDsn | CreatedKey:
    """Create a key. Its secret is in `key` and is shown only now. A project exists once a key names it.

    With `for`, it works for that sender's endpoint only. For `sentry`, `dsn` is the address for an SDK.
    """
    key, secret = await keys.create(
        service.database,
        actor_of(caller, service, body.actor),
        project=body.project or caller.project,
        name=clean_text(body.name),
        scopes=sorted(set(body.scopes)),
        door=body.door,
        service=None if body.service is None else clean_text(body.service),
    )
    _forget(request)
    response.headers["cache-control"] = "no-store"
    return CreatedKey.with_secret(key, secret, service.settings.server.url)


@router.delete("/v1/keys/{id}", status_code=204, responses=problems(401, 403, 404, 422, 503))
async def revoke_key(
    request: Request,
    caller: AdminCaller,
    service: Running,
    id: str,  # noqa: A002 - the contract's name
    actor: ActorName = None,
) -> Response:
    """Revoke a key for good, immediately. Repeating it returns 204."""
    await keys.revoke(service.database, actor_of(caller, service, actor), id)
    _forget(request)
    return Response(status_code=204)


def _forget(request: Request) -> None:
    cast("Keyring", request.app.state.keyring).forget()
