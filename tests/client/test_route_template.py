"""A report's route is a template of the whole path, and never the path."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, WebSocket
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.routing import Mount, Route, Router
from starlette.websockets import WebSocketDisconnect

from notifier.client import MemoryTransport, Notifier


def fails(_: Any) -> None:
    raise LookupError


async def bare(scope: Any, receive: Any, send: Any) -> None:
    raise LookupError


def application() -> FastAPI:
    """Of everything that may be within another."""
    inner, outer = APIRouter(prefix="/v1/{version}"), APIRouter(prefix="/api")

    @inner.get("/{rest:path}")
    @inner.get("/orders/{order:int}")
    def order(version: str, rest: str = "") -> None:
        raise LookupError(version, rest)

    outer.include_router(inner)
    app, below, innermost = FastAPI(), FastAPI(), FastAPI()
    app.include_router(outer, prefix="/shop")
    app.include_router(inner, prefix="/other")

    @innermost.get("/people/{name}")
    def person(name: str) -> None:
        raise LookupError(name)

    @below.websocket("/feed/{name}")
    async def feed(socket: WebSocket, name: str) -> None:
        await socket.accept()
        raise LookupError(name)

    below.mount("/tenants/{tenant}", innermost)
    app.mount("/below", below)
    routes = [Route("/s/{token}", fails), Mount("/in/{a}", routes=[Route("/t/{b}", fails)])]
    app.mount("/plain", Starlette(routes=routes))
    app.mount("/router", Router([Route("/{x}/{y}", fails, methods=["GET"])]))
    app.mount("/raw", bare)
    return app


ROUTES = {
    "/shop/api/v1/2/orders/7": "/shop/api/v1/{version}/orders/{order:int}",
    "/other/v1/2/orders/7": "/other/v1/{version}/orders/{order:int}",
    "/shop/api/v1/2/s3cret/and/more": "/shop/api/v1/{version}/{rest:path}",
    "/below/tenants/s3cret/people/s3cret": "/below/tenants/{tenant}/people/{name}",
    "/plain/s/s3cret": "/plain/s/{token}",
    "/plain/in/s3cret/t/s3cret": "/plain/in/{a}/t/{b}",
    "/router/s3cret/s3cret": "/router/{x}/{y}",
    "/raw/s3cret": "/raw",
}


@pytest.mark.parametrize("root_path", ["", "/proxy"])
@pytest.mark.parametrize("path", ROUTES)
def test_the_route_has_the_prefixes_of_mounts_and_routers(path: str, root_path: str) -> None:
    """Behind a proxy's prefix as well."""
    memory = MemoryTransport()
    app = application()
    Notifier("billing", transport=memory).instrument(app)
    http = TestClient(app, raise_server_exceptions=False, root_path=root_path)
    assert http.get(f"{root_path}{path}").status_code == 500
    assert memory.events[0]["context"]["request"] == {"method": "GET", "route": ROUTES[path]}
    assert "s3cret" not in str(memory.events[0]["context"])


@pytest.mark.parametrize("path", ["/s/s3cret", "/in/s3cret/t/s3cret"])
def test_a_plain_starlette_has_routes_as_well(path: str) -> None:
    """Instrumented itself, or wrapped."""
    for wrap in (False, True):
        memory = MemoryTransport()
        notifier = Notifier("billing", transport=memory)
        routes = [Route("/s/{token}", fails), Mount("/in/{a}", routes=[Route("/t/{b}", fails)])]
        app = Starlette(routes=routes)
        served: Any = notifier.asgi(app) if wrap else notifier.instrument(app)
        TestClient(served, raise_server_exceptions=False).get(path)
        assert memory.events[0]["context"]["request"]["route"] == ROUTES[f"/plain{path}"].removeprefix(
            "/plain"
        )


def test_a_websocket_s_route() -> None:
    """Below a mount, too."""
    memory = MemoryTransport()
    app = application()
    Notifier("billing", transport=memory).instrument(app)
    with (
        pytest.raises((LookupError, WebSocketDisconnect)),
        TestClient(app).websocket_connect("/below/feed/s3cret") as socket,
    ):
        socket.receive_text()
    assert memory.events[0]["context"]["request"] == {"method": "WEBSOCKET", "route": "/below/feed/{name}"}
