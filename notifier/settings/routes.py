"""The section `route`, and the routing tree with inherited values filled in."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import pairwise
from typing import Annotated, Any, ClassVar

from pydantic import Field

from notifier.domain.errors import Problem
from notifier.domain.matcher import Matcher
from notifier.domain.route import Route, Step, Threshold, TimeInterval
from notifier.settings.document import Path, SourceFile
from notifier.settings.names import MATCHERS, ChannelNames, IntervalNames, Labels, Listed, Matchers, flat
from notifier.settings.sections import Block, with_default
from notifier.settings.validation_errors import Fault, checked
from notifier.settings.values import Count, Flag, Span, Wait

_STEP = "{after: 15m, channels: [audit]}"
PER_INCIDENT = "incident"
_HIDES_PARENT = (
    "this route takes everything, so where no later one matches it alone tells, and not the channels above; "
    "if they should be told as well, end the list with a route without `match`"
)
_INHERITS_NOBODY = (
    "this route inherits `channels: []` from the one in {line}, so it tells nobody: "
    "name its channels, or write `channels: []` here as well"
)
_NEVER_ESCALATES = (
    "this route tells nobody (`channels: []`), so its `escalate` never begins: "
    "name a channel, or write `escalate: []`"
)


class ThresholdBlock(Block):
    example: ClassVar[str] = "{events: 10, within: 5m}"
    expected: ClassVar[str] = example

    events: Count
    within: Span


class StepBlock(Block):
    example: ClassVar[str] = _STEP

    after: Span
    channels: Annotated[
        ChannelNames,
        Listed("[team-mail]", empty="no channel is named, so this step would tell nobody: name one"),
    ]


def _not_longer(steps: Sequence[StepBlock | None], _context: object) -> Iterator[Fault]:
    for index, (step, following) in enumerate(pairwise(steps), 1):
        if step is not None and following is not None and following.after <= step.after:
            yield (index,), "`after` must be longer than in the step before"


def _not_alone(labels: Sequence[str | None], _context: object) -> Iterator[Fault]:
    if PER_INCIDENT in labels and len(labels) > labels.count(None) + 1:
        yield (), "[incident] stands alone: every incident is its own group"


def _inherited(description: str) -> Any:
    return Field(default=None, description=description)


class RouteCommon(Block):
    """Matches everything that no other route matches."""

    channels: ChannelNames = _inherited("Channels to notify; [] for none.")
    group_by: Annotated[
        Labels, checked(_not_alone), Listed("[service, environment], or [incident] for a group each")
    ] = _inherited("Incidents with equal values of these labels are notified together.")
    group_wait: Wait = _inherited("How long a new group waits for more incidents.")
    group_interval: Wait = _inherited("Minimum time between two messages about a group.")
    repeat_interval: Span = _inherited("How often an incident that still happens is notified again.")
    send_resolved: Flag = _inherited("Whether resolutions are sent.")
    resolve_after: Wait = _inherited(
        "How long a resolution waits before it is sent. Without it, only incidents that recurred within an hour wait."
    )
    notify_after: ThresholdBlock = _inherited("Notify once this many events have arrived within the time.")
    escalate: Annotated[tuple[StepBlock, ...], checked(_not_longer), Listed(f"[{_STEP}]")] = _inherited(
        "Further channels for incidents that are still open and unacknowledged this long after the first message."
    )
    mute_time_intervals: IntervalNames = _inherited("Nothing is sent while one of these is active.")
    active_time_intervals: IntervalNames = _inherited("Messages are sent only while one of these is active.")
    routes: Annotated[tuple[RouteBlock, ...], Listed("- match: [...]")] = with_default(
        (), "An incident goes to the first matching route, and to further ones after `continue: true`."
    )


class RootRouteBlock(RouteCommon):
    """Matches everything that no other route matches."""

    missing: ClassVar[dict[str, str]] = {"channels": "name the channels to tell, as in [team-mail]"}
    refused: ClassVar[dict[str, str]] = {
        "match": "the first route cannot have it: everything that no other route takes comes here",
        "continue": "the first route cannot have it: it has no sibling",
    }

    channels: Annotated[
        ChannelNames,
        Listed(
            "[team-mail]", empty="no channel is named, and what no other route takes comes here: name one"
        ),
    ] = Field(description="Channels to notify.")


class RouteBlock(RouteCommon):
    """Inherits everything but match, continue and routes."""

    match: Annotated[Matchers, Listed(MATCHERS)] = with_default(
        (), 'Matchers, all of which must match: name op "value", with op one of = != =~ !~.'
    )
    continue_: Flag = Field(
        default=False, alias="continue", description="Whether the following routes are tried as well."
    )


RootRouteBlock.model_rebuild()  # its children are defined only now


def route_key(parent: str, match: tuple[Matcher, ...], ordinal: int) -> str:
    """A hash of the matchers down to this node, 16 hex digits; `ordinal` distinguishes equal siblings."""
    matchers = sorted((matcher.name, matcher.op, matcher.value) for matcher in match)
    return blake2b(json.dumps([parent, matchers, ordinal]).encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class RouteTree:
    """Builds the routing tree, and warns about orders and inherited values that are likely mistakes."""

    fallback: str | None
    intervals: Mapping[str, TimeInterval]
    source: SourceFile
    warnings: set[Problem]

    def root(self, block: RootRouteBlock) -> Route:
        """The whole tree of a file."""
        path = ("route",)
        bare = Route(key=route_key("", (), 0), name="default", line=self.source.key(path).short)
        return self._filled(bare, block, path)

    def _filled(self, bare: Route, block: RouteCommon, path: Path) -> Route:
        """A route with its own values, and its children, which inherit all but `match`, `continue` and `routes`."""
        route = replace(bare, **self._own(block, path))
        seen: Counter[str] = Counter()
        children: list[Route] = []
        for index, child in enumerate(block.routes):
            below, match = (*path, "routes", index), flat(child.match)
            alike = route_key("", match, 0)
            key, line = route_key(route.key, match, seen[alike]), self.source.value(below).short
            seen[alike] += 1
            name, continue_ = _name(route, match), child.continue_
            start = replace(route, key=key, name=name, line=line, match=match, continue_=continue_)
            children.append(self._filled(start, child, below))
            self._warn_of_nobody(children[-1], route, child, below)
        self._warn_of_order(route, children, path)
        return replace(route, routes=tuple(children))

    def _own(self, block: RouteCommon, path: Path) -> dict[str, Any]:
        """The values set at one node, which its children inherit."""
        own = {name: getattr(block, name) for name in block.model_fields_set & _INHERITED}
        if "notify_after" in own:
            own["notify_after"] = Threshold(**dict(own["notify_after"]))
        if "escalate" in own:
            steps = [(step, (*path, "escalate", index)) for index, step in enumerate(own["escalate"])]
            own["escalate"] = tuple(
                Step(**dict(step), line=self.source.value(at).short) for step, at in steps
            )
        for written, name in _TIMES.items():
            if written in own:
                own[name] = tuple(self.intervals[interval] for interval in own.pop(written))
        if own.get("channels") == (self.fallback,):
            message = "the fallback is this route's only channel, so nothing takes over when it fails"
            self.warnings.add(self.source.problem((*path, "channels"), message))
        return own

    def _warn_of_order(self, parent: Route, children: Sequence[Route], path: Path) -> None:
        """Warn about two orders that Alertmanager allows and that are likely mistakes."""
        takes_all = [index for index, child in enumerate(children) if not child.match]
        last = next((index for index in takes_all if not children[index].continue_), None)
        places = [(*path, "routes", index) for index in range(len(children))]
        if last is None and takes_all and not set(parent.channels) <= set(children[takes_all[-1]].channels):
            self._warn(places[takes_all[-1]], _HIDES_PARENT)
        if last is not None and last + 1 < len(children):
            line = self.source.value(places[last]).line
            self._warn(places[last + 1], f"never reached: the route in line {line} takes everything")

    def _warn_of_nobody(self, child: Route, parent: Route, block: RouteCommon, path: Path) -> None:
        """Warn about a route without channels if that is inherited or escalates."""
        if child.channels:
            return
        if "channels" not in block.model_fields_set and not parent.channels:
            self._warn(path, _INHERITS_NOBODY.format(line=parent.line))
        if child.escalate:
            self._warn(path, _NEVER_ESCALATES)

    def _warn(self, path: Path, message: str) -> None:
        self.warnings.add(self.source.value(path).problem(message))


_TIMES = {"mute_time_intervals": "mute_times", "active_time_intervals": "active_times"}
_INHERITED = RouteCommon.model_fields.keys() - {"routes"}


def _name(parent: Route, match: tuple[Matcher, ...]) -> str:
    own = ", ".join(map(str, match)) or "any"
    return own if parent.name == "default" else f"{parent.name} > {own}"
