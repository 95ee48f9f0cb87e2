"""CloudEvents at `POST /v1/events` of a running service."""

from __future__ import annotations

import json
import shutil
import subprocess
import textwrap
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.processes import Service

CLOUD: dict[str, Any] = {
    "specversion": "1.0",
    "id": "a-1",
    "source": "/shop",
    "type": "order.failed",
    "data": {"message": "could not charge"},
}
STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = {
        "channels": {"console": {"type": "console"}},
        "route": {"channels": ["console"], "group_wait": "1h"},
    }
    with Service(tmp_path_factory.mktemp("cloudevents"), settings) as service:
        yield service


def post(service: Service, body: Any, headers: dict[str, str]) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    with service.client() as client:
        return client.post("/v1/events", content=content, headers=headers)


def test_each_mode_is_answered_as_a_native_event(service: Service) -> None:
    """One as one, a batch as several; source and id make a repeat a duplicate, however it is carried."""
    answer = post(service, CLOUD, STRUCTURED)
    assert (answer.status_code, answer.json()["status"], answer.json()["id"]) == (
        202,
        "accepted",
        "/shop#a-1",
    )
    assert answer.headers["x-request-id"]
    attributes = {f"ce-{name}": CLOUD[name] for name in ("specversion", "id", "source", "type")}
    answer = post(service, CLOUD["data"], {**attributes, "content-type": "application/json"})
    assert (answer.status_code, answer.json()["status"]) == (202, "duplicate")
    answer = post(service, [CLOUD, {**CLOUD, "id": "a-2"}, {**CLOUD, "type": ""}], BATCH)
    assert answer.status_code == 202
    assert [result["status"] for result in answer.json()["results"]] == ["duplicate", "accepted", "rejected"]
    [incident] = service.items("/v1/incidents", q='service="/shop"')
    assert (incident["count"], incident["title"]) == (2, "could not charge")
    with service.client() as client:
        assert (
            'notifier_events_total{format="cloudevents",result="accepted"} 2.0' in client.get("/metrics").text
        )


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", STRUCTURED, 422),
        (b"{", STRUCTURED, 422),
        ({**CLOUD, "id": None}, STRUCTURED, 422),
        ([], BATCH, 422),
        ([{}], BATCH, 422),
        ([CLOUD] * 1_001, BATCH, 413),
        (b"x", {"content-type": "application/cloudevents+avro"}, 415),
    ],
)
def test_what_cannot_be_taken_is_refused(
    service: Service, body: Any, headers: dict[str, str], status: int
) -> None:
    """In a sentence, and without a key not at all."""
    answer = post(service, body, headers)
    assert answer.status_code == status, answer.text
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert httpx.post(f"{service.url}/v1/events", content=content, headers=headers).status_code == 401


@pytest.mark.slow
def test_its_own_library_is_served(service: Service) -> None:
    """The package `cloudevents`, unmodified, structured and binary."""
    program = """
        import sys
        import httpx
        from cloudevents.http import CloudEvent, to_binary, to_structured
        for number, encode in enumerate((to_structured, to_binary)):
            event = CloudEvent({"type": "t", "source": "https://lib.example.com"}, {"message": f"broken {number}"})
            headers, body = encode(event)
            headers["authorization"] = f"Bearer {sys.argv[1]}"
            answer = httpx.post(f"{sys.argv[2]}/v1/events", headers=headers, content=body)
            assert answer.status_code == 202, answer.text
            assert answer.json()["status"] == "accepted"
    """
    uv = shutil.which("uv")
    assert uv is not None
    packages = ["--with", "cloudevents<2", "--with", "httpx"]
    command = [
        uv,
        "run",
        "-q",
        "--no-project",
        "--isolated",
        *packages,
        "python",
        "-c",
        textwrap.dedent(program),
    ]
    done = subprocess.run(
        [*command, str(service.key), service.url], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    titles = {one["title"] for one in service.items("/v1/incidents")}
    assert {"broken 0", "broken 1"} <= titles or any(title.startswith("broken") for title in titles)
