"""Reports from anywhere: by hand, from logs, from the interpreter's last resorts; and what keeps one back."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from notifier.client import MemoryTransport, Notifier, capture_reports, options
from notifier.client.transport import NullTransport
from tests.client.conftest import App

pytestmark = pytest.mark.anyio


def test_an_exception_is_reported_once_by_hand(notifier: Notifier, memory: MemoryTransport) -> None:
    """The one at hand, by default; its id is answered, also the second time."""
    try:
        int("x")
    except ValueError as error:
        first = notifier.report(severity="critical", labels={"region": "eu", "shard": 3, "new": True})
        again = notifier.report(error)
    (event,) = memory.events
    assert first == again == event["id"]
    assert event["severity"] == "critical"
    assert event["labels"] == {"region": "eu", "shard": "3", "new": "true"}
    assert "message" not in event


def test_a_message_and_a_call_without_anything(notifier: Notifier, memory: MemoryTransport) -> None:
    """A message is no failure; `report()` outside of a handler says so instead of raising."""
    notifier.message(
        "disk at 91 %", severity="warning", fingerprint=["disk"], links=[{"title": "a", "url": "b"}]
    )
    notifier.report()
    first, second = memory.events
    assert (first["message"], first["severity"], first["fingerprint"]) == (
        "disk at 91 %",
        "warning",
        ["disk"],
    )
    assert "nothing had been raised" in second["message"]


async def test_context_is_the_task_s_own(notifier: Notifier, memory: MemoryTransport) -> None:
    """Nested values add up, end with their block, and two tasks at once do not see each other's."""

    async def work(order: int) -> None:
        with notifier.context(order_id=order):
            await asyncio.sleep(0)
            with notifier.context(step="charge"):
                notifier.message(f"order {order}", context={"more": 1})
        notifier.message("outside")

    await asyncio.gather(work(1), work(2))
    told = {event["message"]: event["context"] for event in memory.events}
    assert told["order 1"] == {"order_id": 1, "step": "charge", "more": 1}
    assert told["order 2"]["order_id"] == 2
    assert told["outside"] == {}


def test_an_exception_carries_the_context_that_it_came_out_of(app: App) -> None:
    """The block has ended by the time a decorator or the middleware sees it; what was innermost counts."""

    @app.notifier.task
    def charge() -> None:
        with app.notifier.context(order_id=1, step="outer"), app.notifier.context(step="inner"):
            raise LookupError

    @app.app.get("/")
    def endpoint() -> None:
        with app.notifier.context(user=7):
            raise KeyError

    with pytest.raises(LookupError):
        charge()
    app.http.get("/")
    first, second = (event["context"] for event in app.memory.events)
    assert (first["order_id"], first["step"]) == (1, "inner")
    assert second["user"] == 7


def test_what_keeps_a_report_back_is_counted(memory: MemoryTransport) -> None:
    """Ignored by class or name, sampled away, held back by `before_send`, or lost to a defect in it."""

    def before_send(event: dict[str, Any]) -> dict[str, Any] | None:
        match event["message"]:
            case "none":
                return None
            case "raises":
                raise RuntimeError("a defect")
            case _:
                return event | {"labels": {"by": "before_send"}}

    notifier = Notifier("billing", transport=memory, ignore=[KeyError, "OSError"], before_send=before_send)
    assert notifier.report(KeyError()) is None
    assert notifier.report(FileNotFoundError()) is None
    for message in ("none", "raises", "goes"):
        notifier.message(message)
    Notifier("billing", transport=memory, sample_rate=0).report(ValueError())
    counts = notifier.counts()
    assert [event["labels"] for event in memory.events] == [{"by": "before_send"}]
    assert counts.dropped == {"ignored": 2, "before_send": 1, "before_send_failed": 1, "sampled": 1}
    assert counts.balanced
    with pytest.raises(ValueError, match="sample_rate"):
        Notifier(sample_rate=2)


def test_log_records(notifier: Notifier, memory: MemoryTransport) -> None:
    """From the level on; the template is the identity; arguments that do not fit are no second failure."""
    log = logging.getLogger("tests.log_records")
    log.propagate = False  # pytest's own handler wants arguments that fit
    handler = notifier.logging_handler(logging.WARNING)
    log.addHandler(handler)
    try:
        log.info("not this one")
        log.warning("disk %s is at %d %%", "/var", 91)
        log.critical("down")
        log.error("%d", "no number")
    finally:
        log.removeHandler(handler)
    first, second, third = memory.events
    assert (first["message"], first["severity"]) == ("disk /var is at 91 %", "warning")
    assert first["fingerprint"] == ["log", "billing", "tests.log_records", "disk %s is at %d %%"]
    assert second["severity"] == "critical"
    assert "fingerprint" not in second
    assert third["message"] == "%d"


def test_the_client_never_reports_itself() -> None:
    """A `before_send` that logs an error through the handler does not go round in circles."""
    log = logging.getLogger("tests.circle")

    def before_send(event: dict[str, Any]) -> dict[str, Any]:
        log.error("seen")
        return event

    memory = MemoryTransport()
    notifier = Notifier("billing", transport=memory, before_send=before_send)
    handler = notifier.logging_handler()
    log.addHandler(handler)
    notifier.message("once")
    log.removeHandler(handler)
    assert [event["message"] for event in memory.events] == ["once"]


async def test_what_no_coroutine_retrieved(notifier: Notifier, memory: MemoryTransport) -> None:
    """The loop's own handler still runs."""
    seen: list[Any] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, details: seen.append(details["message"]))
    notifier.install_asyncio_handler()
    loop.call_exception_handler({"message": "never retrieved", "exception": ValueError("x")})
    loop.set_exception_handler(None)
    assert seen == ["never retrieved"]
    assert memory.events[0]["exception"]["message"] == "x"


def test_what_ends_a_process_or_a_thread() -> None:
    """In a process of its own: the report, and the interpreter's usual traceback and status."""
    program = """
import threading
import time
from notifier.client import MemoryTransport, Notifier
class Shown(MemoryTransport):
    def event(self, event):
        super().event(event)
        print(self.events[-1]["exception"]["type"], self.events[-1]["context"]["ended"], flush=True)
Notifier("billing", transport=Shown()).install_excepthook()
def fails(): raise KeyError("in a thread")
thread = threading.Thread(target=fails, name="worker-1")
thread.start(); thread.join()
raise OSError("the end")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["KeyError the thread worker-1", "OSError the process"]
    assert done.returncode == 1
    assert "OSError: the end" in done.stderr


def test_without_an_address_it_is_a_silent_no_op(caplog: pytest.LogCaptureFixture) -> None:
    """The application runs as it would without; a wrong address is one warning."""
    notifier = Notifier("billing", transport=NullTransport())
    calls: list[int] = []
    assert notifier.task(retries=1)(calls.append)(1) is None
    assert notifier.report(ValueError()) is None
    assert notifier.flush()
    assert notifier.counts().captured == 0
    assert calls == [1]
    assert not caplog.records
    assert Notifier("billing", url="htp:/nowhere", key="ntf_x").options.url is None
    assert Notifier("billing", url="http://127.0.0.1", key="ntf_ x\u00e9").options.key is None
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]


def test_the_key_may_be_in_a_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As secrets are mounted: with a line end, or a mark at its beginning. One that cannot be read is one warning."""
    path = tmp_path / "key"
    path.write_text("\ufeffntf_secret\n", encoding="utf-8")
    common: dict[str, Any] = {
        "service": "s", "url": "http://h/", "key": None, "environment": None, "release": None, "host": None,
        "before_send": None, "ignore": (), "sample_rate": 1.0,
    }  # fmt: skip
    read = options.read({"NOTIFIER_KEY_FILE": str(path)}, **common)
    assert (read.key, read.url, read.environment) == ("ntf_secret", "http://h", "production")
    assert options.read({"NOTIFIER_KEY_FILE": str(tmp_path / "none")}, **common).key is None
    assert len(caplog.records) == 1


def test_an_exception_object_that_is_raised_again_much_later(
    notifier: Notifier, memory: MemoryTransport
) -> None:
    """A module's constant that is raised all day is one failure a minute, not one for ever."""
    constant = ValueError("always the same")
    notifier.report(constant)
    constant.__dict__["__notifier__"] = (constant.__dict__["__notifier__"][0], -1e9)
    notifier.report(constant)
    assert len(memory.events) == 2


def test_reports_from_many_threads_are_all_there(notifier: Notifier, memory: MemoryTransport) -> None:
    """Captured is what was captured."""

    def work() -> None:
        for _ in range(100):
            notifier.report(ValueError())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(memory.events) == 800
    assert len({event["id"] for event in memory.events}) == 800
    assert notifier.counts().captured == 800


def test_capture_reports_sees_every_notifier(notifier: Notifier) -> None:
    """What a test of an application asks: what would have been reported?"""
    with capture_reports() as reports:
        notifier.message("one")
        Notifier("shop").message("two")
    notifier.message("three")
    assert [report["message"] for report in reports] == ["one", "two"]


def test_what_was_logged_and_got_over_is_reported_a_second_later(
    notifier: Notifier, memory: MemoryTransport
) -> None:
    """Within a task nobody knows yet whether it is raised on; nobody raised it, and it was logged twice: one report."""
    log = logging.getLogger("tests.held")
    handler = notifier.logging_handler()
    log.addHandler(handler)

    @notifier.task
    def works() -> None:
        try:
            int("x")
        except ValueError:
            log.exception("first")
            log.exception("second")

    started = time.monotonic()
    works()
    assert not memory.events
    while not memory.events:
        assert time.monotonic() - started < 60
        time.sleep(0.01)
    log.removeHandler(handler)
    assert time.monotonic() - started >= 0.9
    assert [event["message"] for event in memory.events] == ["first"]


def test_a_storm_of_logged_exceptions_is_not_held_for_ever(
    notifier: Notifier, memory: MemoryTransport
) -> None:
    """A thousand wait at the most; what comes beyond is reported at once."""
    log = logging.getLogger("tests.held_storm")
    log.propagate = False
    handler = notifier.logging_handler()
    log.addHandler(handler)

    @notifier.task
    def works() -> None:
        for number in range(1_200):
            log.error("no", exc_info=ValueError(number))

    works()
    assert len(memory.events) >= 200  # more where the storm takes longer than they are held
    notifier.flush()
    log.removeHandler(handler)
    assert len(memory.events) == 1_200


def test_a_report_at_the_end_of_the_stack(notifier: Notifier, memory: MemoryTransport) -> None:
    """It never raises; where only one call more fits, it is made on another stack, with what is known here."""

    def depth() -> int:
        frame, found = sys._getframe(), 0
        while frame.f_back is not None:
            frame, found = frame.f_back, found + 1
        return found

    def with_room_for(frames: int, here: int) -> str | None:
        if here + frames + 2 < sys.getrecursionlimit():
            return with_room_for(frames, here + 1)
        return notifier.report(LookupError("deep"), labels={"room": frames})

    told: list[str | None] = []

    def work() -> None:
        with notifier.context(order_id=1):
            told.extend(with_room_for(frames, depth() + 1) for frames in range(60))

    # On a stack that nobody has begun to use.
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(told) == 60
    assert None not in told[3:]
    assert [event["labels"]["room"] for event in memory.events] == [str(n) for n in range(60) if told[n]]
    assert {event["context"]["order_id"] for event in memory.events} == {1}
    assert [event["id"] for event in memory.events] == [one for one in told if one]


def test_a_recursion_s_own_error_is_reported_where_it_is_caught(
    notifier: Notifier, memory: MemoryTransport
) -> None:
    """In the very frames that have no room left; once."""
    failed = []

    def down() -> None:
        try:
            down()
        except RecursionError:
            try:
                notifier.report()
            except RecursionError:
                failed.append(1)
            raise

    with pytest.raises(RecursionError):
        down()
    assert len(memory.events) == 1
    # The innermost frame cannot call anything at all.
    assert len(failed) <= 1
