"""Clients that connect and say nothing, or never end: others are served, and each is given up in time."""

from __future__ import annotations

import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

from tests.processes import START_WITHIN_S, Service

OPEN_FILES = 256
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: notifier\r\n\r\n"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("service"), {}) as running:
        yield running


@pytest.fixture
def connection(service: Service) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", service.port)) as opened:
        opened.settimeout(20)
        yield opened


def received(connection: socket.socket) -> bytes:
    """All that comes until the service ends the connection."""
    found = b""
    with suppress(ConnectionResetError):
        while piece := connection.recv(65_536):
            found += piece
    return found


def answered(connection: socket.socket) -> bytes:
    """One small answer, on a connection that stays."""
    found = b""
    while b"\r\n\r\n" not in found or not found.endswith(b"}"):
        piece = connection.recv(65_536)
        assert piece, found
        found += piece
    return found


def flood_forever(connection: socket.socket, piece: bytes) -> None:
    while True:
        connection.sendall(piece)


def flood(connection: socket.socket, piece: bytes, most: int) -> int:
    """Send `piece` again and again until the service ends the connection, or `most` bytes have gone."""
    sent = 0
    with suppress(ConnectionError):
        while sent < most:
            connection.sendall(piece)
            sent += len(piece)
    return sent


SILENT = {
    "nothing at all": b"",
    "empty lines": b"\r\n\r\n",
    "one byte": b"G",
    "half a head": b"GET /healthz HTTP/1.1\r\nHost: notifier\r\n",
    "half a second head": REQUEST + b"GET /he",
    "a body that nobody wants": b"POST /v1/events HTTP/1.1\r\nHost: notifier\r\nContent-Length: 99999\r\n\r\n{",
}


def test_who_does_not_end_its_head_is_given_up(service: Service) -> None:
    """Ten seconds from the connection to the end of the head; so for a further request, and for a refused body."""
    with ExitStack() as opened, ThreadPoolExecutor(len(SILENT) + 1) as pool:
        started = time.monotonic()
        connections = {}
        for name, beginning in SILENT.items():
            connections[name] = opened.enter_context(socket.create_connection(("127.0.0.1", service.port)))
            connections[name].settimeout(40)
            connections[name].sendall(beginning)
        ends = {name: pool.submit(ended, connection) for name, connection in connections.items()}
        trickled = pool.submit(trickle, service)
        assert {name for name, end in ends.items() if not 9 < end.result() - started < 30} == set()
        assert trickled.result().startswith(b"HTTP/1.1 408")
        assert b"application/problem+json" in trickled.result()
        assert 9 < time.monotonic() - started < 30


def ended(connection: socket.socket) -> float:
    """When the service ended it."""
    received(connection)
    return time.monotonic()


def trickle(service: Service) -> bytes:
    """The answer to a head whose every line comes soon after the one before, without end."""
    found = b""
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: notifier\r\n")
        connection.settimeout(0.5)
        while True:
            try:
                piece = connection.recv(65_536)
            except TimeoutError:
                with suppress(ConnectionError):
                    connection.sendall(b"a: b\r\n")
                continue
            except ConnectionResetError:  # Ended by the service while a line was on its way.
                return found
            if not piece:
                return found
            found += piece


def test_a_connection_that_rests_between_requests_stays(connection: socket.socket) -> None:
    """The deadline is for heads that have begun: a kept connection may rest longer."""
    connection.sendall(REQUEST)
    answered(connection)
    time.sleep(11.5)
    connection.sendall(REQUEST)
    assert answered(connection).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("beginning", "piece"),
    [
        (b"GET /healthz HTTP/1.1\r\nHost: notifier\r\nX-Long: ", b"a" * 65_536),
        (b"GET /healthz HTTP/1.1\r\nHost: notifier\r\n", b"a: b\r\n" * 1_000),
        (b"GET /healthz?", b"a" * 4_096),
        (b"G", b"\r\n" * 5_000),
        (b"", b"\r\n" * 5_000),
        (REQUEST, b"\r\n" * 5_000),
        (b"", b"\x16\x03\x01" * 10_000),
    ],
)
def test_a_head_without_end_is_refused(service: Service, beginning: bytes, piece: bytes) -> None:
    """Over 64 KB it is 431, however it is cut; what is no HTTP at all is 400; neither is kept."""
    before = memory(service)
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.sendall(beginning)
        flood(connection, piece, 40_000_000)
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(20)
        found = received(connection)
    assert b"HTTP/1.1 431" in found or b"HTTP/1.1 400" in found
    assert b"application/problem+json" in found
    assert memory(service) - before < 10_000_000


@pytest.mark.parametrize("size", [60_000, 65_000, 66_000, 300_000])
def test_a_whole_head_is_measured_exactly(connection: socket.socket, size: int) -> None:
    """Up to 64 KB a head is served, in one piece or in several."""
    head = b"GET /healthz HTTP/1.1\r\nHost: notifier\r\nX-Long: "
    connection.sendall(head + b"a" * (size - len(head) - 4) + b"\r\n\r\n")
    expected = b"200" if size <= 65_536 else b"431"
    assert connection.recv(65_536).startswith(b"HTTP/1.1 " + expected)


@pytest.mark.parametrize("piece", [b"a: " + b"b" * 4_000 + b"\r\n", b"a" * 4_000])
def test_trailers_without_end_are_refused(service: Service, connection: socket.socket, piece: bytes) -> None:
    """What follows a chunked body has the bound of a head."""
    connection.sendall(
        b"POST /v1/events HTTP/1.1\r\nHost: notifier\r\nTransfer-Encoding: chunked\r\n"
        b"Authorization: Bearer " + (service.key or "").encode() + b"\r\n\r\n1\r\n{\r\n0\r\n"
    )
    flood(connection, piece, 10_000_000)
    assert b"HTTP/1.1 431" in received(connection)


def test_small_chunks_are_no_head(service: Service, connection: socket.socket) -> None:
    """A body in chunks of one byte, with more framing than content, is taken."""
    body = b'{"service": "billing", "message": "' + b"m" * 30_000 + b'"}'
    connection.sendall(
        b"POST /v1/events HTTP/1.1\r\nHost: notifier\r\nTransfer-Encoding: chunked\r\n"
        b"Authorization: Bearer " + (service.key or "").encode() + b"\r\n\r\n"
    )
    connection.sendall(b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\nA-Trailer: x\r\n\r\n")
    assert answered(connection).startswith(b"HTTP/1.1 202")


def test_requests_in_one_write_are_all_answered(connection: socket.socket) -> None:
    """Pipelining works up to a number that no client reaches; then the connection ends after the answers owed."""
    connection.sendall(REQUEST * 50)
    found = b""
    while found.count(b"HTTP/1.1 200") < 50 or not found.endswith(b"}"):
        found += connection.recv(65_536)
    flood(connection, REQUEST * 1_000, 4_000_000)
    assert received(connection).count(b"HTTP/1.1 200") < 1_000


def test_who_has_sent_all_is_answered(service: Service, connection: socket.socket) -> None:
    """`nc -N` ends its side with the request: the answers that are owed still come, and then the connection ends."""
    body = b'{"service": "billing", "message": "it broke"}'
    head = f"POST /v1/events HTTP/1.1\r\nHost: notifier\r\nAuthorization: Bearer {service.key}\r\n".encode()
    connection.sendall(REQUEST + head + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    connection.shutdown(socket.SHUT_WR)
    found = received(connection)
    assert found.startswith(b"HTTP/1.1 200")
    assert b"HTTP/1.1 202" in found


def test_who_does_not_read_costs_nobody_else(service: Service) -> None:
    """Whoever asks without end and takes no answer is read no further; others are served."""
    before = memory(service)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.connect(("127.0.0.1", service.port))
        connection.settimeout(0.5)
        with pytest.raises((TimeoutError, ConnectionError)):
            flood_forever(connection, b"GET /openapi.json HTTP/1.1\r\nHost: notifier\r\n\r\n" * 100)
        assert httpx.get(f"{service.url}/healthz").status_code == 200
    assert memory(service) - before < 10_000_000


def memory(service: Service) -> int:
    assert service.process is not None
    pages = Path(f"/proc/{service.process.pid}/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize()


def test_silent_connections_shut_nobody_out(tmp_path: Path) -> None:
    """More of them than there are descriptors: the oldest make room for who has a request, and the log says so."""
    service = Service(tmp_path, {})
    limited = [sys.executable, "-c", LIMITED, str(OPEN_FILES), "serve", "--config", str(service.config)]
    with (tmp_path / "log").open("wb") as log, ExitStack() as silent:
        process = subprocess.Popen(limited, stdout=log, stderr=log, cwd=tmp_path)
        silent.callback(process.wait, 30)
        silent.callback(process.terminate)
        wait_until_ready(service.url)
        kept = silent.enter_context(socket.create_connection(("127.0.0.1", service.port)))
        for _ in range(2 * OPEN_FILES):
            silent.enter_context(socket.create_connection(("127.0.0.1", service.port)))
        started = time.monotonic()
        for _ in range(20):
            assert httpx.get(f"{service.url}/readyz").status_code == 200
        assert time.monotonic() - started < 30
        kept.settimeout(30)
        assert received(kept) == b""
        text = (tmp_path / "log").read_text()
    assert text.count("connections_at_the_cap") == 1
    assert "Too many open files" not in text


LIMITED = """
import resource, sys
most = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_NOFILE, (most // 2, most))
from notifier.cli import main
sys.exit(main())
"""


def wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}/readyz").status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError("not ready")
