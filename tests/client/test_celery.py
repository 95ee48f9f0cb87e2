"""Celery's own worker on its in-memory broker, and eager tasks: one report per failure, and a run that is true."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, signals
from celery.contrib.testing.worker import start_worker
from celery.exceptions import Ignore, Reject, TimeLimitExceeded

from notifier.client import MemoryTransport, Notifier
from notifier.client import celery as notifier_celery
from notifier.client.tasks.runs import FINAL
from tests.client.programs import jobs
from tests.client.receiver import Receiver

ROOT = Path(__file__).parents[2]
PROGRAM = "tests.client.programs.celery_app"


def until(condition: Callable[[], object], timeout: float = 10.0) -> None:
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)


class Unpicklable(Exception):
    """As exceptions with a connection or a lock within are."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.inside = lambda: None


@dataclass(slots=True)
class Billing:
    """An instrumented Celery application, and what its notifier would have sent."""

    app: Celery
    notifier: Notifier
    memory: MemoryTransport

    def forget(self) -> None:
        self.memory.runs.clear()
        self.memory.events.clear()

    def send(self, name: str, *args: Any, **options: Any) -> Any:
        self.forget()
        return self.app.tasks[f"billing.{name}"].apply_async(args=args, **options)

    @property
    def run(self) -> dict[str, Any]:
        (run,) = self.memory.runs.values()
        return run

    def wait_for(self, state: str) -> dict[str, Any]:
        until(lambda: self.run["state"] == state)
        return self.run

    @property
    def errors(self) -> list[str]:
        return [event["exception"]["type"] for event in self.memory.events]


@pytest.fixture
def billing() -> Iterator[Billing]:
    """Nobody works here."""
    made = instrumented()
    yield made
    made.app.close()


@pytest.fixture
def eager(billing: Billing) -> Billing:
    billing.app.conf.task_always_eager = True
    return billing


@pytest.fixture(scope="module")
def worker() -> Iterator[Billing]:
    """With a worker for all of these tests: one takes four seconds to stop, and stops all others of its process."""
    made = instrumented()
    root = logging.getLogger()
    level = root.level
    with start_worker(made.app, perform_ping_check=False, shutdown_timeout=20):
        root.setLevel(level)  # Celery raises it, for everybody
        yield made
    made.app.close()


@pytest.fixture
def logged(request: pytest.FixtureRequest) -> Iterator[Callable[[Billing], None]]:
    """Installs a logging handler for the time of a test."""
    root, added = logging.getLogger(), []

    def install(billing: Billing) -> None:
        added.append(billing.notifier.logging_handler())
        root.addHandler(added[-1])

    yield install
    for handler in added:
        root.removeHandler(handler)


def instrumented() -> Billing:
    app, memory = application(), MemoryTransport()
    notifier = Notifier("billing", transport=memory)
    notifier_celery.instrument(notifier, app)
    return Billing(app, notifier, memory)


def application() -> Celery:
    app = Celery("billing", broker="memory://", backend="cache+memory://", set_as_current=False)
    # The in-memory broker is one for all applications.
    app.conf.task_default_queue = uuid.uuid4().hex
    app.conf.worker_hijack_root_logger = False
    declare(app)
    return app


def declare(app: Celery) -> None:
    def charge(order: int) -> str:
        return f"charged {order}"

    def refuse(order: int) -> None:
        raise LookupError(f"no order {order}")

    def flaky(self: Any, failures: int) -> str:
        if self.request.retries < failures:
            raise self.retry(exc=TimeoutError("upstream"), countdown=0)
        return "at last"

    def worded() -> None:
        jobs.worded()

    def shared() -> None:
        jobs.shared()

    def expected() -> None:
        raise KeyError("declined")

    def unpicklable() -> None:
        raise Unpicklable("with a lock within")

    def ends(how: str) -> None:
        raise {"ignored": Ignore(), "rejected": Reject("broken")}[how]

    def replaced(self: Any) -> None:
        raise self.replace(app.tasks["billing.charge"].s(7))

    options: dict[Callable[..., object], dict[str, Any]] = {
        charge: {},
        refuse: {},
        flaky: {"bind": True, "max_retries": 2},
        worded: {},
        shared: {},
        expected: {"throws": (KeyError,)},
        unpicklable: {},
        ends: {},
        replaced: {"bind": True},
    }
    for function, given in options.items():
        # Shared ones would be every other application's, too.
        app.task(function, name=f"billing.{function.__name__}", shared=False, **given)


def test_a_worker_s_task_is_tracked_under_celery_s_id(worker: Billing) -> None:
    """Its name, its result and its duration; nothing is reported."""
    sent = worker.send("charge", 42)
    run = worker.wait_for("completed")
    assert (run["id"], run["task"], run["service"]) == (sent.id, "billing.charge", "billing")
    assert (run["attempt"], run["result"]) == (1, "charged 42")
    assert run["duration_ms"] is not None
    assert "process_id" not in run
    assert not worker.errors


def test_what_waits_for_a_worker_is_pending_and_no_process_s(billing: Billing) -> None:
    """The application that sends a task may end: the task is in the queue."""
    sent = billing.send("charge", 42)
    assert (billing.run["id"], billing.run["state"]) == (sent.id, "pending")
    assert billing.run["process_id"] == "queue"
    assert not billing.notifier.tracker.runs.unfinished()


def test_a_failure_is_reported_once_though_celery_logs_it(
    worker: Billing, logged: Callable[[Billing], None]
) -> None:
    """The report names the run, the arguments' types and the application's frame."""
    logged(worker)
    sent = worker.send("refuse", 42)
    run = worker.wait_for("failed")
    worker.notifier.flush()
    (event,) = worker.memory.events
    assert event["exception"]["type"] == "LookupError"
    assert event["exception"]["frames"][-1]["function"].endswith(".refuse")
    assert event["task"] == {"id": sent.id, "name": "billing.refuse", "attempt": 1, "max_attempts": 4}
    assert event["context"]["arguments"] == {"args": ["int"], "kwargs": {}}
    assert run["error"]["message"] == "no order 42"


@pytest.mark.parametrize(
    ("failures", "state", "attempt", "reported"), [(1, "completed", 2, 0), (9, "failed", 3, 1)]
)
def test_a_retry_is_no_report(
    worker: Billing, failures: int, state: str, attempt: int, reported: int
) -> None:
    """Celery's own retries are attempts of one run; only the last failure is told."""
    worker.send("flaky", failures)
    run = worker.wait_for(state)
    assert (run["attempt"], run["max_attempts"]) == (attempt, 3)
    assert worker.errors == ["TimeoutError"] * reported
    assert [event["task"]["attempt"] for event in worker.memory.events] == [3] * reported
    assert not worker.notifier.tracker.runs.unfinished()


def test_between_attempts_the_queue_has_it() -> None:
    """A worker that ends while a retry waits loses nothing."""
    seen = []

    class Listening(MemoryTransport):
        def run(self, change: dict[str, Any]) -> None:
            seen.append((change["state"], change.get("process_id"), len(notifier.tracker.runs.unfinished())))

    notifier = Notifier("billing", transport=Listening())
    app = application()
    app.conf.task_always_eager = True
    notifier_celery.instrument(notifier, app)
    assert app.tasks["billing.flaky"].delay(1).get() == "at last"
    assert seen == [
        ("processing", None, 1),
        ("retrying", "queue", 1),
        ("processing", None, 1),
        ("completed", None, 0),
    ]
    assert not notifier.tracker.runs.unfinished()


def test_an_eager_task_is_tracked_and_reported(eager: Billing) -> None:
    """`task_always_eager` runs it in the caller: the same run, the same report."""
    sent = eager.send("flaky", 9)
    assert sent.failed()
    assert (eager.run["id"], eager.run["state"], eager.run["attempt"]) == (sent.id, "failed", 3)
    (event,) = eager.memory.events
    assert event["task"]["id"] == sent.id


def test_words_and_a_raise_are_one_and_one_object_in_five_tasks_is_five(
    worker: Billing, logged: Callable[[Billing], None]
) -> None:
    """As in an application's own tasks, though Celery logs each of them."""
    logged(worker)
    worker.send("worded")
    worker.wait_for("failed")
    worker.notifier.flush()
    assert worker.errors == ["LookupError"]
    assert worker.memory.events[0]["message"] == "could not charge: no order 42"
    told = []
    for _ in range(5):
        worker.send("shared")
        worker.wait_for("failed")
        worker.notifier.flush()
        told += worker.errors
    assert told == ["ConnectionError"] * 5


def test_what_a_task_throws_is_expected(eager: Billing) -> None:
    """It failed, and nobody is told."""
    eager.send("expected")
    assert eager.run["state"] == "failed"
    assert not eager.errors


def test_an_exception_that_cannot_be_pickled_is_reported_as_what_it_was(
    eager: Billing, logged: Callable[[Billing], None]
) -> None:
    """Celery passes on a stand-in for it, and logs that one."""
    logged(eager)
    eager.send("unpicklable")
    eager.notifier.flush()
    (event,) = eager.memory.events
    assert event["exception"]["type"] == "Unpicklable"
    assert event["exception"]["frames"][-1]["function"].endswith(".unpicklable")
    assert eager.run["error"]["type"] == "Unpicklable"


@pytest.mark.parametrize(("how", "state"), [("ignored", "completed"), ("rejected", "lost")])
def test_every_way_out_of_a_task_ends_its_run(eager: Billing, how: str, state: str) -> None:
    """`Ignore` and `Reject` are no failures."""
    eager.send("ends", how)
    assert eager.run["state"] == state
    assert not eager.errors
    assert not eager.notifier.tracker.runs.unfinished()


def test_a_replaced_task_ends_as_what_replaced_it(worker: Billing) -> None:
    """The replacement has the same id, so that it is the same run."""
    worker.send("replaced")
    run = worker.wait_for("completed")
    assert run["result"] == "charged 7"


def test_a_revoked_task_is_lost(worker: Billing) -> None:
    """It was cancelled before it began; nobody is told, for somebody did it."""
    sent = worker.send("charge", 42, countdown=1)
    worker.app.control.revoke(sent.id)
    run = worker.wait_for("lost")
    assert run["error"]["reason"] == "cancelled"
    assert not worker.errors
    assert not worker.notifier.tracker.runs.unfinished()


def test_an_expired_task_is_lost(worker: Billing) -> None:
    """Nobody took it in time."""
    worker.send("charge", 42, expires=-1)
    worker.wait_for("lost")


def test_a_task_that_no_worker_knows_has_failed(worker: Billing) -> None:
    """Celery discards its message, so that it would be pending for ever."""
    worker.forget()
    worker.app.send_task("billing.forgotten", [42])
    until(lambda: worker.errors)
    assert worker.errors == ["NotRegistered"]
    assert (worker.run["task"], worker.run["state"]) == ("billing.forgotten", "failed")


def test_a_message_that_is_no_task_is_reported(worker: Billing) -> None:
    """A producer that speaks another protocol: the worker discards what it cannot read."""
    worker.forget()
    with worker.app.producer_or_acquire() as producer:
        queue = worker.app.conf.task_default_queue
        producer.publish({"charge": 42}, routing_key=queue, exchange="", serializer="json")
        until(lambda: worker.errors)
        assert worker.errors == ["InvalidTaskError"]


def test_a_hard_time_limit_is_one_failure(eager: Billing) -> None:
    """A worker sends its signal twice: what its pool says, and what its request does."""
    task = eager.app.tasks["billing.charge"]
    for id_ in ("first", "first", "second"):
        signals.task_failure.send(sender=task, task_id=id_, exception=TimeLimitExceeded(1))
    assert list(eager.memory.runs) == ["first", "second"]
    assert eager.errors == ["TimeLimitExceeded"] * 2


def test_another_application_s_tasks_are_its_own(eager: Billing) -> None:
    """Signals are global; the application that was named is not."""
    other = application()
    other.conf.task_always_eager = True
    assert other.tasks["billing.refuse"].delay(42).failed()
    assert not eager.memory.runs
    assert not eager.errors


def test_twice_is_once(eager: Billing) -> None:
    """Two modules that both instrument do not double every report."""
    before = len(signals.task_prerun.receivers)
    notifier_celery.instrument(eager.notifier, eager.app)
    assert len(signals.task_prerun.receivers) == before


def test_a_task_within_a_task_leaves_the_outer_one_at_hand(eager: Billing) -> None:
    """What the outer task reports after an inner eager one ended names the outer."""

    def outer() -> None:
        eager.app.tasks["billing.charge"].delay(1)
        eager.notifier.message("still here")

    eager.app.task(outer, name="billing.outer", shared=False)
    eager.send("outer")
    (event,) = eager.memory.events
    assert event["task"]["name"] == "billing.outer"


def test_a_forked_pool_tells_what_it_knows_before_it_ends(tmp_path: Path) -> None:
    """Sent by one process, run by the children of another: one is killed, the next ends without Python's own end."""
    with Receiver() as receiver:
        environ = {
            **os.environ,
            "QUEUE": str(tmp_path),
            "NOTIFIER_URL": receiver.url,
            "NOTIFIER_KEY": "ntf_" + "0" * 40,
            "NOTIFIER_SPOOL": str(tmp_path / "spool"),
        }

        def send(name: str) -> str:
            command = [sys.executable, "-m", PROGRAM, name]
            id_ = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, check=True)
            return id_.stdout.strip()

        def among(states: set[str]) -> dict[str, str]:
            return {run["id"]: run["state"] for run in receiver.runs if run["state"] in states}

        killed = send("swallows_memory")
        assert [(run["id"], run["state"], run["process_id"]) for run in receiver.runs] == [
            (killed, "pending", "queue")
        ]
        command = [
            sys.executable,
            "-m",
            "celery",
            "-A",
            PROGRAM,
            "worker",
            "--concurrency",
            "1",
            "-l",
            "ERROR",
        ]
        worker = subprocess.Popen(command, env=environ, cwd=ROOT)
        receiver.wait(lambda: killed in among({"failed"}), 60)
        failed = send("refuse")
        receiver.wait(lambda: failed in among({"failed"}), 60)
        # Each child ends after its task, and no further one follows the last.
        done = send("naps")
        receiver.wait(lambda: done in among({"processing"}), 60)
        worker.terminate()
        receiver.wait(lambda: done in among({"completed"}), 60)
        try:
            assert worker.wait(30) == 0
        except subprocess.TimeoutExpired:
            # Celery's pool may wait for a lock that the child which was killed held when it died.
            worker.kill()
            worker.wait()
        # What the killed child had written is sent by whoever finds it, and may come after the end of its run.
        assert among(set(FINAL)) == {done: "completed", failed: "failed", killed: "failed"}
        assert {event["task"]["id"]: event["exception"]["type"] for event in receiver.events} == {
            failed: "LookupError",
            killed: "WorkerLostError",
        }
        assert len(receiver.events) == 2
