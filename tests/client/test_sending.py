"""What could go wrong between a report and the service: wrong addresses and keys, strangers, odd reports, the end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from notifier.client import Notifier
from notifier.client.dispatch import HttpTransport
from tests.client.receiver import OK, Receiver, Reply

KEY = "ntf_" + "0" * 40
PAUSES = (0.05, 0.1)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as one:
        yield one


def make(url: str, spool: Path, *, key: str = KEY, **options: Any) -> Notifier:
    transport = HttpTransport(url, key, spool=spool, pauses=PAUSES)
    return Notifier("billing", transport=transport, send_in_tests=True, **options)


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
    assert notifier.flush(5)
    assert receiver.requests[0][2]["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("key", ["ntf_\u2026secret", "ntf_a\nsecret", "ntf_a\x00secret", "  "])
def test_a_key_that_cannot_be_one_is_never_shown(
    receiver: Receiver, tmp_path: Path, caplog: pytest.LogCaptureFixture, key: str
) -> None:
    """One warning that it is refused; it is not sent, and it is not in the log."""
    notifier = make(receiver.url, tmp_path, key=key)
    notifier.message("x")
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
    assert notifier.flush(5)
    assert [event["message"] for event in receiver.events] == ["even"]
    assert notifier.counts().dropped == {"too_large": 1}
