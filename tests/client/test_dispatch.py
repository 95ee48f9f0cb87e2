"""How reports leave: soon, in order, once, whatever the service answers; and the books always balance."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from notifier.client import Notifier
from notifier.client.dispatch import HttpTransport
from notifier.client.dispatch.http_exchange import read, retry_after_seconds
from tests.client.receiver import OK, Receiver, Reply

KEY = "ntf_" + "0" * 40
PAUSES = (0.05, 0.1)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as one:
        yield one


opened: list[Notifier] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """One that a test left open would find the next test's receiver, on the same port."""
    yield
    while opened:
        opened.pop().close(0.0)


def make(receiver: Receiver, spool: Path | bool, **options: Any) -> Notifier:
    transport = HttpTransport(receiver.url, KEY, spool=spool, **{"pauses": PAUSES, **options})
    notifier = Notifier("billing", transport=transport, send_in_tests=True)
    opened.append(notifier)
    return notifier


def settled(notifier: Notifier, within: float = 60.0) -> None:
    assert notifier.flush(within), notifier.counts()
    assert notifier.counts().balanced, notifier.counts()


@pytest.mark.parametrize("disk", [True, False])
def test_reports_leave_within_a_second_and_in_order(receiver: Receiver, tmp_path: Path, disk: bool) -> None:
    """With the key and the moment of sending; the books say so; nothing stays on the disk."""
    notifier = make(receiver, tmp_path if disk else False)
    started = time.monotonic()
    ids = [notifier.message(f"message {n}") for n in range(250)]
    receiver.wait(lambda: len(receiver.events) == 250)
    assert time.monotonic() - started < 30
    assert receiver.ids == ids
    _, _, headers = max(receiver.requests, key=lambda request: len(request[1]))
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["notifier-sent-at"].endswith("Z")
    assert headers["content-encoding"] == "gzip"
    assert all(len(document) <= 200 for _, document, _ in receiver.requests)
    settled(notifier)
    counts = notifier.counts()
    assert (counts.captured, counts.sent, counts.spooled) == (250, 250, 0)
    notifier.close()
    assert not list(tmp_path.rglob("*.log")) + list(tmp_path.rglob("*.tally"))


def test_a_run_leaves_as_it_is_and_after_its_failure(receiver: Receiver, tmp_path: Path) -> None:
    """Changes that come quickly are one; the event of a failure is there before the run that has failed."""
    notifier = make(receiver, tmp_path)

    @notifier.task(retries=1, backoff=0.0)
    def fails() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        fails()
    settled(notifier)
    assert len(receiver.runs) <= 2
    run = receiver.runs[-1]
    (event,) = receiver.events
    assert (run["state"], run["attempt"], event["task"]["id"]) == ("failed", 2, run["id"])
    assert run["process_id"]
    assert run["finished_at"].endswith("Z")
    posts = [path for path, _, _ in receiver.requests if path != "/v1/processes/heartbeat"]
    assert posts[-2:] == ["/v1/events", "/v1/task-runs"]


def test_a_failure_s_event_leaves_before_its_run_also_when_the_writer_is_busy(
    receiver: Receiver, tmp_path: Path
) -> None:
    """Both are captured while `before_send` thinks about an earlier event."""
    entered, go_on = threading.Event(), threading.Event()

    def slow(event: dict[str, Any]) -> dict[str, Any]:
        if event.get("message") == "first":
            entered.set()
            assert go_on.wait(60)
        return event

    transport = HttpTransport(receiver.url, KEY, spool=tmp_path, pauses=PAUSES)
    notifier = Notifier("billing", transport=transport, send_in_tests=True, before_send=slow)
    opened.append(notifier)

    @notifier.task
    def fails() -> None:
        raise LookupError

    notifier.message("first")
    assert entered.wait(60)
    with pytest.raises(LookupError):
        fails()
    go_on.set()
    settled(notifier)
    posts = [
        (path, len(document)) for path, document, _ in receiver.requests if path != "/v1/processes/heartbeat"
    ]
    assert posts in (
        [("/v1/events", 2), ("/v1/task-runs", 1)],
        [("/v1/events", 1)] * 2 + [("/v1/task-runs", 1)],
    )


@pytest.mark.parametrize(
    "trouble",
    [
        Reply(500), Reply(503, headers={"retry-after": "0.05"}), Reply(429, headers={"retry-after": "0"}), Reply(408),
        Reply(reset=True), Reply(301, headers={"location": "http://127.0.0.1:1/"}), Reply(404),
    ],
    ids=lambda reply: "reset" if reply.reset else str(reply.status),
)  # fmt: skip
def test_trouble_passes_and_nothing_is_lost(receiver: Receiver, tmp_path: Path, trouble: Reply) -> None:
    """Every way a service can be away: all of it comes later, in order, with the same ids."""
    left = [trouble] * 3
    receiver.script = lambda path, _: left.pop() if path == "/v1/events" and left else OK
    notifier = make(receiver, tmp_path)
    ids = [notifier.message(str(n)) for n in range(20)]
    deadline = time.monotonic() + 60
    while left or notifier.counts().spooled:
        assert time.monotonic() < deadline
        notifier.flush(0.3)
    assert receiver.ids == ids
    settled(notifier)


def test_retry_after_is_honoured(receiver: Receiver, tmp_path: Path) -> None:
    """Nothing is sent before the service asks for it."""
    left = [Reply(429, headers={"retry-after": "1"})]
    times: list[float] = []

    def script(path: str, _: Any) -> Reply:
        times.append(time.monotonic())
        return left.pop() if left else OK

    receiver.script = script
    notifier = make(receiver, tmp_path)
    notifier.message("x")
    receiver.wait(lambda: receiver.events)
    assert times[1] - times[0] >= 1.0
    assert [retry_after_seconds(header, now=1_445_412_470.0) for header in ("2", "x", None, "-1", "9999", "nan")] == [
        2.0, None, None, 0.0, 300.0, None,
    ]  # fmt: skip
    assert retry_after_seconds("Wed, 21 Oct 2015 07:28:00 GMT", now=1_445_412_470.0) == 10.0


def test_a_wrong_key_is_one_warning(
    receiver: Receiver, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The application goes on, nothing more is sent, what follows is counted; the journal keeps what there was."""
    receiver.script = lambda _path, _: Reply(401, {"detail": "this key is not known"})
    notifier = make(receiver, tmp_path)
    notifier.message("first")
    receiver.wait(lambda: [record for record in caplog.records if record.levelno >= logging.WARNING])
    for n in range(5):
        notifier.message(str(n))
    assert not notifier.flush(0.5)
    counts = notifier.counts()
    assert (counts.captured, counts.spooled, counts.dropped) == (6, 1, {"unauthorised": 5})
    assert counts.balanced
    assert len(receiver.requests) == 1
    warnings = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert "this key is not known" in warnings[0]


def test_too_large_is_halved_then_cut_then_dropped(receiver: Receiver, tmp_path: Path) -> None:
    """What is small enough arrives whole; one that is too large alone is cut once."""

    def script(path: str, document: Any) -> Reply:
        size = sum(len(str(one)) for one in document) if isinstance(document, list) else 0
        return Reply(413) if path == "/v1/events" and (size > 20_000 or "never" in str(document)) else OK

    receiver.script = script
    notifier = make(receiver, tmp_path)
    for n in range(30):
        notifier.message(f"small {n}", context={"text": "x" * 1_400})
    notifier.message("large", context={f"text {n}": "x" * 1_400 for n in range(20)})
    notifier.message("never")
    settled(notifier)
    told = {event["message"]: event for event in receiver.events}
    assert len(told) == 31
    assert told["large"]["context"] == {}
    assert told["small 3"]["context"]["text"] == "x" * 1_400
    assert notifier.counts().dropped == {"too_large": 1}


def test_what_the_service_rejects_is_counted(receiver: Receiver, tmp_path: Path) -> None:
    """One bad item costs none of the others, and is said once."""
    receiver.script = lambda _path, _: Reply(
        202, {"results": [{"status": "rejected", "error": "no", "index": 0}]}
    )
    notifier = make(receiver, tmp_path)
    notifier.message("a")
    notifier.message("b")
    settled(notifier)
    assert notifier.counts().dropped == {"rejected": 1}
    assert notifier.counts().sent == 1


def test_a_service_that_comes_back_gets_everything(receiver: Receiver, tmp_path: Path) -> None:
    """Nobody listens for a while; on the same address, later, all of it arrives."""
    receiver.stop()
    notifier = make(receiver, tmp_path)
    ids = [notifier.message(str(n)) for n in range(500)]
    assert not notifier.flush(0.2)
    assert notifier.counts().spooled == 500
    receiver.start()
    receiver.wait(lambda: len(receiver.events) == 500)
    assert receiver.ids == ids
    settled(notifier)


def test_another_process_s_spool_is_adopted(receiver: Receiver, tmp_path: Path) -> None:
    """Closed while the service was away: the next one, also without a report of its own, brings it in order."""
    receiver.stop()
    first = make(receiver, tmp_path, pauses=(60.0,))
    ids = [first.message(str(n)) for n in range(50)]
    first.close(0.1)
    # What the end of its process does.
    first.transport._pipeline.journal.abandon()  # type: ignore[attr-defined]
    receiver.start()
    second = make(receiver, tmp_path)
    second.transport.beat()
    receiver.wait(lambda: len(receiver.events) == 50)
    assert receiver.ids == ids
    settled(second)
    assert second.counts().captured == 50
    receiver.wait(lambda: len(list(tmp_path.rglob("*.tally"))) == 1)


def test_heartbeats_tell_what_runs_and_bring_replays(receiver: Receiver, tmp_path: Path) -> None:
    """At once and then as often as the service says; the last one says goodbye."""
    notifier = make(receiver, tmp_path)
    done: list[int] = []

    @notifier.task(store_args=True, replay=True, name="charge")
    def charge(order: int) -> None:
        done.append(order)

    receiver.replays.append({"id": "new", "replay_of": "old", "task": "charge", "arguments": {"args": [7]}})
    tracked = notifier.track("long")
    tracked.processing()
    receiver.wait(lambda: done and len(receiver.beats) >= 2)
    tracked.completed()
    settled(notifier)
    notifier.close()
    first, last = receiver.beats[0], receiver.beats[-1]
    assert first["service"] == "billing"
    assert first["tasks"] == ["charge"]
    assert tracked.run.id in first["running"]
    assert done == [7]
    assert last["ended"] is True
    assert last["reports"]["captured"] == last["reports"]["sent"] + last["reports"]["spooled"]
    assert {run["id"]: run["replay_of"] for run in receiver.runs}["new"] == "old"


def test_a_full_spool_drops_what_comes_and_keeps_what_came(receiver: Receiver, tmp_path: Path) -> None:
    """The first failures say more than the last; everything is counted."""
    receiver.stop()
    notifier = make(receiver, tmp_path, max_spool=40_000)
    for n in range(400):
        notifier.message(f"{n} {secrets.token_urlsafe(300)}")
        if n % 50 == 49:
            notifier.counts()
    counts = notifier.counts()
    assert counts.dropped["spool_full"] > 100
    assert counts.balanced
    receiver.start()
    settled(notifier)
    assert len(receiver.events) == counts.captured - counts.dropped["spool_full"]
    assert receiver.events[0]["message"].startswith("0 ")


@pytest.mark.parametrize("where", ["file", "others"])
def test_a_spool_that_cannot_be_used_is_one_warning(
    receiver: Receiver, tmp_path: Path, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    """A file in its place, a folder that others may write to: memory does it."""
    folder = tmp_path / "billing"
    if where == "file":
        folder.write_text("in the way")
    else:
        folder.mkdir()
        folder.chmod(0o777)
    notifier = make(receiver, tmp_path)
    notifier.message("x")
    settled(notifier)
    assert len(receiver.events) == 1
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_corrupt_files_cost_only_what_is_damaged(receiver: Receiver, tmp_path: Path) -> None:
    """A torn end and flipped bytes in the middle: every intact frame arrives."""
    receiver.stop()
    first = make(receiver, tmp_path, pauses=(60.0,))
    for n in range(10):
        first.message(f"message {n}")
        first.counts()
    first.close(0.05)
    first.transport._pipeline.journal.abandon()  # type: ignore[attr-defined]
    (path,) = tmp_path.rglob("*.log")
    data = bytearray(path.read_bytes())
    starts = [at for at in range(len(data)) if data[at : at + 4] == b"NTFJ"]
    assert len(starts) == 10
    data[starts[3] + 45] ^= 0xFF
    path.write_bytes(data[:-5])
    receiver.start()
    second = make(receiver, tmp_path)
    second.transport.beat()
    receiver.wait(lambda: len(receiver.events) == 8)
    settled(second)
    assert [event["message"][-1] for event in receiver.events] == list("01245678")


def test_the_service_hangs_and_the_application_does_not(receiver: Receiver, tmp_path: Path) -> None:
    """Capturing costs microseconds, `flush` its time-out, and closing not much more."""
    receiver.script = lambda _path, _: Reply(hang=30)
    notifier = make(receiver, tmp_path)
    notifier.message("first")
    time.sleep(0.7)
    started, worked = time.perf_counter(), time.thread_time()
    for n in range(1_000):
        notifier.message(str(n))
    assert (time.thread_time() - worked) / 1_000 < 0.001
    assert not notifier.flush(0.3)
    notifier.close(0.2)
    assert time.perf_counter() - started < 20
    assert notifier.counts().balanced


def test_threads_that_report_at_once_are_all_counted(receiver: Receiver, tmp_path: Path) -> None:
    """Eight threads from the very first report on."""
    notifier = make(receiver, tmp_path)
    barrier = threading.Barrier(8)

    def work() -> None:
        barrier.wait()
        for _ in range(200):
            notifier.message("x")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    settled(notifier)
    assert notifier.counts().captured == 1_600
    assert len(set(receiver.ids)) == 1_600


def test_what_before_send_has_in_its_hands_is_not_safe_yet(receiver: Receiver, tmp_path: Path) -> None:
    """Whoever asks then waits for it: the process may end next."""
    entered, released = threading.Event(), threading.Event()

    def before_send(event: Any) -> Any:
        entered.set()
        return event if released.wait(60) else None

    transport = HttpTransport(receiver.url, KEY, spool=tmp_path, pauses=PAUSES)
    notifier = Notifier("billing", transport=transport, send_in_tests=True, before_send=before_send)
    opened.append(notifier)
    try:
        notifier.message("first")
        assert entered.wait(60)
        safe = transport.settling()
        assert safe is not None
        assert not safe.wait(0.05)
    finally:
        released.set()
    assert safe.wait(60)
    assert transport.settling() is None


def test_what_an_answer_means() -> None:
    """The table, in a line each."""
    meanings = {
        200: "taken", 202: "taken", 301: "unexpected_server", 400: "unexpected_server", 401: "refused", 403: "refused",
        404: "unexpected_server", 408: "retry", 413: "too_large", 422: "unexpected_server", 425: "retry", 429: "retry",
        500: "retry", 503: "retry",
    }  # fmt: skip
    assert {status: read(status, None, b"", now=0).meaning for status in meanings} == meanings
    assert read(422, None, b'{"results": [{"status": "rejected"}]}', now=0).rejected == 1
    assert read(422, None, b'{"detail": "no"}', now=0).meaning == "invalid"


def test_the_service_s_word_on_a_run(receiver: Receiver, tmp_path: Path) -> None:
    """Of another process, or of the past; None where there is none, or nobody answers."""
    notifier = make(receiver, tmp_path)
    receiver.script = lambda path, _: Reply(200, {"id": "a"}) if path.endswith("/a") else Reply(404)
    assert notifier.transport.fetch_run("a") == {"id": "a"}
    assert notifier.transport.fetch_run("b") is None
    receiver.stop()
    assert notifier.transport.fetch_run("a") is None
