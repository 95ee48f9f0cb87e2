"""`/v1/sign-in-links`: one-time links that sign in to the pages with the caller's key."""

from __future__ import annotations

from fastapi import APIRouter, Response

from notifier.access.sessions import make_link
from notifier.api.dependencies import AdminCaller, Running, actor_of
from notifier.api.models.requests_base import Acting
from notifier.api.models.responses_sign_in_links import SignInLink
from notifier.api.openapi import problems
from notifier.api.request_body import ActingBody, openapi_body

router = APIRouter(tags=["keys"])


@router.post(
    "/v1/sign-in-links",
    status_code=201,
    responses=problems(401, 403, 413, 415, 422, 503),
    openapi_extra=openapi_body(Acting, required=False),
)
async def create_sign_in_link(
    caller: AdminCaller, service: Running, body: ActingBody, response: Response
) -> SignInLink:
    """Create a link that signs in to the pages with the caller's key. It works once, within ten minutes."""
    actor = actor_of(caller, service, body.actor)
    token, expires_at = await make_link(service.database, caller.key_id)
    await service.database.write(lambda tx: actor.record(tx, "create_sign_in_link", caller.key_id))
    response.headers["cache-control"] = "no-store"
    path = f"/welcome/{token}"
    url = service.settings.server.url
    return SignInLink(path=path, url=None if url is None else f"{url}{path}", expires_at=expires_at)
