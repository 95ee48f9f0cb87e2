"""The doors of OTLP/HTTP on a running service."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from tests.environments import run_program
from tests.ingest.formats.test_otlp import packed, record, request
from tests.processes import Service

PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = {
        "channels": {"console": {"type": "console"}},
        "route": {"channels": ["console"], "group_wait": "1h"},
        "ingest": {"max_body_bytes": "2MiB", "rate_limit": "20000/minute"},
    }
    with Service(tmp_path_factory.mktemp("otlp"), settings) as service:
        yield service


def post(service: Service, body: bytes, headers: dict[str, str], path: str = "/v1/logs") -> httpx.Response:
    with service.client() as client:
        return client.post(path, content=body, headers=headers)


def metric(service: Service, line: str) -> bool:
    with service.client() as client:
        return line in client.get("/metrics").text


def test_both_encodings_are_taken(service: Service) -> None:
    """And answered in their own; what is sent again, in the other one even, is a duplicate."""
    body = request(record(), record(severityNumber=9, attributes=[]))
    answer = post(
        service, json.dumps(body).encode(), {**JSON, "content-type": "application/json; charset=utf-8"}
    )
    assert (answer.status_code, answer.json()) == (200, {})
    answer = post(service, gzip.compress(packed(body)), {**PROTOBUF, "content-encoding": "gzip"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-protobuf")
    assert ExportLogsServiceResponse.FromString(answer.content) == ExportLogsServiceResponse()
    [incident] = service.items("/v1/incidents", q='service="billing"')
    assert (incident["title"], incident["count"]) == ("Declined: no such card", 1)
    assert incident["environment"] == "staging"
    assert metric(service, 'notifier_events_total{format="otlp",result="duplicate"} 1.0')
    assert metric(service, 'notifier_dropped_items_total{format="otlp",kind="log_record"} 2.0')


def test_a_refused_record_costs_no_other(service: Service) -> None:
    """The partial success says how many, and why."""
    large = record(timeUnixNano="5", attributes=[{"key": "x", "value": {"stringValue": "x" * 300_000}}])
    body = request(large, record(timeUnixNano="6"))
    answer = post(service, json.dumps(body).encode(), JSON).json()["partialSuccess"]
    assert (answer["rejectedLogRecords"], "max_event_bytes" in answer["errorMessage"]) == ("1", True)
    answer = post(service, packed(body), PROTOBUF)
    partial = ExportLogsServiceResponse.FromString(answer.content).partial_success
    assert (partial.rejected_log_records, "max_event_bytes" in partial.error_message) == (1, True)


def test_more_than_a_commits_worth_is_taken(service: Service) -> None:
    """As several."""
    records = [
        {"timeUnixNano": str(n), "severityNumber": 17, "body": {"stringValue": "full"}}
        for n in range(1_000, 3_500)
    ]
    assert (
        post(service, json.dumps(request(*records, resource={"service.name": "big"})).encode(), JSON).json()
        == {}
    )
    [incident] = service.items("/v1/incidents", q='service="big"')
    assert incident["count"] == 2_500


@pytest.mark.parametrize("signal", ["traces", "metrics"])
def test_other_signals_are_answered_and_named_once(service: Service, signal: str) -> None:
    """An exporter that sends everything has no error."""
    for _ in range(2):
        answer = post(service, b"\x0a\x00", PROTOBUF, f"/v1/{signal}")
        assert (answer.status_code, answer.content) == (200, b"")
    assert post(service, b"{}", JSON, f"/v1/{signal}").json() == {}
    assert service.log.count(f'"signal": "{signal}"') == 1 or service.log.count(signal) == 1


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", JSON, 400),
        (b"{", JSON, 400),
        (packed(request(record())), JSON, 400),
        (json.dumps(request(record())).encode(), PROTOBUF, 400),
        (b"x", {"content-type": "text/plain"}, 415),
        (b"x", {}, 415),
        (b"\x1f\x8b\x08\x00", {**PROTOBUF, "content-encoding": "gzip"}, 400),
        (b" " * 3_000_000, JSON, 413),
    ],
)
def test_what_cannot_be_read_is_refused_for_good(
    service: Service, body: bytes, headers: dict[str, str], status: int
) -> None:
    """With a code and a sentence, and not to be sent again."""
    answer = post(service, body, headers)
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"code", "message"}
    assert httpx.post(f"{service.url}/v1/logs", content=body, headers=headers).status_code == 401


@pytest.mark.slow
def test_its_own_sdk_is_served(service: Service) -> None:
    """opentelemetry-sdk with its exporter, unmodified: a failing task's log with its exception."""
    program = """
        import logging, sys
        from opentelemetry.exporter.otlp.proto.http import Compression
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
        from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
        from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
        from opentelemetry.sdk.resources import Resource
        exporter = OTLPLogExporter(endpoint=sys.argv[2] + "/v1/logs", compression=Compression.Gzip,
                                   headers={"authorization": "Bearer " + sys.argv[1]})
        provider = LoggerProvider(resource=Resource.create({"service.name": "sdk", "service.version": "2"}))
        provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
        log = logging.getLogger("shop")
        log.addHandler(LoggingHandler(logger_provider=provider))
        try:
            {}["sku"]
        except KeyError:
            log.exception("could not look up %s", "sku")
        log.warning("not told")
        provider.shutdown()
    """
    packages = ["opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http"]
    run_program(program, str(service.key), service.url, packages=packages)
    [incident] = service.items("/v1/incidents", q='service="sdk"')
    event: dict[str, Any] = incident["latest_event"]
    assert (incident["title"], incident["labels"]["exception"]) == ("KeyError: 'sku'", "KeyError")
    assert event["message"] == "could not look up sku"
    assert event["exception"]["frames"][-1]["line"]


@pytest.mark.slow
def test_fastapis_own_telemetry_is_served(service: Service) -> None:
    """A background task that fails, in an application that knows nothing of notifier: two tasks, two incidents."""
    program = """
        import os, sys
        os.environ |= {
            "FASTAPI_OTEL_AUTO_CONFIGURE": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": sys.argv[2],
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20" + sys.argv[1], "OTEL_SERVICE_NAME": "tasks",
        }
        from fastapi import BackgroundTasks, FastAPI
        from fastapi.testclient import TestClient
        app = FastAPI()

        def charge():
            raise ValueError("no such card")

        def refund():
            raise LookupError("no such order")

        @app.get("/{task}")
        async def start(task: str, tasks: BackgroundTasks):
            tasks.add_task({"charge": charge, "refund": refund}[task])
            return {}

        with TestClient(app, raise_server_exceptions=False) as client:
            client.get("/charge")
            client.get("/refund")
    """
    packages = ["fastapi>=0.142", "httpx2", "opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http"]
    said = run_program(program, str(service.key), service.url, packages=packages)
    found = service.items("/v1/incidents", q='service="tasks"')
    assert sorted(one["title"] for one in found) == [
        "LookupError: no such order",
        "ValueError: no such card",
    ], said
    for one in found:
        assert one["count"] == 1
        assert one["latest_event"]["exception"]["frames"][-1]["function"] in {"charge", "refund"}
