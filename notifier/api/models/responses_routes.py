"""The routes that labels match, and the targets that would be notified."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

from pydantic import BeforeValidator, Field

from notifier.api.models.responses_base import Moment, ResponseModel
from notifier.api.models.responses_silences import DoubtAnswer
from notifier.domain.time import Duration, format_duration
from notifier.oncall.labels import LabelWarning
from notifier.oncall.routes import MatchedRoute, RoutePreview, in_words


def _duration(value: Duration | str) -> str:
    return value if isinstance(value, str) else format_duration(value)


DurationText = Annotated[str, BeforeValidator(_duration)]


class ToldAnswer(ResponseModel):
    channel: str
    target: str


class StepAnswer(ResponseModel):
    """An escalation step: who else is notified of an incident that is still open this long after the first message."""

    after: DurationText
    channels: list[str]


class RouteAnswer(ResponseModel):
    """A route that sends. Durations are in the configuration's form."""

    route: str
    line: str | None
    channels: list[str]
    targets: list[ToldAnswer] = Field(description="Who would be notified.")
    group_by: list[str]
    group: dict[str, str] = Field(description="The labels that the group shares.")
    group_wait: DurationText
    group_interval: DurationText
    repeat_interval: DurationText
    send_resolved: bool
    notify_after: dict[str, int | str] | None
    escalate: list[StepAnswer]
    muted: bool = Field(description="Whether its mute or active times hold its messages now.")
    muted_until: Moment | None = Field(description="Null if it is not muted, or if the end is unknown.")

    @staticmethod
    def of(matched: MatchedRoute, targets: Mapping[str, Sequence[str]]) -> RouteAnswer:
        """The answer for a route; `targets` are those of each channel, by name."""
        route, mute, notify_after = matched.route, matched.mute, matched.route.notify_after
        return RouteAnswer.model_validate(
            {
                "route": route.name,
                "line": route.line,
                "channels": route.channels,
                "targets": [
                    {"channel": channel, "target": target}
                    for channel in route.channels
                    for target in targets.get(channel, ())
                ],
                "group_by": route.group_by,
                "group": matched.group,
                "group_wait": route.group_wait,
                "group_interval": route.group_interval,
                "repeat_interval": route.repeat_interval,
                "send_resolved": route.send_resolved,
                "notify_after": notify_after
                and {"events": notify_after.events, "within": format_duration(notify_after.within)},
                "escalate": route.escalate,
                "muted": mute is not None,
                "muted_until": mute and mute.until,
            }
        )


class MetRouteAnswer(ResponseModel):
    """A route that the labels match. `tells` is true if no child route sends in its place."""

    depth: int = Field(description="0 is the root.")
    match: list[str]
    line: str | None
    tells: bool


class RouteTestAnswer(ResponseModel):
    """The result of a route test. `labels` are those of an event, with defaults."""

    labels: dict[str, str]
    routes: list[RouteAnswer]
    summary: str = Field(description="Who would be notified, in words: `nobody, by the route in line 12`.")
    tree: list[MetRouteAnswer] = Field(description="From the root to the routes that send, depth first.")
    warnings: list[DoubtAnswer] = Field(description="Labels that no event has had so far.")

    @staticmethod
    def of(
        preview: RoutePreview, targets: Mapping[str, Sequence[str]], label_warnings: Iterable[LabelWarning]
    ) -> RouteTestAnswer:
        """The answer; `targets` are those of each channel, by name."""
        matched_keys = {matched.route.key for matched in preview.routes}
        return RouteTestAnswer(
            labels=dict(preview.labels),
            routes=[RouteAnswer.of(matched, targets) for matched in preview.routes],
            summary=in_words(preview),
            tree=[
                MetRouteAnswer(
                    depth=depth,
                    match=[str(matcher) for matcher in route.match],
                    line=route.line,
                    tells=route.key in matched_keys,
                )
                for depth, route in preview.way
            ],
            warnings=[DoubtAnswer.model_validate(doubt) for doubt in label_warnings],
        )
