"""Whether a stream comes through, by servers that pass it on, gather it, or have none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from notifier.cli.doctor import stream

KEY = "ntf_" + "k" * 40


@contextmanager
def proxy(how: str) -> Iterator[str]:
    """A server as a proxy looks from outside; the stream itself never ends."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            if how == "gathers":
                over.wait()
                return
            asked = (self.path, self.headers["authorization"], self.headers["accept"])
            found = asked == ("/live", f"Bearer {KEY}", "text/event-stream") and how != "refuses"
            self.send_response(200 if found else 404)
            self.end_headers()
            if how == "passes":
                self.wfile.write(b"retry: 3000\n\n")
                over.wait()

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            over.set()
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("how", "level", "words"),
    [
        ("passes", "ok", "as it is said"),
        ("gathers", "warning", "a proxy gathers it"),
        ("refuses", "warning", "answered with 404"),
        ("ends", "warning", "ends at once"),
    ],
)
def test_a_stream_that_does_not_come_through_is_said(how: str, level: str, words: str) -> None:
    with proxy(how) as url:
        found = stream(url, KEY, within_s=30 if how in {"passes", "refuses", "ends"} else 0.3)
    assert (found["level"], words in found["text"]) == (level, True), found
    assert KEY not in str(found)
