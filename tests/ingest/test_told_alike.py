"""One failure reported by notifier's client, Sentry's SDK and OpenTelemetry's gives equal incidents.

The reports of the other two were recorded from sentry-sdk 2.75 and opentelemetry-sdk 1.39 in an application under /app.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from contextvars import Context
from types import ModuleType
from typing import Any

import pytest

from notifier.client import MemoryTransport, Notifier
from notifier.domain.event import Event
from notifier.ingest.formats.otlp.json_body import read_json
from notifier.ingest.formats.otlp.records import events
from notifier.ingest.formats.sentry.envelope import read_store
from notifier.ingest.normalize import Accepted, EventItem, Normalizer

NOW = 1_764_000_000_000
SOURCE = """
class CardError(Exception):
    pass

class Billing:
    def charge(self):
        raise CardError("no card")

def gateway():
    raise KeyError("gateway")

def charge():
    try:
        gateway()
    except KeyError as error:
        raise CardError("could not charge order 7") from error
"""
RESOURCE = {
    "service.name": "billing", "service.version": "1.4.2", "deployment.environment.name": "staging",
    "host.name": "worker-3",
}  # fmt: skip


def failure(of: Callable[[ModuleType], Callable[[], None]]) -> Exception:
    """The exception raised in /app/shop/tasks.py, with the frames of that file only."""
    module = ModuleType("shop.tasks")
    exec(compile(SOURCE, "/app/shop/tasks.py", "exec"), module.__dict__)
    with pytest.raises(Exception, match="c") as raised:
        of(module)()
    trace = raised.value.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != "/app/shop/tasks.py":
        trace = trace.tb_next
    return raised.value.with_traceback(trace)


def event_of(item: EventItem) -> Event:
    normalizer = Normalizer(max_event_bytes=262_144, new_id=lambda: "id")
    [found] = normalizer.read([item], project="shop", received_at=NOW, sent_at=None)
    assert isinstance(found, Accepted), found
    return found.event


def by_notifier(error: Exception) -> Event:
    memory = MemoryTransport()
    client = Notifier("billing", environment="staging", release="1.4.2", host="worker-3", transport=memory)
    Context().run(client.report, error)
    return event_of(json.dumps(memory.events[0]).encode())


def by_sentry(error: Exception) -> Event:
    values: list[dict[str, Any]] = []
    raised: BaseException | None = error
    while raised is not None:
        frames = [
            {"filename": "shop/tasks.py", "abs_path": frame.filename, "function": frame.name, "module": "shop.tasks",
             "lineno": frame.lineno, "in_app": True}
            for frame in traceback.extract_tb(raised.__traceback__)
        ]  # fmt: skip
        value = {"type": type(raised).__name__, "module": type(raised).__module__, "value": str(raised)}
        values.insert(0, {**value, "stacktrace": {"frames": frames}})
        raised = raised.__cause__
    document = {
        "level": "error", "environment": "staging", "release": "1.4.2", "server_name": "worker-3",
        "exception": {"values": values},
    }  # fmt: skip
    [item] = read_store(json.dumps(document).encode(), {}, service="billing").items
    return event_of(item)


def by_opentelemetry(error: Exception) -> Event:
    attributes = {
        "exception.type": type(error).__name__,
        "exception.message": str(error),
        "exception.stacktrace": "".join(traceback.format_exception(error)),
    }

    def pairs(values: dict[str, str]) -> list[dict[str, Any]]:
        return [{"key": name, "value": {"stringValue": value}} for name, value in values.items()]

    record = {
        "severityNumber": 17,
        "body": {"stringValue": "the job failed"},
        "attributes": pairs(attributes),
    }
    logs = [{"resource": {"attributes": pairs(RESOURCE)}, "scopeLogs": [{"logRecords": [record]}]}]
    records, _ = read_json(json.dumps({"resourceLogs": logs}).encode())
    [item] = events(records, 0, service=None).items
    return event_of(item)


OTHERS = [by_sentry, by_opentelemetry]


@pytest.mark.parametrize("told_by", OTHERS)
def test_a_failing_function_is_one_incident(told_by: Callable[[Exception], Event]) -> None:
    """Title, labels, type, module, causes and functions are equal."""
    error = failure(lambda module: module.charge)
    own, other = by_notifier(error), told_by(error)
    assert (other.title, other.labels, other.severity) == (own.title, own.labels, own.severity)
    assert other.fingerprint == own.fingerprint
    chain, other_chain = (json.loads(event.document)["exception"] for event in (own, other))
    while chain is not None:
        assert [other_chain.get(name) for name in ("type", "message")] == [chain["type"], chain["message"]]
        assert (other_chain.get("module") or "builtins") == chain["module"]
        assert [frame["function"] for frame in other_chain["frames"]] == [
            frame["function"] for frame in chain["frames"]
        ]
        chain, other_chain = chain.get("cause"), other_chain.get("cause")
    assert not other_chain


@pytest.mark.parametrize("told_by", OTHERS)
def test_a_method_reads_alike_and_stays_apart(told_by: Callable[[Exception], Event]) -> None:
    """The other SDKs omit the class of a method, so their report is grouped separately."""
    error = failure(lambda module: module.Billing().charge)
    own, other = by_notifier(error), told_by(error)
    assert (other.title, other.labels) == (own.title, own.labels)
    functions = [json.loads(event.document)["exception"]["frames"][-1]["function"] for event in (own, other)]
    assert functions == ["Billing.charge", "charge"]
    assert other.fingerprint != own.fingerprint
