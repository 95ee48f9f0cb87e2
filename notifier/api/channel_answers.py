"""What the API answers about channels and routes, as models."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, Field

from notifier.api.answers import DoubtAnswer, NextCursor, moment
from notifier.oncall.channels import ChannelHealth, TargetHealth
from notifier.oncall.labels import Doubt
from notifier.oncall.routes import MatchedRoute, RoutePreview, in_words, written


class TargetAnswer(BaseModel):
    """One recipient. `tokens`: messages that may go now, null where nothing limits."""

    target: str
    state: Literal["ok", "cooling", "disabled"]
    tokens: float | None
    cool_until: str | None
    failures: int = Field(description="Transient failures in a row.")
    disabled_at: str | None
    disabled_why: str | None
    last_ok_at: str | None
    last_error: str | None
    last_error_at: str | None
    pending: int

    @staticmethod
    def of(one: TargetHealth) -> TargetAnswer:
        row = one.row
        return TargetAnswer(
            target=row.address,
            state=one.state,
            tokens=None if one.tokens is None else round(one.tokens, 3),
            cool_until=moment(row.cool_until) if one.state == "cooling" else None,
            failures=row.failures,
            disabled_at=moment(row.disabled_at),
            disabled_why=row.disabled_why,
            last_ok_at=moment(row.last_ok_at),
            last_error=row.last_error,
            last_error_at=moment(row.last_error_at),
            pending=one.pending,
        )


class ChannelAnswer(BaseModel):
    name: str
    type: str
    fallback: bool
    pending: int
    targets: list[TargetAnswer]

    @staticmethod
    def of(one: ChannelHealth, *, fallback: str | None) -> ChannelAnswer:
        return ChannelAnswer(
            name=one.name,
            type=one.type,
            fallback=one.name == fallback,
            pending=sum(target.pending for target in one.targets),
            targets=[TargetAnswer.of(target) for target in one.targets],
        )


class ChannelList(BaseModel):
    """By name; all of them in one page."""

    items: list[ChannelAnswer]
    next_cursor: NextCursor


class TestedAnswer(BaseModel):
    target: str
    outcome: str
    detail: str | None


class ChannelTestAnswer(BaseModel):
    """`outcome` is `delivered` where every target has it, else the first other one."""

    channel: str
    outcome: str
    targets: list[TestedAnswer]


class ToldAnswer(BaseModel):
    channel: str
    target: str


class StepAnswer(BaseModel):
    """One step of the escalation: whom else to tell of what is still open so long after it was first told."""

    after: str
    channels: list[str]


class RouteAnswer(BaseModel):
    """A route that tells. Durations are written as in the configuration."""

    route: str
    line: str | None
    channels: list[str]
    targets: list[ToldAnswer] = Field(description="Who would be told.")
    group_by: list[str]
    group: dict[str, str] = Field(description="The labels that its group shares.")
    group_wait: str
    group_interval: str
    repeat_interval: str
    send_resolved: bool
    notify_after: dict[str, int | str] | None
    escalate: list[StepAnswer]
    muted: bool = Field(description="Whether its mute or active times hold just now what it would tell.")
    muted_until: str | None = Field(description="Null where it is not muted, or nobody knows the end.")

    @staticmethod
    def of(telling: MatchedRoute, targets: dict[str, list[str]]) -> RouteAnswer:
        route, mute = telling.route, telling.mute
        return RouteAnswer(
            route=route.name,
            line=route.line,
            channels=list(route.channels),
            targets=[
                ToldAnswer(channel=name, target=target)
                for name in route.channels
                for target in targets.get(name, [])
            ],
            group_by=list(route.group_by),
            group=dict(telling.group),
            group_wait=written(route.group_wait),
            group_interval=written(route.group_interval),
            repeat_interval=written(route.repeat_interval),
            send_resolved=route.send_resolved,
            notify_after=None
            if route.notify_after is None
            else {"events": route.notify_after.events, "within": written(route.notify_after.within)},
            escalate=[
                StepAnswer(after=written(step.after), channels=list(step.channels)) for step in route.escalate
            ],
            muted=mute is not None,
            muted_until=None if mute is None else moment(mute.until),
        )


class MetRouteAnswer(BaseModel):
    """A route that the labels meet. `tells`: none below it does so in its place."""

    depth: int = Field(description="0 is the root.")
    match: list[str]
    line: str | None
    tells: bool


class RouteTestAnswer(BaseModel):
    """`labels` as an event with these would have them."""

    labels: dict[str, str]
    routes: list[RouteAnswer]
    summary: str = Field(description="Who would be told, in words: `nobody, by the route in line 12`.")
    tree: list[MetRouteAnswer] = Field(description="From the root to the routes that tell, depth first.")
    warnings: list[DoubtAnswer] = Field(description="Labels that no event has come with so far.")

    @staticmethod
    def of(trial: RoutePreview, targets: dict[str, list[str]], doubts: Iterable[Doubt]) -> RouteTestAnswer:
        telling = {one.route.key for one in trial.routes}
        return RouteTestAnswer(
            labels=dict(trial.labels),
            routes=[RouteAnswer.of(telling, targets) for telling in trial.routes],
            summary=in_words(trial),
            tree=[
                MetRouteAnswer(
                    depth=depth,
                    match=[str(matcher) for matcher in route.match],
                    line=route.line,
                    tells=route.key in telling,
                )
                for depth, route in trial.way
            ],
            warnings=[DoubtAnswer.of(doubt) for doubt in doubts],
        )
