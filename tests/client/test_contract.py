"""Whatever the client sends, the service takes as it is: no rejection, no warning."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from notifier.api.openapi import Api
from notifier.api.router import routers
from notifier.client import MemoryTransport, Notifier
from notifier.ingest.normalize import Accepted, Normalizer
from notifier.ingest.task_runs import AcceptedRun, RequestContext
from notifier.ingest.task_runs import read as read_runs
from tests.examples import examples

NOW = 1_764_000_000_000
# Stand for what would be too long to show in a counterexample.
LONG = {
    "LONG": "long \N{SNOWMAN} " * 2_000,
    "SECRETS": "password=hunter22 " * 1_000,
    "BROKEN": "\ud800\x00" * 300,
}
TEXTS = st.one_of(st.text(max_size=20), st.sampled_from(sorted(LONG)))
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        TEXTS,
        st.binary(),
        st.just("WIDE"),
        st.just(object()),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=6),
        st.dictionaries(st.one_of(TEXTS, st.integers()), inner, max_size=6),
        st.tuples(inner, inner),
    ),
    max_leaves=12,
)
KINDS = st.sampled_from(
    [ValueError, KeyError, OSError, type("N" * 400, (Exception,), {"__module__": "m" * 400})]
)


def long(value: Any) -> Any:
    """The value with its long texts."""
    if value == "WIDE":
        return [{"x": "wide"}] * 60
    if isinstance(value, str):
        return LONG.get(value, value)
    if isinstance(value, dict):
        return {long(key): long(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(long(inner) for inner in value)
    return value


@cache
def published(path: str) -> Any:
    """What the service's OpenAPI document says of the body of a call."""
    api = Api(title="notifier", version="1")
    api.router.routes.extend(route for router in routers() for route in router.routes)
    document = api.openapi()
    content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    return jsonschema_rs.validator_for({**content["schema"], "components": document["components"]})


def taken(event: dict[str, Any]) -> None:
    """The service's published schema, and its own reading, of this event."""
    published("/v1/events").validate([event])
    normalizer = Normalizer(max_event_bytes=256 * 1024, new_id=lambda: "id")
    body = json.dumps(event).encode()
    (item,) = normalizer.read([body], project="default", received_at=NOW, sent_at=NOW)
    assert isinstance(item, Accepted), item
    assert item.warnings == ()


@settings(deadline=None, max_examples=examples(60, 150), phases=[Phase.generate], database=None)
@given(
    kind=KINDS,
    message=TEXTS,
    context=st.dictionaries(TEXTS, VALUES, max_size=8),
    labels=st.dictionaries(st.sampled_from(["a", "LONG", "SECRETS"]), VALUES, max_size=8),
    notes=st.lists(TEXTS, max_size=5),
    service=st.sampled_from(["billing", "LONG", "BROKEN"]),
)
def test_an_event_of_any_failure(
    kind: type[Exception],
    message: str,
    context: dict[str, Any],
    labels: dict[str, Any],
    notes: list[str],
    service: str,
) -> None:
    """Long, deep, wide, secret and broken: the client cuts it to what the service takes."""
    context, labels, message = long(context), long(labels), long(message)
    notes = [long(note) for note in notes] * 8
    labels |= {f"label {n}": n for n in range(80)}
    memory = MemoryTransport()
    notifier = Notifier(long(service), transport=memory)
    error = kind(message)
    error.__cause__, error.__notes__ = KeyError(message), notes
    notifier.report(error, context=context, labels=labels, message=message, fingerprint=notes)
    taken(memory.events[0])


@settings(deadline=None, max_examples=examples(60, 150), phases=[Phase.generate], database=None)
@given(message=TEXTS, value=VALUES, key=st.one_of(st.none(), st.sampled_from(["k", "LONG"])))
def test_a_run_of_any_result_arguments_and_error(message: str, value: Any, key: str | None) -> None:
    """In every state that it goes through."""
    memory = MemoryTransport()
    notifier = Notifier("billing", transport=memory)
    changes: list[dict[str, Any]] = []
    failures = [LookupError(long(message))]

    @notifier.task(store_args=True, replay=True, retries=1, key=lambda _: long(key) if key else "none")
    def work(_: object) -> Any:
        changes.extend(map(dict, memory.runs.values()))
        if failures:
            raise failures.pop()
        return long(value)

    work(long(value))
    changes.extend(memory.runs.values())
    assert {change["state"] for change in changes} == {"processing", "completed"}
    arrival = RequestContext(project="default", received_at=NOW, sent_at=NOW)
    published("/v1/task-runs").validate(changes)
    for item in read_runs(json.dumps(changes).encode(), "application/json", arrival):
        assert isinstance(item, AcceptedRun), item
        assert item.warnings == ()


@pytest.mark.parametrize(
    "value",
    [
        ["long \N{SNOWMAN} " * 2_000] * 4,
        [2**62] * 12_000,
        [1 / 3] * 12_000,
        ['"\\'] * 10_000,
        "\x01" * 40_000,
    ],
    ids=["beyond ascii", "integers", "floats", "quotes", "controls"],
)
def test_what_is_large_as_json_alone(value: Any) -> None:
    """The service counts bytes of JSON: what is over its limit is cut before, and does not call itself replayable."""
    memory = MemoryTransport()
    notifier = Notifier("billing", transport=memory)

    @notifier.task(store_args=True, replay=True)
    def work(_: object) -> Any:
        return value

    work(value)
    runs = list(memory.runs.values())
    arrival = RequestContext(project="default", received_at=NOW, sent_at=NOW)
    for item in read_runs(json.dumps(runs).encode(), "application/json", arrival):
        assert isinstance(item, AcceptedRun), item
        assert item.warnings == ()
        assert item.run.replayable.value == "touched"


def test_a_sign_of_life() -> None:
    """As the sender's thread makes it, first and last."""
    reports = {"captured": 3, "sent": 1, "spooled": 1, "dropped": {"ignored": 1}}
    beat = {
        "process_id": "host-1-a",
        "service": "billing",
        "running": ["a"],
        "tasks": ["t"],
        "reports": reports,
    }
    published("/v1/processes/heartbeat").validate(beat)
    published("/v1/processes/heartbeat").validate({**beat, "ended": True})


def test_events_of_tasks_requests_and_logs(notifier: Notifier, memory: MemoryTransport) -> None:
    """The other ways to one."""

    @notifier.task(store_args=True, name="n" * 500)
    def fails(_: object) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        fails({"deep": [[[[[[[[[["x" * 9_000]]]]]]]]]]})
    notifier.message(
        "disk", severity="warning", links=[{"title": "t" * 300, "url": "https://example.com/x"}] * 12
    )
    notifier.message("")
    for event in memory.events:
        taken(event)
