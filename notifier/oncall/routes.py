"""Who would be told, by which route and line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from notifier.domain.route import Route
from notifier.domain.time import HOUR, MINUTE, SECOND, Duration
from notifier.policy import routing

DEFAULTS = {"environment": "production", "severity": "error"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """The labels as an event would have them, and for each route that tells the labels which its group shares."""

    labels: Mapping[str, str]
    routes: tuple[tuple[Route, Mapping[str, str]], ...]


def trial(tree: Route, labels: Mapping[str, str], *, project: str) -> Trial:
    """Route these labels as an event's: with its defaults where they are missing, and the key's `project` always."""
    whole = {**DEFAULTS, **labels, "project": project}
    chosen = routing.route(tree, whole)
    return Trial(
        labels=whole, routes=tuple((one, routing.group_labels(one, whole, "its own")) for one in chosen)
    )


def written(duration: Duration) -> str:
    """A duration as the configuration would write it, exactly: `90s`, `5m`, `4h`, `1500ms`."""
    for unit, size in (("h", HOUR), ("m", MINUTE), ("s", SECOND)):
        if duration and duration % size == 0:
            return f"{duration // size}{unit}"
    return f"{duration}ms" if duration else "0s"
