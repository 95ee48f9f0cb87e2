"""Dramatiq's own worker on its stub broker: one report per dead letter, and a run that is true."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any

import dramatiq
import pytest
from dramatiq import Worker
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import AgeLimit, Middleware, Retries, SkipMessage

from notifier.client import MemoryTransport, Notifier
from notifier.client import dramatiq as notifier_dramatiq

STEPS = {"max_retries": 2, "min_backoff": 1, "max_backoff": 1}


class Listening(MemoryTransport):
    """Remembers each change, in its order."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[tuple[str, int, str | None]] = []

    def run(self, change: dict[str, Any]) -> None:
        self.changes.append((change["state"], change["attempt"], change.get("process_id")))
        super().run(change)

    @property
    def only(self) -> dict[str, Any]:
        (run,) = self.runs.values()
        return run


class Skips(Middleware):
    """As a middleware that knows a message to be obsolete."""

    def before_process_message(self, broker: Any, message: Any) -> None:
        if "obsolete" in message.args:
            raise SkipMessage


@pytest.fixture
def memory() -> Listening:
    return Listening()


@pytest.fixture(params=["first", "last"])
def broker(request: pytest.FixtureRequest, notifier: Notifier) -> Iterator[StubBroker]:
    """Its middleware may be added before the others or after them."""
    tracking = notifier_dramatiq.Tracking(notifier)
    others: list[Middleware] = [AgeLimit(), Retries(), Skips()]
    made = StubBroker(middleware=[tracking, *others] if request.param == "first" else [*others, tracking])
    yield made
    made.close()


def work(broker: StubBroker) -> None:
    """Until every message, and each of its retries, is done with."""
    worker = Worker(broker, worker_timeout=10, worker_threads=1)
    worker.start()
    broker.join("default", fail_fast=False, timeout=10_000)
    worker.join()
    worker.stop()


def actor(broker: StubBroker, function: Any, **options: Any) -> dramatiq.Actor[..., Any]:
    declared: dramatiq.Actor[..., Any] = dramatiq.actor(broker=broker, **{**STEPS, **options})(function)
    return declared


def test_an_actor_s_run_is_tracked_under_its_message_s_id(broker: StubBroker, memory: Listening) -> None:
    """From the moment it is sent; nothing is reported."""

    def charge(order: int) -> None:
        assert order == 42

    sent = actor(broker, charge).send(42)
    assert memory.changes == [("pending", 1, "queue")]
    work(broker)
    assert memory.changes[1:] == [("processing", 1, None), ("completed", 1, None)]
    assert memory.only["id"] == sent.message_id
    assert memory.only["task"] == f"{__name__}.{charge.__qualname__}"
    assert memory.only["max_attempts"] == 3
    assert not memory.events


def test_only_the_last_failure_is_reported_though_dramatiq_logs_each(
    broker: StubBroker, notifier: Notifier, memory: Listening
) -> None:
    """Its own retries are attempts of one run, and between them the queue has it."""
    handler = notifier.logging_handler()
    logging.getLogger().addHandler(handler)

    def refuse(order: int) -> None:
        raise LookupError(f"no order {order}")

    sent = actor(broker, refuse).send(42)
    work(broker)
    notifier.flush()
    logging.getLogger().removeHandler(handler)
    assert memory.changes == [
        ("pending", 1, "queue"),
        ("processing", 1, None), ("retrying", 1, "queue"),
        ("processing", 2, None), ("retrying", 2, "queue"),
        ("processing", 3, None), ("failed", 3, None),
    ]  # fmt: skip
    (event,) = memory.events
    assert event["exception"]["type"] == "LookupError"
    assert event["exception"]["frames"][-1]["function"].endswith(".refuse")
    assert event["task"] == {
        "id": sent.message_id, "name": memory.only["task"], "attempt": 3, "max_attempts": 3,
    }  # fmt: skip
    assert event["context"]["arguments"] == {"args": ["int"], "kwargs": {}}
    assert not notifier.tracker.runs.unfinished()


def test_a_message_for_an_unknown_actor_has_failed(broker: StubBroker, memory: Listening) -> None:
    """The worker moves it to its dead letters, and nobody runs it."""
    broker.declare_queue("default")
    broker.enqueue(dramatiq.Message(queue_name="default", actor_name="gone", args=(), kwargs={}, options={}))
    work(broker)
    assert [state for state, *_ in memory.changes] == ["pending", "failed"]
    (event,) = memory.events
    assert event["exception"]["type"] == "ActorNotFound"
    assert event["exception"]["message"] == "gone"


def test_a_run_that_waits_for_its_retry_is_no_process_s(
    broker: StubBroker, notifier: Notifier, memory: Listening
) -> None:
    """A worker that ends meanwhile does not have it, and must not call it lost."""

    def refuse() -> None:
        raise LookupError

    actor(broker, refuse, min_backoff=60_000, max_backoff=60_000).send()
    worker = Worker(broker, worker_timeout=10, worker_threads=1)
    worker.start()
    deadline = time.monotonic() + 60
    while memory.only["state"] != "retrying" or notifier.tracker.runs.unfinished():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    worker.stop()
    assert notifier.run(memory.only["id"]) is None
    assert (memory.only["state"], memory.only["process_id"]) == ("retrying", "queue")


def test_what_a_retry_mends_is_no_report(broker: StubBroker, memory: Listening) -> None:
    """It fails once and then works."""
    failures = [TimeoutError("upstream")]

    def flaky() -> None:
        if failures:
            raise failures.pop()

    actor(broker, flaky).send()
    work(broker)
    assert (memory.only["state"], memory.only["attempt"]) == ("completed", 2)
    assert memory.only["error"] is None
    assert not memory.events


def test_what_an_actor_throws_is_expected(broker: StubBroker, memory: Listening) -> None:
    """It failed at once, and nobody is told."""

    def declined() -> None:
        raise KeyError("declined")

    actor(broker, declined, throws=KeyError).send()
    work(broker)
    assert (memory.only["state"], memory.only["attempt"]) == ("failed", 1)
    assert not memory.events


def test_a_skipped_message_is_lost(broker: StubBroker, notifier: Notifier, memory: Listening) -> None:
    """It was cancelled before it ran."""

    def charge(order: str) -> None:
        raise AssertionError

    actor(broker, charge).send("obsolete")
    work(broker)
    assert (memory.only["state"], memory.only["error"]["reason"]) == ("lost", "cancelled")
    assert not memory.events
    assert not notifier.tracker.runs.unfinished()


def test_a_message_that_is_too_old_is_lost(broker: StubBroker, memory: Listening) -> None:
    """AgeLimit rejects it without running it."""

    def charge() -> None:
        raise AssertionError

    actor(broker, charge, max_age=1).send_with_options(delay=20)
    work(broker)
    assert memory.only["state"] == "lost"


def test_without_retries_a_failure_is_the_last(notifier: Notifier, memory: Listening) -> None:
    """Dramatiq then takes the message for done."""
    broker = StubBroker(middleware=[notifier_dramatiq.Tracking(notifier, severity="critical")])

    @dramatiq.actor(broker=broker)
    def refuse() -> None:
        raise LookupError

    refuse.send()
    work(broker)
    assert (memory.only["state"], memory.only["max_attempts"]) == ("failed", 1)
    (event,) = memory.events
    assert event["severity"] == "critical"


def test_whoever_sends_need_not_have_the_actor(broker: StubBroker, memory: Listening) -> None:
    """Its run goes by the name that the message has."""
    broker.declare_queue("default")
    broker.enqueue(
        dramatiq.Message(queue_name="default", actor_name="charge", args=(), kwargs={}, options={})
    )
    assert (memory.only["state"], memory.only["task"]) == ("pending", "charge")
