"""The API: its routers, errors as problem documents, and a request id in every answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import Route
from starlette.types import ASGIApp

from notifier.access.keyring import Keyring
from notifier.api import (
    actions,
    bulk,
    channels,
    config,
    data,
    deliveries,
    doctor,
    errors,
    grouping,
    hold,
    incidents,
    interactions,
    keys,
    monitors,
    operation,
    sign_in_links,
    silences,
    stats,
    task_runs,
    timelines,
)
from notifier.api.doors.description import SECURITY, described
from notifier.api.openapi import Api
from notifier.api.request_id import RequestIdMiddleware
from notifier.runtime.running_service import RunningService


def routers() -> tuple[APIRouter, ...]:
    """All routers. `/v1/events` is not among them: it bypasses FastAPI."""
    return (
        incidents.router,
        actions.router,
        bulk.router,
        timelines.router,
        silences.router,
        deliveries.router,
        task_runs.router,
        monitors.router,
        channels.router,
        grouping.router,
        keys.router,
        sign_in_links.router,
        stats.router,
        config.router,
        data.router,
        hold.router,
        doctor.router,
        interactions.router,
        operation.router,
    )


def create_api(
    service: RunningService, keyring: Keyring, ingest: ASGIApp | None = None, doors: Sequence[Route] = ()
) -> Api:
    """The application. `ingest` answers `POST /v1/events`, unless the server has answered it before ASGI.

    `doors` are the routes of senders with other formats. They are matched first, because they have the most requests.
    """
    api = Api(
        title="notifier",
        summary="Error reports in; deduplicated, rate-limited alerts out.",
        version="1",
        openapi_url=None,  # FastAPI would render it for each caller anew
        docs_url=None,  # its page loads scripts from other hosts
        redoc_url=None,
        redirect_slashes=False,  # the redirect would use the request's Host header
    )
    api.state.service = service
    api.state.keyring = keyring
    api.state.backup = asyncio.Lock()
    api.state.stats = asyncio.Lock()
    if doors:
        api.others, api.other_keys = described(), SECURITY
    errors.install(api)
    api.router.routes.extend(doors)
    # Added directly: `include_router` would copy every route for each application.
    api.router.routes.extend(route for router in routers() for route in router.routes)
    api.router.routes.append(Route("/openapi.json", api.describe))
    if ingest is not None:
        api.router.routes.append(Route("/v1/events", ingest, methods=["POST"]))
    api.state.routes = [route for route in api.router.routes if isinstance(route, Route | APIRoute)]
    api.add_middleware(RequestIdMiddleware)
    return api
