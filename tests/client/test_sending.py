"""What could go wrong between a report and the service: wrong addresses and keys, strangers, odd reports, the end."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextvars import copy_context
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from notifier.client import Notifier
from notifier.client.dispatch import HttpTransport
from tests.client.receiver import OK, Receiver, Reply

KEY = "ntf_" + "0" * 40
ROOT = Path(__file__).parents[2]
PAUSES = (0.05, 0.1)


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


def make(url: str, spool: Path, *, key: str = KEY, **options: Any) -> Notifier:
    transport = HttpTransport(url, key, spool=spool, pauses=PAUSES)
    opened.append(Notifier("billing", transport=transport, send_in_tests=True, **options))
    return opened[-1]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


class Page(BaseHTTPRequestHandler):
    """Somebody's web server, which answers everything with its front page."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "20")
        self.end_headers()
        self.wfile.write(b"<html>welcome</html>")

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def page() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_stranger_that_says_yes_has_taken_nothing(
    page: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong address that answers 200: one warning, and the report waits for a notifier."""
    notifier = make(page, tmp_path)
    notifier.message("x")
    assert not notifier.flush(1)
    counts = notifier.counts()
    assert (counts.sent, counts.spooled) == (0, 1)
    (warning,) = warnings(caplog)
    assert "NOTIFIER_URL" in warning


@pytest.mark.parametrize(
    "url",
    ["http://[::1", "http://host:port", "http://127.0.0.1:99999999", "http://exa mple", "http://\ud800"],
)
def test_no_address_keeps_an_application_from_starting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, url: str
) -> None:
    """What no client can dial is one warning, not an exception where the application is made."""
    notifier = make(url, tmp_path)
    notifier.message("x")
    assert not notifier.flush(0.3)
    assert notifier.counts().spooled == 1
    assert len(warnings(caplog)) == 1


def test_the_line_break_of_a_key_s_file_is_no_part_of_it(receiver: Receiver, tmp_path: Path) -> None:
    """`NOTIFIER_KEY=$(cat file)` and its cousins work."""
    notifier = make(receiver.url, tmp_path, key=f" {KEY}\n")
    notifier.message("x")
    assert notifier.flush(60)
    assert receiver.requests[0][2]["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("key", ["ntf_\u2026secret", "ntf_a\nsecret", "ntf_a\x00secret", "  "])
def test_a_key_that_cannot_be_one_is_never_shown(
    receiver: Receiver, tmp_path: Path, caplog: pytest.LogCaptureFixture, key: str
) -> None:
    """One warning that it is refused; it is not sent, and it is not in the log."""
    notifier = make(receiver.url, tmp_path, key=key)
    notifier.message("x")
    receiver.wait(lambda: warnings(caplog), 60)
    assert not notifier.flush(1)
    (warning,) = warnings(caplog)
    assert "NOTIFIER_KEY" in warning
    assert "secret" not in warning
    assert not receiver.requests


def test_a_report_that_before_send_made_into_something_else_stops_no_other(
    receiver: Receiver, tmp_path: Path
) -> None:
    """Too large, and no object that could be cut: it alone is dropped."""
    receiver.script = lambda path, document: Reply(413) if len(str(document)) > 20_000 else OK
    notifier = make(
        receiver.url, tmp_path, before_send=lambda event: ["x" * 30_000] if event["message"] == "odd" else event
    )  # fmt: skip
    notifier.message("odd")
    notifier.message("even")
    assert notifier.flush(60)
    assert [event["message"] for event in receiver.events] == ["even"]
    assert notifier.counts().dropped == {"too_large": 1}


def test_flush_takes_no_longer_than_it_was_given(receiver: Receiver, tmp_path: Path) -> None:
    """Also where the application's own `before_send` is what takes long; `counts` still balances meanwhile."""
    go_on = threading.Event()

    def slow(event: dict[str, Any]) -> dict[str, Any]:
        go_on.wait(60)
        return event

    notifier = make(receiver.url, tmp_path, before_send=slow)
    notifier.message("x")
    started = time.monotonic()
    assert not notifier.flush(0.3)
    assert time.monotonic() - started < 10
    assert notifier.counts().balanced
    go_on.set()
    assert notifier.flush(60)
    assert notifier.counts().sent == 1


def test_flush_gives_up_where_nothing_will_be_tried_in_its_time(receiver: Receiver, tmp_path: Path) -> None:
    """An application that ends while nobody listens does not wait for the sake of waiting."""
    receiver.stop()
    transport = HttpTransport(receiver.url, KEY, spool=tmp_path, pauses=(30.0,))
    opened.append(Notifier("billing", transport=transport, send_in_tests=True))
    opened[-1].message("x")
    started = time.monotonic()
    assert not opened[-1].flush(20)
    assert time.monotonic() - started < 15


def test_flush_does_not_override_what_the_service_asks_for(receiver: Receiver, tmp_path: Path) -> None:
    """An application that flushes after each request is still polite."""
    receiver.script = lambda _path, _document: Reply(429, headers={"retry-after": "60"})
    notifier = make(receiver.url, tmp_path)
    notifier.message("x")
    for _ in range(5):
        assert not notifier.flush(0.2)
    assert len(receiver.requests) == 1


def test_before_send_may_use_the_notifier_and_even_exit(receiver: Receiver, tmp_path: Path) -> None:
    """It deadlocks nothing, and `sys.exit` in it costs its own report alone."""

    def strange(event: dict[str, Any]) -> dict[str, Any]:
        notifier.counts()
        notifier.flush(0.01)
        if event["message"] == "exit":
            sys.exit(3)
        return event

    notifier = make(receiver.url, tmp_path, before_send=strange)
    for message in ("a", "exit", "b"):
        notifier.message(message)
    assert notifier.flush(60)
    assert [event["message"] for event in receiver.events] == ["a", "b"]
    assert sum(notifier.counts().dropped.values()) == 1
    assert notifier.counts().balanced


def test_after_close_nothing_more_is_sent(receiver: Receiver, tmp_path: Path) -> None:
    """The last sign of life is the goodbye; a report that comes later is counted."""
    notifier = make(receiver.url, tmp_path)
    notifier.transport.beat()
    notifier.message("before")
    receiver.wait(lambda: receiver.beats)
    notifier.close()
    notifier.message("after")
    time.sleep(1.3)  # the receiver asks for a beat each second
    assert receiver.requests[-1][1].get("ended") is True
    assert [event["message"] for event in receiver.events] == ["before"]
    assert notifier.counts().dropped == {"closed": 1}
    assert notifier.counts().balanced


def test_runs_leave_in_their_order(receiver: Receiver, tmp_path: Path) -> None:
    """What began first is told first."""
    notifier = make(receiver.url, tmp_path)
    runs = [notifier.track(f"task {n}") for n in range(20)]
    for run in runs:
        copy_context().run(run.processing)
    assert notifier.flush(60)
    told = list(dict.fromkeys(run["task"] for run in receiver.runs))
    assert told == [f"task {n}" for n in range(20)]
    assert [path for path, _, _ in receiver.requests].count("/v1/task-runs") < 20


EXITS = {
    "a slow before_send": "before_send=lambda event: (time.sleep(60), event)[1]",
    "a service that answers a byte at a time": "",
}


@pytest.mark.parametrize("why", EXITS)
def test_a_process_ends_in_time(tmp_path: Path, why: str) -> None:
    """Whoever it is that takes for ever, the application ends; the report is in the spool, or counted by its heir."""
    program = f"""
import time
from notifier.client import Notifier
notifier = Notifier("billing", {EXITS[why]})
notifier.transport.beat()
notifier.message("x")
time.sleep(0.3)
print("done", flush=True)
"""
    with Dripping() as url:
        service = {"NOTIFIER_URL": url, "NOTIFIER_KEY": KEY, "NOTIFIER_SPOOL": str(tmp_path)}
        environ = {**os.environ, **service, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", program]
        with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "done\n"
            started = time.monotonic()
            try:
                assert process.wait(40) == 0
            finally:
                process.kill()
            assert time.monotonic() - started < 20
    with Receiver() as receiver:
        heir = make(receiver.url, tmp_path)
        heir.transport.beat()
        receiver.wait(lambda: heir.counts().captured == 1 and not heir.counts().spooled)
        assert heir.counts().sent + heir.counts().dropped.get("killed", 0) == 1


class Dripping:
    """Answers every request, and never to the end: each read gives a byte in time."""

    def __enter__(self) -> str:
        self._stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._drip, args=(connection,), daemon=True).start()

    def _drip(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nx: ")
            while not self._stop.wait(0.2):
                connection.sendall(b"y")


def test_the_client_s_requests_are_in_no_log(
    receiver: Receiver, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """At any level; the application's own requests by the same library are."""
    caplog.set_level(logging.DEBUG)
    notifier = make(receiver.url, tmp_path)
    notifier.message("hello")
    receiver.wait(lambda: receiver.events)
    notifier.close()
    about = [record for record in caplog.records if record.name.startswith(("httpx", "httpcore"))]
    assert not about
    with httpx.Client() as http:
        http.get(f"{receiver.url}/of-the-application")
    assert [record.name for record in caplog.records if record.name == "httpx"] == ["httpx"]
