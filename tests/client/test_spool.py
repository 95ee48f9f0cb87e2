"""The folder that keeps reports: whose it is, what fits, what has become unreadable, and what became of the dead."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from notifier.client import Notifier
from notifier.client.dispatch import HttpTransport
from notifier.client.dispatch.counters import Counters
from notifier.client.dispatch.journal import FileJournal
from notifier.client.dispatch.spool import Spool
from tests.client.receiver import OK, Receiver, Reply
from tests.disk import small_disk

KEY = "ntf_" + "0" * 40
ROOT = Path(__file__).parents[2]
HOUR = 3_600.0


opened: list[Notifier] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """None of them goes on in the next test, whose receiver may have this one's port."""
    yield
    while opened:
        opened.pop().close(0)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as one:
        yield one


def make(receiver: Receiver, spool: Path | None, **options: Any) -> Notifier:
    transport = HttpTransport(receiver.url, KEY, spool=spool, pauses=(0.05, 0.1), **options)
    opened.append(Notifier("billing", transport=transport, send_in_tests=True))
    return opened[-1]


class Dead:
    """What a process that was killed has left behind."""

    def __init__(self, spool: Path, *, now: Callable[[], float] = time.time) -> None:
        folder = spool / "billing"
        folder.mkdir(mode=0o700, parents=True)
        self.counters = Counters.create(folder / "dead.tally")
        self.journal = FileJournal(folder, "dead", self.counters, most_bytes=1 << 20, now=now)

    def report(self, n: int, message: str) -> None:
        self.counters.advance("seen", n)
        record = json.dumps({"id": str(n), "service": "billing", "message": message}).encode()
        assert self.journal.append("events", [record], n)

    def die(self) -> None:
        self.counters.set("taken", self.counters.seen)
        self.counters.close()


def test_only_what_is_too_old_expires(receiver: Receiver, tmp_path: Path) -> None:
    """One report an hour through an outage of a day and a bit: the younger ones are not taken along by the oldest."""
    clock = [time.time() - 26.5 * HOUR]
    dead = Dead(tmp_path, now=lambda: clock[0])
    for n in range(26):
        dead.report(n + 1, f"{n}")
        clock[0] += HOUR
    dead.die()
    notifier = make(receiver, tmp_path, max_age=24 * HOUR)
    notifier.transport.beat()
    receiver.wait(lambda: len(receiver.events) == 23)
    assert [event["message"] for event in receiver.events] == [str(n) for n in range(3, 26)]
    counts = notifier.counts()
    assert (counts.captured, counts.dropped) == (26, {"expired": 3})
    assert counts.balanced


def test_what_the_dead_left_leaves_with_a_flush(receiver: Receiver, tmp_path: Path) -> None:
    """Of a process that has nothing to report itself."""
    dead = Dead(tmp_path)
    dead.report(1, "the last words")
    dead.die()
    notifier = make(receiver, tmp_path)
    assert notifier.flush(10.0)
    assert [event["message"] for event in receiver.events] == ["the last words"]
    assert (notifier.counts().captured, notifier.counts().sent) == (1, 1)


def test_what_is_damaged_is_counted(receiver: Receiver, tmp_path: Path) -> None:
    """A flipped bit and a torn end: the intact frames arrive, the two others are `corrupt`, once."""
    dead = Dead(tmp_path)
    for n in range(10):
        dead.report(n + 1, f"{n}")
    dead.die()
    (path,) = tmp_path.rglob("*.log")
    data = bytearray(path.read_bytes())
    starts = [at for at in range(len(data)) if data[at : at + 4] == b"NTFJ"]
    data[starts[3] + 45] ^= 0xFF
    path.write_bytes(data[:-5])
    receiver.script = lambda path, _: Reply(500) if path == "/v1/events" else OK
    first = make(receiver, tmp_path)
    first.transport.beat()
    receiver.wait(lambda: first.counts().spooled == 8)
    assert first.counts().dropped == {"corrupt": 2}
    assert first.counts().balanced
    # The first heir ends as well, before it could send any of it.
    first.close(0.1)
    for journal in [*first.transport._pipeline.sender.adopted, first.transport._pipeline.journal]:  # type: ignore[attr-defined]
        journal.counters.abandon()
    receiver.script = lambda _path, _document: OK
    second = make(receiver, tmp_path)
    second.transport.beat()
    receiver.wait(lambda: len(receiver.events) == 8)
    assert second.flush(5)
    assert second.counts().captured == 8
    assert not second.counts().dropped


def fill(disk: Path) -> Path:
    """A file that leaves no room."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    return filler


def test_reports_leave_while_the_disk_is_full(receiver: Receiver, tmp_path: Path) -> None:
    """An application fails for want of room, and so does the spool: the report of that leaves from memory."""
    with small_disk(tmp_path / "disk") as disk:
        notifier = make(receiver, disk)
        notifier.message("before")
        receiver.wait(lambda: len(receiver.events) == 1)
        fill(disk)
        ids = [notifier.message(secrets.token_hex(300)) for _ in range(500)]
        receiver.wait(lambda: len(receiver.events) == 501)
        assert receiver.ids[1:] == ids
        assert notifier.flush(10)
        assert notifier.counts().balanced
        assert not notifier.counts().dropped
        opened.pop().close(1)


def test_what_a_full_disk_did_not_take_is_written_once_it_does(receiver: Receiver, tmp_path: Path) -> None:
    """In its order, before what comes then; a kill before that loses what is in memory, and it is counted."""
    with small_disk(tmp_path / "disk") as disk:
        dead = Dead(disk)
        dead.report(1, "1")
        filler = fill(disk)
        numbers = range(2, 301)
        for n in numbers:
            dead.report(n, f"{n} {secrets.token_hex(300)}")
        assert dead.journal.waiting == 300
        filler.unlink()
        dead.report(301, "301")
        filler = fill(disk)
        for n in range(302, 402):
            dead.report(n, f"{n} {secrets.token_hex(300)}")
        filler.unlink()
        dead.die()
        notifier = make(receiver, disk)
        notifier.transport.beat()
        receiver.wait(lambda: len(receiver.events) >= 301)
        assert notifier.flush(10)
        told = [int(event["message"].split()[0]) for event in receiver.events]
        assert told == list(range(1, 1 + len(told)))
        counts = notifier.counts()
        assert counts.balanced
        assert counts.captured == 401
        assert counts.dropped == {"corrupt": 401 - len(told)}
        opened.pop().close(1)


def test_files_that_somebody_removes_are_counted_and_end_nothing(receiver: Receiver, tmp_path: Path) -> None:
    """Someone tidies the folder of a living process: what could not be read is counted, and later reports arrive."""
    receiver.stop()
    notifier = make(receiver, tmp_path)
    for n in range(150):
        notifier.message(f"{n}", context={f"{part}": secrets.token_hex(700) for part in range(30)})
        notifier.counts()
    files = sorted(tmp_path.rglob("*.log"))
    assert len(files) > 1
    for path in files:
        path.unlink()
    receiver.start()
    notifier.message("afterwards")
    receiver.wait(lambda: any(event["message"] == "afterwards" for event in receiver.events))
    assert notifier.flush(5)
    counts = notifier.counts()
    assert counts.dropped["corrupt"] == 151 - len(receiver.events)
    assert counts.balanced


def test_the_bound_is_the_folder_s(receiver: Receiver, tmp_path: Path) -> None:
    """Processes that restart while the service is away do not fill the disk together."""
    receiver.stop()
    used = []
    for _ in range(4):
        notifier = make(receiver, tmp_path, max_spool=40_000)
        for n in range(60):
            notifier.message(f"{n} {secrets.token_urlsafe(600)}")
            notifier.counts()
        assert notifier.counts().balanced
        used.append(sum(path.stat().st_size for path in tmp_path.rglob("*.log")))
    assert max(used) <= 40_000
    assert used[0] > 30_000


def test_of_reports_at_once_none_hides_another() -> None:
    """The thread that was given the lower number may be the later one to write it down."""
    counters = Counters()
    for number in (1, 2, 4, 3):
        counters.advance("seen", number)
    assert counters.seen == 4
    for number in range(5, 1_000):
        counters.advance("seen", number)
    assert counters.seen == 999


def test_a_living_process_s_files_are_never_adopted(tmp_path: Path) -> None:
    """Also in the moment in which they are made: others look without a pause."""
    stop = threading.Event()
    stolen: list[str] = []

    def look() -> None:
        spool = Spool(tmp_path, "billing")
        while not stop.is_set():
            spool._look_at = 0.0
            stolen.extend(journal._name for journal in spool.orphans("nobody"))

    lookers = [threading.Thread(target=look) for _ in range(3)]
    for looker in lookers:
        looker.start()
    journals = [Spool(tmp_path, "billing").own(f"p{n}") for n in range(300)]
    stop.set()
    for looker in lookers:
        looker.join()
    assert stolen == []
    assert len(list(tmp_path.rglob("*.tally"))) == len(journals)


def test_files_and_folders_are_their_owner_s_alone(receiver: Receiver, tmp_path: Path) -> None:
    """Whatever the umask says."""
    before = os.umask(0)
    try:
        notifier = make(receiver, tmp_path)
        notifier.message("x")
        notifier.counts()
    finally:
        os.umask(before)
    made = list(tmp_path.rglob("*"))
    assert len(made) == 3
    for path in made:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path.name


FULL = """
mount -t tmpfs -o size=64k,mode=0700 none "$1" || exit 77
mkdir -m 700 "$1/billing"
dd if=/dev/zero of="$1/fill" bs=4k 2>/dev/null
exec "$2" -c "$3"
"""
PROGRAM = """
from notifier.client import Notifier
notifier = Notifier("billing")
notifier.message("x")
counts = notifier.counts()
print(counts.spooled, counts.balanced, flush=True)
import os
os._exit(0)
"""


def environ(**given: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("NOTIFIER_")}
    service = {"NOTIFIER_URL": "http://127.0.0.1:1", "NOTIFIER_KEY": KEY, "PYTHONPATH": str(ROOT)}
    return {**clean, **service, **given}


def test_a_folder_in_the_temporary_one_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    """Who can rename the service's folder can put another in its place."""
    squatted = tmp_path / f"notifier-{os.getuid()}"
    squatted.mkdir()
    squatted.chmod(0o777)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environ(TMPDIR=str(tmp_path)),
        capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["1", "True"]
    assert done.stderr.count("the spool cannot be used") == 1
    assert not list(squatted.iterdir())


def test_a_full_disk_does_not_end_the_application(receiver: Receiver, tmp_path: Path) -> None:
    """A map of a file that has no room ends a process (SIGBUS); here memory keeps the report."""
    if shutil.which("unshare") is None:
        pytest.skip("nothing here can mount a small disk")
    command = ["unshare", "-rm", "sh", "-c", FULL, "sh", str(tmp_path), sys.executable, PROGRAM]
    given = environ(NOTIFIER_SPOOL=str(tmp_path))
    done = subprocess.run(command, env=given, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode in {1, 77} and "counts" not in done.stderr:
        pytest.skip("this machine allows no mount")
    assert done.returncode == 0, done
    assert done.stdout.split() == ["1", "True"]
    assert done.stderr.count("the spool cannot be used") == 1
