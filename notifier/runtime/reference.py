"""Generates the manual's chapters about configuration, metrics and outgoing data from the code."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

from notifier.domain.delivery import DeliveryState, Outcome
from notifier.manual.schema_tables import key_table, name_of, names_within, table_row
from notifier.policy import retry
from notifier.runtime.configuration import schema
from notifier.telemetry.metrics import Metrics
from notifier.wording.times import duration

_ENDS = {
    Outcome.DELIVERED: "The receiver has it.",
    Outcome.THROTTLED: "The receiver asked to wait: the target cools so long, at most an hour; no attempt is used up.",
    Outcome.TRANSIENT: "A time-out, a 5xx, a refused connection, a name that does not resolve: tried again.",
    Outcome.AMBIGUOUS: "It was sent and not answered: tried again under the same id, as a possible repeat.",
    Outcome.GONE: "There is no such target any more: dead; a target of which that is said twice is disabled.",
    Outcome.PERMANENT: "The receiver refuses it: three tries in ten minutes, as people correct settings, then dead.",
    Outcome.BLOCKED: "The service itself refuses to send it (an address, missing TLS): dead at once.",
    Outcome.EXPIRED: "It is older than `expires_after`: dead.",
    Outcome.QUARANTINED: "It was taken up five times, and whoever did so never came back: dead.",
    Outcome.TARGET_REMOVED: "The target is in no configuration any more: dead.",
}
_STATES = {
    DeliveryState.PENDING: "waits for its moment",
    DeliveryState.SENDING: "is being sent just now",
    DeliveryState.DELIVERED: "the receiver has it",
    DeliveryState.COALESCED: "went as a part of a digest",
    DeliveryState.SUPERSEDED: "a newer message of the same thread says what it would have said",
    DeliveryState.DEAD: "a dead letter: it waits for a person",
    DeliveryState.DISCARDED: "a person has discarded it",
}


def configuration() -> str:
    """All sections and keys of the file and of the kinds of channels."""
    document = schema()
    definitions = document["$defs"]
    headed = _headed(definitions)
    lines = ["### At the top", "", key_table(document, definitions, headed), ""]
    for kind in document["properties"]["channels"]["additionalProperties"]["allOf"]:
        name = kind["if"]["properties"]["type"]["const"]
        lines += _object(f"A channel of type {name}", kind["then"], definitions)
    for name in sorted(headed & set(names_within(document)), key=name_of):
        lines += _object(name_of(name).capitalize(), definitions[name], definitions)
    return "\n".join(lines)


def webhook_body() -> str:
    """The fields of a webhook's body."""
    document = json.loads(files("notifier.channels").joinpath("webhook.schema.json").read_text("utf-8"))
    definitions = document["$defs"]
    return "\n".join(
        [
            *_object("The body", document, definitions),
            *_object("`data`", document["properties"]["data"], definitions),
            *_object("Incident", definitions["incident"], definitions),
        ]
    )


def metrics() -> str:
    """All metrics with their labels and descriptions."""
    registry = Metrics().registry
    names = {metric.name: metric for metric in registry.collect()}
    rows = [
        table_row(
            f"`{name}{'_total' if metric.type == 'counter' else ''}`", metric.type, metric.documentation
        )
        for name, metric in sorted(names.items())
    ]
    return "\n".join(["| metric | type | says |", "| --- | --- | --- |", *rows, ""])


def outcomes() -> str:
    """The outcomes of attempts and their consequences, and the states of deliveries."""
    waits = ", ".join(duration(wait) for wait in retry.SCHEDULE)
    return "\n".join(
        [
            "| outcome | what it means, and what follows |",
            "| --- | --- |",
            *(table_row(f"`{outcome}`", _ENDS[outcome]) for outcome in Outcome),
            "",
            (
                f"Tries again come after {waits}, and then each {duration(retry.SCHEDULE[-1])}, each moved by up to "
                f"{retry.JITTER:.0%}, until `delivery.expires_after`. After {retry.FAILURES_TO_COOL} failures in a row "
                "the whole target cools, and one delivery at a time tries it."
            ),
            "",
            "### The states of a delivery",
            "",
            "| state | says |",
            "| --- | --- |",
            *(table_row(f"`{state}`", _STATES[state]) for state in DeliveryState),
            "",
        ]
    )


def _object(heading: str, part: Mapping[str, Any], definitions: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {heading}"
    yield ""
    if sentence := part.get("description"):
        yield sentence
        yield ""
    yield key_table(part, definitions, _headed(definitions))
    yield ""


def _headed(definitions: Mapping[str, Any]) -> set[str]:
    """The object definitions that get a heading of their own."""
    return {name for name, part in definitions.items() if "properties" in part}
