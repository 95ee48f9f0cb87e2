"""The `route` section: the tree with everything inherited filled in."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from itertools import pairwise
from typing import Any

from notifier.domain.matcher import Matcher, parse_all
from notifier.domain.route import Route, Step, Threshold, TimeInterval
from notifier.settings import values
from notifier.settings.channel_blocks import NAME
from notifier.settings.document import MISSING, Node, Problems, showable
from notifier.settings.model import Mark
from notifier.settings.reading import Reader, alternatives, below, line
from notifier.settings.sections import COUNT, DURATION, FLAG, SPAN, Form
from notifier.settings.values import Scalar

KEYS = frozenset(
    {
        "match",
        "channels",
        "group_by",
        "group_wait",
        "group_interval",
        "repeat_interval",
        "send_resolved",
        "resolve_after",
        "notify_after",
        "escalate",
        "mute_time_intervals",
        "active_time_intervals",
        "continue",
        "routes",
    }
)
_TIMING: Mapping[str, Form] = {
    "group_wait": DURATION,
    "group_interval": DURATION,
    "repeat_interval": SPAN,
    "send_resolved": FLAG,
    "resolve_after": DURATION,
}
_STEP = "{after: 15m, channels: [audit]}"
_PER_INCIDENT = "incident"
_HIDES_PARENT = (
    "this route takes everything, so where no later one matches it alone tells, and not the channels above; "
    "if they should be told as well, end the list with a route without `match`"
)


def route_key(parent: str, match: tuple[Matcher, ...], ordinal: int) -> str:
    """16 hex digits from the matchers down to this node; `ordinal` tells siblings with equal matchers apart."""
    matchers = sorted((one.name, one.op, one.value) for one in match)
    return blake2b(json.dumps([parent, matchers, ordinal]).encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What routes may name, defined elsewhere in the file."""

    channels: frozenset[str]
    fallback: str | None
    intervals: Mapping[str, TimeInterval]


def read_root(reader: Reader, node: Node, named: Named, warnings: Problems) -> Route:
    """The whole tree. Dangling names and every other problem are noted; what is wrong is left at its default."""
    tree = _Tree(reader, named, warnings)
    entries = reader.entries(node, "route")
    for name, why in (
        ("match", "everything that no other route takes comes here"),
        ("continue", "it has no sibling"),
    ):
        if name in entries:
            reader.complain(entries[name].key, f"route.{name}", f"the first route cannot have it: {why}")
    if "channels" not in entries and node.value is not MISSING:
        reader.complain(
            node.key, "route", "`channels` is missing: name the channels to tell, as in [team-mail]"
        )
    root = Route(key=route_key("", (), 0), name="default", line=line(node.key))
    own = tree.own(entries, "route") | {"match": (), "continue_": False}
    return tree.with_children(replace(root, **own), node, "route")


class _Tree:
    def __init__(self, reader: Reader, named: Named, warnings: Problems) -> None:
        self._reader = reader
        self._named = named
        self._warnings = warnings

    def with_children(self, parent: Route, node: Node, path: str) -> Route:
        """`parent` with its `routes`; children inherit everything but `match`, `continue` and `routes`."""
        self._reader.only(node, path, KEYS)
        routes = self._reader.entries(node, path).get("routes")
        if routes is None:
            return parent
        seen: Counter[str] = Counter()
        items = self._reader.items(routes, f"{path}.routes", "- match: [...]")
        children = tuple(
            self._child(parent, item, f"{path}.routes[{index}]", seen) for index, item in enumerate(items)
        )
        self._warn_of_order(parent, children, tuple(item.mark for item in items))
        return replace(parent, routes=children)

    def _warn_of_order(self, parent: Route, children: tuple[Route, ...], marks: tuple[Mark, ...]) -> None:
        """Two orders that Alertmanager allows and hardly anybody means."""
        takes_all = [index for index, child in enumerate(children) if not child.match]
        last = next((index for index in takes_all if not children[index].continue_), None)
        if last is None and takes_all and not set(parent.channels) <= set(children[takes_all[-1]].channels):
            self._warnings.add(marks[takes_all[-1]], _HIDES_PARENT)
        if last is not None and last + 1 < len(children):
            self._warnings.add(
                marks[last + 1], f"never reached: the route in line {marks[last].line} takes everything"
            )

    def _child(self, parent: Route, node: Node, path: str, seen: Counter[str]) -> Route:
        entries = self._reader.entries(node, path)
        own = self.own(entries, path)
        match: tuple[Matcher, ...] = own.get("match", ())
        alike = route_key("", match, 0)
        key = route_key(parent.key, match, seen[alike])
        seen[alike] += 1
        inherited = replace(parent, match=(), continue_=False, routes=())
        child = replace(
            inherited, **own | {"key": key, "name": _name(parent, match), "line": line(node.mark)}
        )
        if not child.channels:
            self._warn_of_nobody(child, parent, entries, node)
        return self.with_children(child, node, path)

    def _warn_of_nobody(self, child: Route, parent: Route, entries: Mapping[str, Node], node: Node) -> None:
        """A route to nobody is meant where it is written, and rarely where it is inherited or escalates."""
        if "channels" not in entries and not parent.channels:
            message = (
                f"this route inherits `channels: []` from the one in {parent.line}, so it tells nobody: "
                "name its channels, or write `channels: []` here as well"
            )
            self._warnings.add(node.mark, message)
        if child.escalate:
            message = (
                "this route tells nobody (`channels: []`), so its `escalate` never begins: "
                "name a channel, or write `escalate: []`"
            )
            self._warnings.add(node.mark, message)

    def own(self, entries: Mapping[str, Node], path: str) -> dict[str, Any]:
        """What is written at one node, by the attribute's name."""
        reader = self._reader
        read: dict[str, Any] = {
            name: reader.value(entries[name], below(path, name), form.read)
            for name, form in _TIMING.items()
            if name in entries
        }
        if "continue" in entries:
            read["continue_"] = reader.value(entries["continue"], f"{path}.continue", FLAG.read)
        for name, (attribute, own) in self._forms().items():
            if name in entries:
                read[attribute] = own(entries[name], below(path, name))
        return {name: value for name, value in read.items() if value is not None}

    def _forms(self) -> Mapping[str, tuple[str, Callable[[Node, str], Any]]]:
        """What is more than a scalar: the attribute, and its reader."""
        return {
            "match": ("match", partial(read_matchers, self._reader)),
            "channels": ("channels", self._told_channels),
            "group_by": ("group_by", self._group_by),
            "notify_after": ("notify_after", self._threshold),
            "escalate": ("escalate", self._escalate),
            "mute_time_intervals": ("mute_times", self._intervals),
            "active_time_intervals": ("active_times", self._intervals),
        }

    def _told_channels(self, node: Node, path: str) -> tuple[str, ...] | None:
        """The channels; an empty list is a route to nobody, which the root cannot be."""
        if node.value == ():
            if path == "route.channels":
                message = "no channel is named, and what no other route takes comes here: name one"
                self._reader.complain(node.mark, path, message)
            return ()
        found = self._channels(node, path)
        if found and found == (self._named.fallback,):
            message = (
                f"{path}: the fallback is this route's only channel, so nothing takes over when it fails"
            )
            self._warnings.add(node.mark, message)
        return found or None

    def _channels(self, node: Node, path: str) -> tuple[str, ...]:
        found: list[str] = []
        for index, item in enumerate(self._reader.items(node, path, "[team-mail]")):
            name = read_name(self._reader, item, f"{path}[{index}]", self._named.channels)
            if name in found:
                self._reader.complain(item.mark, path, f"{showable(name)} is named twice")
            elif name is not None:
                found.append(name)
        return tuple(found)

    def _group_by(self, node: Node, path: str) -> tuple[str, ...]:
        example = "[service, environment], or [incident] for a group each"
        names = read_labels(self._reader, node, path, example)
        if _PER_INCIDENT in names and len(names) > 1:
            self._reader.complain(node.mark, path, "[incident] stands alone: every incident is its own group")
        return names

    def _escalate(self, node: Node, path: str) -> tuple[Step, ...]:
        """The steps; an empty list is how a child has none of its parent's."""
        items = self._reader.items(node, path, f"[{_STEP}]")
        read = [self._step(item, f"{path}[{index}]") for index, item in enumerate(items)]
        for index, (one, following) in enumerate(pairwise(read), 1):
            if one is not None and following is not None and following.after <= one.after:
                self._reader.complain(
                    items[index].mark, f"{path}[{index}]", "`after` must be longer than in the step before"
                )
        return tuple(step for step in read if step is not None)

    def _step(self, node: Node, path: str) -> Step | None:
        reader = self._reader
        entries = reader.entries(node, path)
        reader.only(node, path, {"after", "channels"})
        if not reader.needs(node, path, ("after", "channels"), _STEP):
            return None
        if entries["channels"].value == ():
            reader.complain(node.mark, path, "no channel is named, so this step would tell nobody: name one")
        after = reader.value(entries["after"], f"{path}.after", SPAN.read)
        channels = self._channels(entries["channels"], f"{path}.channels")
        return None if after is None else Step(after=after, channels=channels, line=line(node.mark))

    def _intervals(self, node: Node, path: str) -> tuple[TimeInterval, ...]:
        """Those that are named; an empty list is how a child has none of its parent's."""
        found: list[TimeInterval] = []
        for index, item in enumerate(self._reader.items(node, path, "[offhours]")):
            interval = self._interval(item, f"{path}[{index}]")
            if interval in found:
                self._reader.complain(item.mark, path, f"{showable(interval.name)} is named twice")
            elif interval is not None:
                found.append(interval)
        return tuple(found)

    def _interval(self, node: Node, path: str) -> TimeInterval | None:
        intervals = self._named.intervals
        name = self._reader.value(node, path, values.text)
        if name is not None and name not in intervals:
            known = alternatives(name, intervals)
            message = f"{showable(name)} is not one of `time_intervals`; {known}"
            self._reader.complain(node.mark, path, message)
        return None if name is None else intervals.get(name)

    def _threshold(self, node: Node, path: str) -> Threshold | None:
        reader = self._reader
        if not isinstance(node.value, Mapping):
            if node.value is not MISSING:
                reader.complain(node.mark, path, "expected {events: 10, within: 5m}")
            return None
        entries = reader.entries(node, path)
        reader.only(node, path, {"events", "within"})
        if not reader.needs(node, path, ("events", "within"), "{events: 10, within: 5m}"):
            return None
        events = reader.value(entries["events"], f"{path}.events", COUNT.read)
        within = reader.value(entries["within"], f"{path}.within", SPAN.read)
        return None if events is None or within is None else Threshold(events=events, within=within)


def read_matchers(reader: Reader, node: Node, path: str) -> tuple[Matcher, ...]:
    items = reader.items(node, path, """['severity="critical"']""")
    read = [reader.value(item, f"{path}[{index}]", _matchers) for index, item in enumerate(items)]
    return tuple(matcher for some in read if some is not None for matcher in some)


def read_labels(reader: Reader, node: Node, path: str, example: str) -> tuple[str, ...]:
    """The names of labels, each once."""
    items = reader.items(node, path, example)
    read = [reader.value(item, f"{path}[{index}]", _label) for index, item in enumerate(items)]
    names = tuple(name for name in read if name is not None)
    if len(set(names)) < len(names):
        reader.complain(node.mark, path, "a label is named twice")
    return names


def read_name(reader: Reader, node: Node, path: str, channels: frozenset[str]) -> str | None:
    """The name of a channel that is defined."""
    name = reader.value(node, path, values.text)
    if name is None or name in channels:
        return name
    shown = showable(name) if NAME.fullmatch(name) else "this name"
    reader.complain(
        node.mark, path, f"{shown} is not a channel that is defined; {alternatives(name, channels)}"
    )
    return None


def _matchers(value: Scalar) -> tuple[Matcher, ...]:
    if isinstance(value, str):
        return parse_all(value)
    raise ValueError("expected a matcher in quotes, such as 'severity=\"critical\"'")


def _label(value: Scalar) -> str:
    name = values.text(value)
    if name == "...":
        raise ValueError("`...` is not known here; [incident] makes every incident its own group")
    return name


def _name(parent: Route, match: tuple[Matcher, ...]) -> str:
    own = ", ".join(map(str, match)) or "any"
    return own if parent.name == "default" else f"{parent.name} > {own}"
