"""Routing: the routes that match an incident, and its group on each, as in Alertmanager."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import blake2b

from notifier.domain.matcher import match_all
from notifier.domain.route import Route

PER_INCIDENT = ("incident",)

_canonical = json.JSONEncoder(separators=(",", ":")).encode


def route(tree: Route, labels: Mapping[str, str]) -> tuple[Route, ...]:
    """The routes that match these labels, in the order of the file; at least the root.

    A matching node tries its children in order and stops after the first match without `continue`; if no child
    matches, the node itself is the result (Alertmanager, `dispatch.Route.Match`).
    """
    return tuple(_walk(tree, labels))


def met(tree: Route, labels: Mapping[str, str]) -> Iterator[tuple[int, Route]]:
    """All nodes on the way to the matching routes, with their depth; the root has depth 0."""
    yield 0, tree
    for child in tree.candidates(labels):
        if match_all(child.match, labels):
            yield from ((depth + 1, below) for depth, below in met(child, labels))
            if not child.continue_:
                return


def group_labels(node: Route, labels: Mapping[str, str], incident_id: str) -> Mapping[str, str]:
    """The labels that a group shares, in the order of `group_by`, without those that the incident lacks.

    With `group_by: [incident]`, the only label is the incident; the key then depends on its identity (`group_key`).
    """
    if node.group_by == PER_INCIDENT:
        return {"incident": incident_id}
    return {name: labels[name] for name in node.group_by if labels.get(name)}


def group_key(project: str, node: Route, shared: Mapping[str, str], identity: tuple[str, str]) -> str:
    """A group's key, 32 hex digits: a hash of project, route, `group_by` and the label values.

    The key is stable over reloads that change timing, channels, lines or the order of `group_by`. `identity` is
    environment and fingerprint; it replaces the incident's id in the key of a group of one incident, so that a
    recurring problem finds its group.
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
        if match_all(child.match, labels):
            told = True
            yield from _walk(child, labels)
            if not child.continue_:
                return
    if not told:
        yield node
