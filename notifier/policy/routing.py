"""Routing: the routes that tell about an incident, and the group at each, as Alertmanager decides it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import blake2b

from notifier.domain.matcher import meet
from notifier.domain.route import Route

PER_INCIDENT = ("incident",)

_canonical = json.JSONEncoder(separators=(",", ":")).encode


def route(tree: Route, labels: Mapping[str, str]) -> tuple[Route, ...]:
    """The routes that tell about these labels, in the file's order; never empty, as the root matches all.

    A node that matches asks its children in order and stops after the first that matches and does not
    `continue`; where no child matches, the node itself tells (Alertmanager, `dispatch.Route.Match`).
    """
    return tuple(_walk(tree, labels))


def met(tree: Route, labels: Mapping[str, str]) -> Iterator[tuple[int, Route]]:
    """Every route on the way to those that tell, with how deep it lies; the root is 0."""
    yield 0, tree
    for child in tree.candidates(labels):
        if meet(child.match, labels):
            yield from ((depth + 1, below) for depth, below in met(child, labels))
            if not child.continue_:
                return


def group_labels(node: Route, labels: Mapping[str, str], incident_id: str) -> Mapping[str, str]:
    """The labels that a group shares, in the order of `group_by`, without those that the incident lacks.

    A group of its own names the incident that it is about; its key outlives that one (`group_key`).
    """
    if node.group_by == PER_INCIDENT:
        return {"incident": incident_id}
    return {name: labels[name] for name in node.group_by if labels.get(name)}


def group_key(project: str, node: Route, shared: Mapping[str, str], identity: tuple[str, str]) -> str:
    """32 hex digits: the project, the route's matchers from the root down, `group_by` and the values.

    Stable over reloads that change timing, channels, lines or the order of `group_by`. `identity` is environment and
    fingerprint: what stands in for the incident in a group of its own, so that one that comes back finds its group.
    """
    if node.group_by == PER_INCIDENT:
        values = [[*PER_INCIDENT, *identity]]
    else:
        values = [[name, shared.get(name, "")] for name in sorted(node.group_by)]
    named = _canonical([project, node.key, values])
    return blake2b(named.encode(), digest_size=16).hexdigest()


def _walk(node: Route, labels: Mapping[str, str]) -> Iterator[Route]:
    told = False
    for child in node.candidates(labels):
        if meet(child.match, labels):
            told = True
            yield from _walk(child, labels)
            if not child.continue_:
                return
    if not told:
        yield node
