"""Processes that are killed, forked and ended while they report: every report is delivered or counted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from notifier.client import Notifier
from notifier.client.dispatch import HttpTransport
from tests.client.receiver import Receiver, Reply

KEY = "ntf_" + "0" * 40
ROOT = Path(__file__).parents[2]

PRELUDE = """
import os, signal, sys, threading, time
from notifier.client import Notifier
notifier = Notifier("billing")
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as one:
        yield one


def start(program: str, receiver: Receiver, spool: Path, **options: Any) -> subprocess.Popen[str]:
    environ = {
        **os.environ,
        "NOTIFIER_URL": receiver.url,
        "NOTIFIER_KEY": KEY,
        "NOTIFIER_SPOOL": str(spool),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-c", PRELUDE + program]
    return subprocess.Popen(command, env=environ, text=True, stdout=subprocess.PIPE, **options)


def heir(receiver: Receiver, spool: Path) -> Notifier:
    """A later process of the same service."""
    transport = HttpTransport(receiver.url, KEY, spool=spool, pauses=(0.05,))
    notifier = Notifier("billing", transport=transport, send_in_tests=True)
    transport.beat()
    return notifier


@pytest.mark.parametrize("away", [False, True])
@pytest.mark.parametrize("after", [0.0, 0.003, 0.05, 0.8])
def test_killed_while_it_reports(receiver: Receiver, tmp_path: Path, away: bool, after: float) -> None:
    """SIGKILL at some moment of a storm: what was captured arrives, or the next process says what became of it."""
    if away:
        receiver.stop()
    program = """
for n in range(1_000_000):
    os.write(1, b"%d\\n" % n)
    notifier.message(str(n))
    if n == 50:
        time.sleep(0.2)
        os.write(1, b"go\\n")
"""
    process = start(program, receiver, tmp_path)
    assert process.stdout is not None
    captured = 0
    for line in process.stdout:
        if line == "go\n":
            break
        captured += 1
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    captured += sum(1 for line in process.stdout.read().splitlines() if line.isdigit())
    process.wait()
    process.stdout.close()
    if away:
        receiver.start()
    notifier = heir(receiver, tmp_path)
    eventually_empty(notifier, tmp_path)
    counts = notifier.counts()
    dropped = sum(counts.dropped.values())
    told = {event["message"] for event in receiver.events}
    # The last line may have been written, and its report not captured any more.
    assert len(told) + dropped in {captured - 1, captured}, (len(told), counts, captured)
    assert counts.balanced
    assert len(told) >= 51


def eventually_empty(notifier: Notifier, spool: Path) -> None:
    """Until the dead process's files are gone."""
    notifier.counts()
    deadline = time.monotonic() + 60
    while len(list(spool.rglob("*.tally"))) != 1 or notifier.counts().spooled:
        assert time.monotonic() < deadline
        notifier.flush(0.2)


def killed(program: str, receiver: Receiver, spool: Path) -> Notifier:
    """The heir of a process that ends itself without a word at its program's end, once it has its files."""
    process = start(f"{program}\nos.kill(os.getpid(), signal.SIGKILL)", receiver, spool)
    process.communicate(timeout=100)
    notifier = heir(receiver, spool)
    eventually_empty(notifier, spool)
    return notifier


LAST_WORDS = {
    "a report": 'notifier.report(LookupError("the last words"))',
    "a message": 'notifier.message("the last words")',
    "several": """
for n in range(10): notifier.message(f"before {n}")
notifier.report(LookupError("the last words"))
""",
    "after a storm": """
for n in range(5_000): notifier.message(f"before {n}")
notifier.counts()
notifier.report(LookupError("the last words"))
""",
    "a task's final failure": """
@notifier.task(retries=1, backoff=0.0)
def fails(): raise LookupError("the last words")
try: fails()
except LookupError: pass
""",
    "a background task's failure": """
from fastapi import BackgroundTasks, FastAPI
from fastapi.testclient import TestClient
app = notifier.instrument(FastAPI())
def fails(): raise LookupError("the last words")
@app.get("/")
def index(tasks: BackgroundTasks): tasks.add_task(fails)
TestClient(app, raise_server_exceptions=False).get("/")
""",
}


@pytest.mark.parametrize("words", LAST_WORDS)
def test_the_last_words_before_a_kill_arrive(receiver: Receiver, tmp_path: Path, words: str) -> None:
    """Killed in the very moment in which they have been captured: the heir tells them, whole, and once."""
    notifier = killed(LAST_WORDS[words], receiver, tmp_path)
    counts = notifier.counts()
    last = [event for event in receiver.events if "the last words" in str(event)]
    assert len({event["id"] for event in last}) == len(last) == 1
    assert last[0]["timestamp"].endswith("Z")
    if "exception" in last[0]:
        assert last[0]["exception"]["message"] == "the last words"
        assert all(isinstance(frame["line"], int) for frame in last[0]["exception"]["frames"])
    # A task's run may have been told of four times by then.
    assert counts.dropped.get("killed", 0) <= (4 if "notifier.task" in LAST_WORDS[words] else 0)
    assert counts.balanced


def test_what_is_on_the_disk_before_it_is_written_holds_no_secrets(
    receiver: Receiver, tmp_path: Path
) -> None:
    """Nor anything that `before_send` has not seen."""
    receiver.stop()
    hidden = 'Notifier("billing", before_send=lambda event: {**event, "message": "kept back"})'
    program = f"""
def secret():
    try: raise LookupError("postgresql://app:hunter22@db/x")
    except LookupError as error: return error
context = {{"password": "swordfish", "amount": 12}}
notifier.report(secret(), context=context)
{hidden}.message("an unseen word")
os.kill(os.getpid(), signal.SIGKILL)
"""
    start(program, receiver, tmp_path).communicate(timeout=100)
    found = b"".join(path.read_bytes() for path in tmp_path.rglob("*.tally"))
    assert b"amount" in found
    for secret in (b"hunter22", b"swordfish", b"an unseen word"):
        assert secret not in found


def test_what_a_killed_process_had_dropped_is_told_by_its_heir(receiver: Receiver, tmp_path: Path) -> None:
    """For every reason, by whoever counted it; what the service had been told of already is told once."""
    program = """
from notifier.client.dispatch import HttpTransport
url = os.environ["NOTIFIER_URL"]
def keep(event):
    if event["message"] == "back": return None
    if event["message"] == "broken": raise LookupError
    if event["message"] == "exits": raise SystemExit
    return event
transport = HttpTransport(url, os.environ["NOTIFIER_KEY"], max_spool=200_000)
notifier = Notifier("billing", transport=transport, before_send=keep, ignore=["KeyError"])
for word in ("back", "broken", "exits", "wanted"): notifier.message(word)
for _ in range(3): notifier.report(KeyError())
before = notifier.counts()
assert sum(before.dropped.values()) == 6, before
if {beats}:
    transport.beat()
    time.sleep(3)
    notifier.report(KeyError())
"""
    counts = killed(program.replace("{beats}", "False"), receiver, tmp_path).counts()
    assert counts.dropped == {"ignored": 3, "before_send": 1, "before_send_failed": 1, "unreadable": 1}
    assert counts.balanced
    counts = killed(program.replace("{beats}", "True"), receiver, tmp_path / "other").counts()
    assert counts.dropped == {"ignored": 1}
    assert counts.balanced


def test_what_is_dropped_for_want_of_room_is_counted_where_it_is_captured(
    receiver: Receiver, tmp_path: Path
) -> None:
    """`before_send` keeps the writer busy for good: all that it has not written is counted, the rest by name."""
    program = """
notifier = Notifier("billing", before_send=lambda event: time.sleep(60))
for n in range(35_000): notifier.message(str(n))
for n in range(40): notifier.track("import").processing()
"""
    counts = killed(program, receiver, tmp_path).counts()
    assert counts.captured == 35_000 + 40
    assert counts.dropped["queue_full"] + counts.dropped["killed"] == 35_000 + 40
    assert counts.dropped["queue_full"] >= 5_000
    assert not receiver.events


def test_an_heir_that_is_killed_as_well_leaves_the_books_to_the_next(
    receiver: Receiver, tmp_path: Path
) -> None:
    """And one that ends while nobody listens: what was dropped is counted until somebody could be told."""
    receiver.stop()
    program = "for n in range(5): notifier.report(KeyError())\nnotifier.close(0.1)\n"
    prelude = 'notifier = Notifier("billing", ignore=["KeyError"])\n'
    start(prelude + program, receiver, tmp_path).communicate(timeout=100)
    start(
        "notifier.transport.beat(); time.sleep(0.5); os.kill(os.getpid(), 9)", receiver, tmp_path
    ).communicate(timeout=100)
    receiver.start()
    notifier = heir(receiver, tmp_path)
    eventually_empty(notifier, tmp_path)
    assert notifier.counts().dropped == {"ignored": 5}
    receiver.wait(lambda: receiver.beats)
    notifier.close()
    assert receiver.beats[-1]["reports"]["dropped"] == {"ignored": 5}
    assert not list(tmp_path.rglob("*.tally"))


def test_a_process_that_ends_takes_its_reports_along(receiver: Receiver, tmp_path: Path) -> None:
    """Captured in the last moment, sent before it has gone; a run that had not ended is lost, and it says goodbye."""
    program = """
notifier.track("import").processing()
notifier.message("the last words")
"""
    process = start(program, receiver, tmp_path)
    assert process.wait(60) == 0
    assert process.stdout is not None
    process.stdout.close()
    assert [event["message"] for event in receiver.events] == ["the last words"]
    # On a busy machine that it had begun is told before.
    last = receiver.runs[-1]
    assert (last["state"], last["error"]["reason"]) == ("lost", "interrupted")
    assert receiver.beats[-1]["ended"] is True
    assert not list(tmp_path.rglob("*.tally")) + list(tmp_path.rglob("*.log"))


def test_a_process_ends_in_time_though_the_service_hangs(receiver: Receiver, tmp_path: Path) -> None:
    """What has not left stays in the spool."""
    receiver.script = lambda _path, _: Reply(hang=60)
    started = time.monotonic()
    process = start('notifier.message("kept")', receiver, tmp_path)
    assert process.wait(50) == 0
    assert process.stdout is not None
    process.stdout.close()
    assert time.monotonic() - started < 40
    assert len(list(tmp_path.rglob("*.log"))) == 1


@pytest.mark.parametrize("forks", [10, pytest.param(50, marks=pytest.mark.slow)])
def test_forks_under_load(receiver: Receiver, tmp_path: Path, forks: int) -> None:
    """Four threads report without a pause while children are forked; each child reports. None hangs, none repeats."""
    program = """
stop = False
def work(name):
    n = 0
    while not stop:
        notifier.message(f"parent {name} {n}")
        n += 1
        time.sleep(0.0005)
    sent[name] = n
sent = {}
threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
for thread in threads: thread.start()
children = []
for child in range(FORKS):
    pid = os.fork()
    if pid == 0:
        signal.alarm(90)
        for n in range(3): notifier.message(f"child {child} {n}")
        clean = notifier.flush(60) and notifier.counts().balanced and notifier.counts().captured == 3
        if not clean: print(child, notifier.counts(), file=sys.stderr)
        notifier.close(1)
        os._exit(0 if clean else 3)
    children.append(pid)
    time.sleep(0.005)
statuses = [os.waitpid(pid, 0)[1] for pid in children]
stop = True
for thread in threads: thread.join()
assert notifier.flush(60)
counts = notifier.counts()
assert counts.balanced and counts.captured == sum(sent.values()), (counts, sent)
print(set(statuses), sum(sent.values()), flush=True)
"""
    process = start(f"FORKS = {forks}\n{program}", receiver, tmp_path)
    out, _ = process.communicate(timeout=200)
    statuses, sent = out.rsplit(" ", 1)
    assert statuses == "{0}"
    messages = [event["message"] for event in receiver.events]
    assert sum(message.startswith("child") for message in messages) == 3 * forks
    assert sum(message.startswith("parent") for message in messages) == int(sent)
    assert len(messages) == len(set(messages))


def test_two_processes_never_adopt_the_same_files(receiver: Receiver, tmp_path: Path) -> None:
    """Four heirs at once: each report arrives once, and is inherited once."""
    receiver.stop()
    process = start("for n in range(300): notifier.message(str(n))", receiver, tmp_path)
    process.wait(60)
    assert process.stdout is not None
    process.stdout.close()
    receiver.start()
    heirs: list[Notifier] = []
    threads = [threading.Thread(target=lambda: heirs.append(heir(receiver, tmp_path))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    receiver.wait(lambda: len(receiver.events) >= 300)
    for one in heirs:
        one.flush(5)
    assert len(receiver.events) == len(set(receiver.ids)) == 300
    assert sum(one.counts().captured for one in heirs) == 300


@pytest.mark.parametrize("failures", [5_000, pytest.param(30_000, marks=pytest.mark.slow)])
def test_a_long_outage_costs_little_memory(receiver: Receiver, tmp_path: Path, failures: int) -> None:
    """A hundred thousand failures, or fewer, while nobody listens: on the disk and counted, not in memory."""
    receiver.stop()
    program = """
import resource
def deep(n):
    if n: return deep(n - 1)
    raise TimeoutError("upstream timed out")
def fail():
    try: deep(10)
    except TimeoutError as error: notifier.report(error)
for _ in range(500): fail()
notifier.counts()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for n in range(FAILURES):
    fail()
    if n % 500 == 0: notifier.counts()
counts = notifier.counts()
print(counts.captured, counts.spooled, counts.balanced, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
sys.stdout.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""
    process = start(f"FAILURES = {failures}\n{program}", receiver, tmp_path)
    out, _ = process.communicate(timeout=200)
    captured, spooled, balanced, grown = out.split()
    assert (captured, spooled, balanced) == (str(failures + 500), str(failures + 500), "True")
    assert int(grown) < 40_000


ENDS = {
    "sync": "def work(): raise LookupError\nwork = notifier.task(work)\ncall = work",
    "async": "async def work(): raise LookupError\nwork = notifier.task(work)\ncall = lambda: asyncio.run(work())",
    "retried": "@notifier.task(retries=2, backoff=0.0)\ndef work(): raise LookupError\ncall = work",
    "a queue's": "def call():\n    run = notifier.track('work'); run.processing(); run.failed(LookupError())",
}
BEFORE = {"at once": "", "before_send": "before_send=lambda event: event"}


@pytest.mark.parametrize(("before", "times"), [("at once", 40), ("before_send", 1)])
@pytest.mark.parametrize("end", ENDS)
def test_a_final_failure_is_on_disk_before_its_task_ends(
    receiver: Receiver, tmp_path: Path, end: str, before: str, times: int
) -> None:
    """Killed in the very next step: all of them are told, however many came at once and whoever must see them."""
    # A quarter of a second is what its task waits for the disk at most, and little on a busy machine.
    program = f"""
import asyncio
from notifier.client.capture import durability
durability.TIMEOUT_S = 60.0
notifier = Notifier("billing", {BEFORE[before]})
{ENDS[end]}
for n in range({times}):
    try: call()
    except LookupError: pass
"""
    killed(program, receiver, tmp_path).close()
    assert [event["exception"]["type"] for event in receiver.events] == ["LookupError"] * times


def test_on_an_event_loop_nobody_waits_for_the_disk(receiver: Receiver, tmp_path: Path) -> None:
    """`before_send` takes a minute for each: the loop goes on, and each task waits a quarter at most."""
    program = """
import asyncio
notifier = Notifier("billing", before_send=lambda event: time.sleep(60) or event)
async def work(): raise LookupError
def plain(): raise LookupError
work, plain = notifier.task(work), notifier.task(plain)
async def main():
    loop, gaps, at = asyncio.get_running_loop(), [], time.monotonic()
    pending = [asyncio.create_task(work()) for _ in range(5)]
    for _ in range(50):
        before = time.monotonic()
        try: plain()
        except LookupError: pass
        await asyncio.sleep(0.005)
        gaps.append(time.monotonic() - before)
    await asyncio.wait(pending)
    print(max(gaps) < 20, time.monotonic() - at < 40, flush=True)
    os._exit(0)
asyncio.run(main())
"""
    out, _ = start(program, receiver, tmp_path).communicate(timeout=100)
    assert out.split() == ["True", "True"]
