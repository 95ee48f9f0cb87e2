"""Forked children: nothing of their parent's is theirs, and their own reports leave with them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from notifier.client import Notifier
from notifier.client.dispatch import HttpTransport
from notifier.client.dispatch.counters import Counters
from notifier.client.dispatch.journal import FileJournal
from tests.client.receiver import OK, Receiver, Reply

KEY = "ntf_" + "0" * 40
ROOT = Path(__file__).parents[2]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as one:
        yield one


def start(program: str | Path, receiver: Receiver, spool: Path) -> subprocess.Popen[str]:
    service = {"NOTIFIER_URL": receiver.url, "NOTIFIER_KEY": KEY, "NOTIFIER_SPOOL": str(spool)}
    environ = {**os.environ, **service, "PYTHONPATH": str(ROOT)}
    command = [str(program)] if isinstance(program, Path) else ["-c", program]
    return subprocess.Popen([sys.executable, *command], env=environ, text=True, stdout=subprocess.PIPE)


def test_what_a_parent_had_adopted_does_not_stay_locked_in_its_child(
    receiver: Receiver, tmp_path: Path
) -> None:
    """The parent is killed; its child lives on, and keeps nobody from the files that the parent had."""
    folder = tmp_path / "billing"
    folder.mkdir(mode=0o700)
    counters = Counters.create(folder / "dead.tally")
    journal = FileJournal(folder, "dead", counters, most_bytes=1 << 20)
    journal.append("events", [json.dumps({"id": "1", "message": "of the dead"}).encode()], 1)
    counters.close()
    receiver.script = lambda path, _: Reply(500) if path == "/v1/events" else OK
    program = """
import os, time
from notifier.client import Notifier
notifier = Notifier("billing")
notifier.transport.beat()
notifier.message("of the parent")
while notifier.counts().spooled < 2: time.sleep(0.01)
child = os.fork()
if not child:
    time.sleep(120)
    os._exit(0)
print(child, flush=True)
os.kill(os.getpid(), 9)
"""
    process = start(program, receiver, tmp_path)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    try:
        process.wait(60)
        receiver.script = lambda _path, _document: OK
        transport = HttpTransport(receiver.url, KEY, spool=tmp_path, pauses=(0.05,))
        notifier = Notifier("billing", transport=transport, send_in_tests=True)
        transport.beat()
        receiver.wait(lambda: len(receiver.events) == 2)
        assert {event["message"] for event in receiver.events} == {"of the dead", "of the parent"}
        notifier.close()
    finally:
        os.kill(child, 9)
        process.stdout.close()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_child_of_multiprocessing_takes_its_last_words_along(
    receiver: Receiver, tmp_path: Path, method: str
) -> None:
    """Such children leave without `atexit`; what they reported in the last moment arrives before they are joined."""
    program = tmp_path / "program.py"
    program.write_text(f"""
import multiprocessing
from notifier.client import Notifier
notifier = Notifier("billing")
def work(n):
    notifier.message(f"child {{n}}")
if __name__ == "__main__":
    notifier.message("parent")
    children = [multiprocessing.get_context("{method}").Process(target=work, args=(n,)) for n in range(4)]
    for child in children: child.start()
    for child in children: child.join()
""")
    start(program, receiver, tmp_path).communicate(timeout=60)
    told = sorted(event["message"] for event in receiver.events)
    assert told == ["child 0", "child 1", "child 2", "child 3", "parent"]
    assert not list(tmp_path.rglob("*.tally")) + list(tmp_path.rglob("*.log"))
