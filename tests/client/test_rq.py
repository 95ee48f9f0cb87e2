"""RQ's own workers, in this process and forking: one report per failed job, and a run that is true."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fakeredis
import pytest
from redis import Redis
from rq import Queue, Repeat, Retry, SimpleWorker
from rq.command import send_stop_job_command
from rq.job import Job
from rq.serializers import JSONSerializer

from notifier.client import MemoryTransport, Notifier
from notifier.client import rq as notifier_rq
from tests.client.programs import jobs
from tests.client.receiver import Receiver

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "tests" / "client" / "programs" / "rq_worker.py"


@pytest.fixture
def redis() -> fakeredis.FakeStrictRedis:
    return fakeredis.FakeStrictRedis()


@pytest.fixture
def queue(redis: fakeredis.FakeStrictRedis) -> Queue:
    return Queue(connection=redis)


@pytest.fixture
def worker(queue: Queue, notifier: Notifier) -> SimpleWorker:
    given = notifier

    class Worker(notifier_rq.Tracking, SimpleWorker):
        notifier = given

    return Worker([queue], connection=queue.connection)


def only(memory: MemoryTransport) -> dict[str, Any]:
    (run,) = memory.runs.values()
    return run


def test_a_job_is_tracked_under_rq_s_id(queue: Queue, worker: SimpleWorker, memory: MemoryTransport) -> None:
    """Its name, its result, since when it waited; nothing is reported."""
    before = time.time()
    job = queue.enqueue(jobs.charge, 42)
    worker.work(burst=True)
    run = only(memory)
    assert (run["id"], run["task"]) == (job.id, "tests.client.programs.jobs.charge")
    assert (run["state"], run["attempt"], run["max_attempts"]) == ("completed", 1, 1)
    assert run["result"] == "charged 42"
    assert run["queued_at"].endswith("Z")
    assert job.enqueued_at is not None
    assert job.enqueued_at.timestamp() >= before - 1
    assert not memory.events


def test_a_failure_is_reported_once_though_rq_logs_it(
    queue: Queue, worker: SimpleWorker, notifier: Notifier, memory: MemoryTransport
) -> None:
    """The report names the run and the arguments' types; the job fails as without it."""
    handler = notifier.logging_handler()
    for name in ("rq.worker", "rq.job"):
        logging.getLogger(name).addHandler(handler)
    job = queue.enqueue(jobs.refuse, 42)
    worker.work(burst=True)
    notifier.flush()
    for name in ("rq.worker", "rq.job"):
        logging.getLogger(name).removeHandler(handler)
    (event,) = memory.events
    assert event["exception"]["type"] == "LookupError"
    assert event["exception"]["frames"][-1]["function"] == "refuse"
    assert event["task"] == {"id": job.id, "name": job.func_name, "attempt": 1, "max_attempts": 1}
    assert event["context"]["arguments"] == {"args": ["int"], "kwargs": {}}
    assert job.is_failed
    assert only(memory)["state"] == "failed"


@pytest.mark.parametrize(
    ("failures", "state", "attempt", "reported"), [(1, "completed", 2, 0), (9, "failed", 3, 1)]
)
def test_a_retry_is_no_report(
    queue: Queue,
    worker: SimpleWorker,
    notifier: Notifier,
    memory: MemoryTransport,
    failures: int,
    state: str,
    attempt: int,
    reported: int,
) -> None:
    """RQ's own retries are attempts of one run; only the last failure is told."""
    jobs.failures[:] = [TimeoutError("upstream") for _ in range(failures)]
    job = queue.enqueue(jobs.flaky, retry=Retry(max=2), meta={"tenant": "acme"})
    worker.work(burst=True)
    run = only(memory)
    assert (run["id"], run["state"]) == (job.id, state)
    assert (run["attempt"], run["max_attempts"]) == (attempt, 3)
    assert [event["task"]["attempt"] for event in memory.events] == [3] * reported
    assert job.get_meta()["tenant"] == "acme"
    assert not notifier.tracker.runs.unfinished()


def test_a_failed_job_that_is_requeued_is_the_same_run(
    queue: Queue, worker: SimpleWorker, memory: MemoryTransport
) -> None:
    """Somebody mended the cause and put it back by hand: its next attempt completes it."""
    jobs.failures[:] = [TimeoutError("upstream")]
    job = queue.enqueue(jobs.flaky)
    worker.work(burst=True)
    assert only(memory)["state"] == "failed"
    job.requeue()
    worker.work(burst=True)
    assert (only(memory)["state"], only(memory)["attempt"]) == ("completed", 2)
    assert len(memory.events) == 1


def test_a_job_may_ask_to_be_retried(queue: Queue, worker: SimpleWorker, memory: MemoryTransport) -> None:
    """It returns `Retry`: nothing was raised, and in the end it has failed all the same."""
    queue.enqueue(jobs.asks_again)
    worker.work(burst=True)
    assert (only(memory)["state"], only(memory)["attempt"]) == ("failed", 2)
    (event,) = memory.events
    assert event["exception"]["type"] == "RetryReturned"


def test_a_job_that_repeats_is_each_time_another_run(
    queue: Queue, worker: SimpleWorker, memory: MemoryTransport
) -> None:
    """RQ runs it again under the same id, and a failure of the second time must not hide behind the first."""
    job = queue.enqueue(jobs.charge, 42, repeat=Repeat(times=2))
    worker.work(burst=True)
    assert {run["id"] for run in memory.runs.values()} == {job.id, f"{job.id}-2", f"{job.id}-3"}
    assert {run["state"] for run in memory.runs.values()} == {"completed"}
    assert {run["attempt"] for run in memory.runs.values()} == {1}


def test_a_job_that_cannot_be_read_is_reported(
    queue: Queue, worker: SimpleWorker, memory: MemoryTransport
) -> None:
    """It was enqueued with another serializer."""
    Queue(connection=queue.connection, serializer=JSONSerializer).enqueue(jobs.charge, 42)
    worker.work(burst=True)
    assert only(memory)["state"] == "failed"
    (event,) = memory.events
    assert event["exception"]["type"] == "DeserializationError"


# RQ's forking worker, with a Redis server of its own and over real sockets.


@pytest.fixture
def server() -> Iterator[Redis]:
    served = fakeredis.TcpFakeServer(("127.0.0.1", 0), server_type="redis")
    served.daemon_threads = True
    thread = threading.Thread(target=served.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    client = Redis(port=served.server_address[1])
    yield client
    client.close()
    served.shutdown()
    served.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as one:
        yield one


def start(server: Redis, receiver: Receiver, folder: Path) -> subprocess.Popen[bytes]:
    environ = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "NOTIFIER_URL": receiver.url,
        "NOTIFIER_KEY": "ntf_" + "0" * 40,
        "NOTIFIER_SPOOL": str(folder),
    }
    port = server.get_connection_kwargs()["port"]
    return subprocess.Popen([sys.executable, str(PROGRAM), str(port)], env=environ)


def last(receiver: Receiver, job: Job) -> dict[str, Any]:
    return [run for run in receiver.runs if run["id"] == job.id][-1]


def test_a_forked_work_horse_tells_what_it_knows_before_it_exits(
    server: Redis, receiver: Receiver, tmp_path: Path
) -> None:
    """RQ ends it without Python's own end; nothing of three jobs is left behind."""
    queue = Queue(connection=server)
    done, failed = queue.enqueue(jobs.charge, 42), queue.enqueue(jobs.refuse, 7)
    killed = queue.enqueue(jobs.swallows_memory)
    assert start(server, receiver, tmp_path).wait(60) == 0
    assert [last(receiver, job)["state"] for job in (done, failed, killed)] == [
        "completed",
        "failed",
        "failed",
    ]
    assert {event["exception"]["type"] for event in receiver.events} == {"LookupError", "WorkHorseKilled"}
    assert {event["task"]["id"] for event in receiver.events} == {failed.id, killed.id}
    assert len(receiver.events) == 2


def test_a_stopped_job_is_lost(server: Redis, receiver: Receiver, tmp_path: Path) -> None:
    """Somebody stopped it, so that nobody is told."""
    job = Queue(connection=server).enqueue(jobs.sleeps)
    worker = start(server, receiver, tmp_path)
    receiver.wait(lambda: any(run["state"] == "processing" for run in receiver.runs), within=30)
    send_stop_job_command(server, job.id)
    assert worker.wait(60) == 0
    assert last(receiver, job)["state"] == "lost"
    assert last(receiver, job)["error"]["reason"] == "cancelled"
    assert not receiver.events


def test_words_and_a_raise_are_one_and_one_object_in_five_jobs_is_five(
    queue: Queue, worker: SimpleWorker, notifier: Notifier, memory: MemoryTransport
) -> None:
    """As in an application's own tasks."""
    handler = notifier.logging_handler()
    logging.getLogger().addHandler(handler)
    try:
        queue.enqueue(jobs.worded)
        for _ in range(5):
            queue.enqueue(jobs.shared)
        worker.work(burst=True)
        notifier.flush()
    finally:
        logging.getLogger().removeHandler(handler)
    told = [event["exception"]["type"] for event in memory.events]
    assert told == ["LookupError", *["ConnectionError"] * 5]
    assert memory.events[0]["message"] == "could not charge: no order 42"
