"""The route template of a request, because its path may hold a token, an address or a name."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any, Final

Scope = MutableMapping[str, Any]

ENTERED: Final = "notifier.entered"
"""The scope's key for its `RequestEntry`, which also identifies the request."""


class RequestEntry:
    """The application that received a request first, with the path and root path that it saw."""

    __slots__ = ("app", "path", "root_path")

    def __init__(self, scope: Scope, app: object) -> None:
        self.app = scope.get("app", app)
        self.path = scope.get("path", "")
        self.root_path = scope.get("root_path", "")


def record_entry(scope: Scope, app: object) -> None:
    """Records how a request came in, because mounts change the scope."""
    if ENTERED not in scope:
        scope[ENTERED] = RequestEntry(scope, app)


def template(scope: Scope) -> str | None:
    """`/tenants/{tenant}/orders/{id}`, including mounts and routers' prefixes. None if the route is unknown."""
    first, chosen = scope[ENTERED], _chosen(scope)
    if chosen is not None and scope.get("root_path", "") == first.root_path:
        return chosen
    outermost = {**scope, "path": first.path, "root_path": first.root_path, "path_params": {}, "fastapi": {}}
    try:
        return _walked(getattr(first.app, "routes", ()), outermost)
    except Exception:  # noqa: BLE001 - routes may be of any class
        return None


def _chosen(scope: Scope) -> str | None:
    """The route recorded by routing. FastAPI's route lacks the prefixes of the routers that include it."""
    route = scope.get("route")
    including = (scope.get("fastapi") or {}).get("effective_route_context")
    if including is not None and getattr(including, "original_route", None) is route:
        route = including
    path = getattr(route, "path", None)
    return path if isinstance(path, str) else None


def _walked(routes: Any, scope: Scope) -> str | None:
    """The first matching route, searched from the outermost application inwards."""
    other_method = None
    for route in _flattened(routes):
        match, child = route.matches(scope)
        if match.name == "NONE":
            continue
        inner = getattr(route, "routes", None)
        if inner is not None:
            return f"{getattr(route, 'path', '')}{_walked(inner, {**scope, **child}) or ''}"
        if match.name == "FULL":
            return str(route.path)
        other_method = other_method or str(route.path)
    return other_method


def _flattened(routes: Any) -> Iterator[Any]:
    """The routes, including those of FastAPI's included routers, which it resolves lazily."""
    for route in routes:
        including = getattr(route, "effective_route_contexts", None)
        if including is None:
            yield route
        else:
            for inner in including():
                yield getattr(inner, "starlette_route", None) or inner
