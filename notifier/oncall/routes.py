"""Routing of hypothetical labels: who would be notified, by which route and line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from notifier.domain.route import Route
from notifier.domain.severity import Severity
from notifier.domain.time import Instant
from notifier.policy import muting, routing
from notifier.policy.muting import Mute

DEFAULTS = {"environment": "production", "severity": "error"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedRoute:
    """A matching route, the labels of its group, and its active mute time."""

    route: Route
    group: Mapping[str, str]
    mute: Mute | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutePreview:
    """The labels as an event would have them, the matching routes, and all routes on the way with their depth."""

    labels: Mapping[str, str]
    routes: tuple[MatchedRoute, ...]
    way: tuple[tuple[int, Route], ...]


def preview(tree: Route, labels: Mapping[str, str], *, project: str, now: Instant) -> RoutePreview:
    """Routes these labels as an event's: missing ones get defaults, and `project` is the key's."""
    whole = {**DEFAULTS, **labels, "project": project}
    return RoutePreview(
        labels=whole,
        routes=tuple(
            MatchedRoute(
                route=route,
                group=routing.group_labels(route, whole, "its own"),
                mute=muting.mute_time(route, now),
            )
            for route in routing.route(tree, whole)
        ),
        way=tuple(routing.met(tree, whole)),
    )


def in_words(preview: RoutePreview) -> str:
    """The result in a line: `oncall and audit, by the route in line 9`, or `nobody, by the route in line 12`."""
    if preview.labels["severity"].strip().casefold() == Severity.NONE.value:
        return "nobody, for the severity is none"
    return "; ".join(
        f"{' and '.join(matched.route.channels) or 'nobody'}, by {_place(matched.route)}"
        for matched in preview.routes
    )


def _place(route: Route) -> str:
    if route.line is None:
        return "the built-in route"
    return f"the route in line {route.line.rpartition(':')[2]}"
