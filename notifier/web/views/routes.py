"""The page of routes: the configured tree, and a test of which targets some labels reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from notifier.domain.route import Route
from notifier.domain.time import Instant
from notifier.oncall.labels import LabelWarning
from notifier.oncall.routes import RoutePreview, in_words
from notifier.oncall.silences import SilenceStatus
from notifier.web.views.silences import SilenceLine, silence_line
from notifier.wording.text import counted, inline, plain
from notifier.wording.times import duration


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteLine:
    """A route.

    `depth` is 0 at the root, `facts` describe its timing, `on_path` marks the routes that the labels matched.
    """

    depth: int
    matchers: str
    line: str | None
    channels: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    continues: bool
    on_path: bool
    notifies: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTestResult:
    """The result of a test: the targets, and a line for each matching route with when it notifies."""

    sentence: str
    labels: tuple[tuple[str, str], ...]
    routes_that_tell: tuple[tuple[str, tuple[str, ...]], ...]
    warnings: tuple[str, ...]
    silences: tuple[SilenceLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutesView:
    """The page. `asked` is the text that was entered, `error` why it cannot be parsed."""

    now: Instant
    routes: tuple[RouteLine, ...]
    asked: str
    answer: RouteTestResult | None
    error: str | None


def routes_view(
    tree: Route,
    *,
    now: Instant,
    asked: str,
    preview: RoutePreview | None,
    label_warnings: Sequence[LabelWarning],
    held_by: Sequence[SilenceStatus],
    error: str | None,
) -> RoutesView:
    on_path = {route.key for _, route in preview.way} if preview is not None else set()
    notifies = {matched.route.key for matched in preview.routes} if preview is not None else set()
    return RoutesView(
        now=now,
        routes=tuple(_lines(tree, 0, on_path, notifies)),
        asked=asked,
        answer=None if preview is None else _answer(preview, label_warnings, held_by),
        error=error,
    )


def _lines(route: Route, depth: int, on_path: set[str], notifies: set[str]) -> Iterator[RouteLine]:
    yield RouteLine(
        depth=depth,
        matchers=", ".join(map(str, route.match)) or "everything",
        line=route.line,
        channels=route.channels,
        facts=tuple(_facts(route)),
        continues=route.continue_,
        on_path=route.key in on_path,
        notifies=route.key in notifies,
    )
    for child in route.routes:
        yield from _lines(child, depth + 1, on_path, notifies)


def _facts(route: Route) -> Iterator[tuple[str, str]]:
    yield (
        "groups",
        "one for each incident" if route.group_by == ("incident",) else ", ".join(route.group_by) or "one",
    )
    yield "first message", f"after {duration(route.group_wait)}" if route.group_wait else "at once"
    yield "changes", f"at most every {duration(route.group_interval)}"
    yield "still happening", f"again after {duration(route.repeat_interval)}"
    if not route.send_resolved:
        yield "resolved", "is not told"
    elif route.resolve_after:
        yield "resolved", f"after it has stayed over for {duration(route.resolve_after)}"
    if route.notify_after is not None:
        yield (
            "only from",
            f"{counted(route.notify_after.events, 'event')} within {duration(route.notify_after.within)}",
        )
    for step in route.escalate:
        yield f"after {duration(step.after)}", f"unless acknowledged: {', '.join(step.channels)}"
    if route.mute_times:
        yield "quiet in", ", ".join(each.name for each in route.mute_times)
    if route.active_times:
        yield "tells only in", ", ".join(each.name for each in route.active_times)


def _answer(
    preview: RoutePreview, label_warnings: Sequence[LabelWarning], held_by: Sequence[SilenceStatus]
) -> RouteTestResult:
    return RouteTestResult(
        sentence=f"Told: {in_words(preview)}.",
        labels=tuple((plain(name), plain(value)) for name, value in preview.labels.items()),
        routes_that_tell=tuple(
            (
                matched.route.name,
                tuple(_timing(matched.route, matched.group, muted=matched.mute is not None)),
            )
            for matched in preview.routes
        ),
        warnings=tuple(doubt.message for doubt in label_warnings),
        silences=tuple(map(silence_line, held_by)),
    )


def _timing(route: Route, group: Mapping[str, str], *, muted: bool) -> Iterator[str]:
    """When and how a route notifies."""
    shared = ", ".join(f"{inline(name)}={inline(value)}" for name, value in group.items())
    yield (
        f"It is told in one group with what has the same {shared}."
        if shared
        else "All of it is told in one group."
    )
    for name, words in _facts(route):
        if name != "groups":
            yield f"{name.capitalize()}: {words}."
    if muted:
        yield "Just now the route's hours hold it; when they are over and it is still open, it is told."
