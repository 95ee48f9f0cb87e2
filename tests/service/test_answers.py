"""Every answer, whatever part of the service gives it: HEAD, the headers that guard it, and the host."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from statistics import median

import httpx
import pytest

from tests.processes import Service

ANSWERS = [
    ("/healthz", 200),
    ("/readyz", 200),
    ("/metrics", 200),
    ("/openapi.json", 200),
    ("/v1/incidents", 200),
    ("/v1/incidents?limit=0", 422),
    ("/v1/incidents/unknown", 404),
    ("/v1/stats", 200),
    ("/v1/channels", 200),
    ("/v1/events", 405),
    ("/v1/backup", 405),
    ("/v1/nothing", 404),
    ("/nothing", 404),
    ("/actions/unknown", 404),
    ("/incidents/1/nothing", 404),
    ("/static/nothing", 404),
]
VARYING = {"x-request-id"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("service"), {}) as running:
        assert running.post({"service": "billing", "message": "it broke"}).status_code == 202
        yield running


def head(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in VARYING}


@pytest.mark.parametrize(("path", "status"), ANSWERS)
def test_head_answers_as_get_does(service: Service, path: str, status: int) -> None:
    """The same status and headers, its length included, and no body; on a connection that goes on."""
    with service.client() as client:
        got = client.get(path)
        asked = client.head(path)
        again = client.get(path)
    assert (got.status_code, asked.status_code, again.status_code) == (status, status, status)
    assert asked.content == b""
    assert int(asked.headers["content-length"]) > 0
    if path != "/metrics":  # which counts on
        assert head(asked) == head(got)
    if "allow" in got.headers and "GET" in got.headers["allow"]:
        assert "HEAD" in got.headers["allow"]


@pytest.mark.parametrize("key", ["none", "ntf_" + "x" * 32])
def test_head_without_a_key_is_refused(service: Service, key: str) -> None:
    """As GET is."""
    answer = httpx.head(f"{service.url}/v1/incidents", headers={"authorization": f"Bearer {key}"})
    assert answer.status_code == 401
    assert answer.content == b""


@pytest.mark.parametrize(("path", "status"), ANSWERS)
def test_no_answer_is_kept_or_read_as_something_else(service: Service, path: str, status: int) -> None:
    """`nosniff` and `no-store`, once each."""
    with service.client() as client:
        check_guards(client.get(path), status)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/events", b'{"service": "billing", "message": "it broke"}', 202),
        ("/v1/events", b"{", 422),
        ("/v1/silences", b"{}", 422),
        ("/v1/backup", b"", 200),
        ("/actions/unknown", b"", 404),
    ],
)
def test_no_answer_to_a_post_is_kept(service: Service, path: str, body: bytes, status: int) -> None:
    """Ingest, which goes past the rest of the API, included."""
    with service.client() as client:
        check_guards(client.post(path, content=body), status)
    assert httpx.post(f"{service.url}/v1/events").headers["cache-control"] == "no-store"


def check_guards(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
    assert answer.headers.get_list("cache-control") == ["no-store"]


@pytest.mark.parametrize("path", ["/healthz", "/v1/events", "/v1/nothing", "/actions/x", "/incidents/1"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_http_1_1_names_one_host(service: Service, method: str, path: str) -> None:
    """None, or two of them, is 400; HTTP/1.0 may name none."""
    for hosts in ("", "Host: a\r\nHost: b\r\n"):
        answer = raw(service, f"{method} {path} HTTP/1.1\r\n{hosts}Content-Length: 0\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 400")
        assert b"application/problem+json" in answer
        assert b"x-content-type-options: nosniff" in answer
    assert not raw(service, f"{method} {path} HTTP/1.0\r\nContent-Length: 0\r\n\r\n").startswith(
        b"HTTP/1.1 400"
    )


def raw(service: Service, request: str) -> bytes:
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.settimeout(30)
        connection.sendall(request.encode())
        return connection.recv(65_536)


def test_the_description_is_rendered_once(service: Service) -> None:
    """A stranger who asks for it again and again costs no more than any other answer."""

    def seconds(path: str) -> float:
        with httpx.Client(base_url=service.url) as client:
            client.get(path)
            return median(client.get(path).elapsed.total_seconds() for _ in range(100))

    document = httpx.get(f"{service.url}/openapi.json").json()
    assert "/v1/events" in document["paths"]
    # It is long, and so are its bytes on their way; to render it takes a hundred times as long.
    assert seconds("/openapi.json") < 25 * seconds("/healthz")


def test_an_address_that_is_mistyped_in_a_browser_gets_a_page(service: Service) -> None:
    """Programs get a problem as ever, and what is the API's stays its own."""
    browser = {"accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}

    def kind(path: str, headers: dict[str, str]) -> tuple[int, str]:
        answer = httpx.get(f"{service.url}{path}", headers=headers)
        return answer.status_code, answer.headers["content-type"].partition(";")[0]

    assert kind("/incident/5", browser) == (404, "text/html")
    assert kind("/incident/5", {}) == (404, "application/problem+json")
    assert kind("/v1/incidents", browser) == (401, "application/problem+json")
    assert kind("/healthz", browser)[0] == 200


@pytest.mark.parametrize(
    "path", ["/v1/events", "/v1/silences", "/v1/task-runs", "/v1/backup", "/actions/x", "/v1/slack/actions"]
)
@pytest.mark.parametrize("reset", [False, True])
def test_a_client_that_leaves_is_no_failure(service: Service, path: str, reset: bool) -> None:
    """In the middle of its body or of the answer: nothing of it is an error in the log."""
    for body in (b"{", b"{}"):
        with socket.create_connection(("127.0.0.1", service.port)) as connection:
            connection.sendall(
                f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {service.key}\r\n"
                "Content-Length: 2\r\n\r\n".encode()
                + body
            )
            time.sleep(0.05)
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert httpx.get(f"{service.url}/healthz").status_code == 200
    assert "Traceback" not in service.log
    assert '"error"' not in service.log
