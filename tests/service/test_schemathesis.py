"""The OpenAPI document is true: whatever it allows or forbids, the service answers as it says, and never with a 500."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest import SkipTest

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from notifier.testing import WebhookReceiver
from tests.examples import examples
from tests.processes import Service

EXAMPLES = examples(2, 25)
# Their bodies are whatever a sender's signature fits: none is wrong to the document, and the search for one is long.
FREE = {"POST /v1/slack/actions", "POST /v1/interactions/{channel}"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with WebhookReceiver() as hook:
        settings_ = {
            "channels": {"hook": {"type": "webhook", "url": hook.url}},
            "route": {"channels": ["hook"], "group_wait": "0s"},
            "delivery": {"allow_private_addresses": True},
        }
        with Service(tmp_path_factory.mktemp("schemathesis"), settings_) as running:
            for number in range(5):
                running.post({"service": "billing", "message": f"it broke {number}"})
            yield running


CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
BOUNDED = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def operations(service: Service, *, of_senders: bool) -> list[Any]:
    schema = schemathesis.openapi.from_url(f"{service.url}/openapi.json")
    found = list(schema.get_all_operations())
    assert all(isinstance(one, Ok) for one in found)
    known = [one.ok() for one in found if isinstance(one, Ok)]
    return [one for one in known if ("senders" in (one.tags or ())) is of_senders]


def explore(operation: Any, mode: GenerationMode, key: str | None) -> None:
    """Call it with what the document allows, or with what it forbids."""

    @BOUNDED
    @given(case=operation.as_strategy(generation_mode=mode))
    def answers_as_described(case: Any) -> None:
        answer = case.call(headers={"authorization": f"Bearer {key}"})
        assert answer.status_code != 500
        case.validate_response(answer, checks=CHECKS)

    answers_as_described()


def check_all(described: list[Any], key: str | None) -> None:
    for operation in described:
        for mode in (GenerationMode.POSITIVE,) if operation.label in FREE else GenerationMode:
            with suppress(Unsatisfiable, SkipTest):  # a call without input cannot be made wrongly
                explore(operation, mode, key)


def test_every_operation_answers_as_it_is_described(service: Service) -> None:
    """Statuses, content types, headers and bodies are those of the document; nothing is a server error."""
    described = operations(service, of_senders=False)
    assert len(described) >= 20
    check_all(described, service.key)


@pytest.mark.slow
def test_every_door_answers_as_it_is_described(service: Service) -> None:
    """The same of the addresses that other senders post to."""
    described = operations(service, of_senders=True)
    assert len(described) >= 17
    check_all(described, service.key)


def test_the_document_names_every_call_of_the_contract(service: Service) -> None:
    """All that other programs rely on is in the document, `POST /v1/events` with its body included."""
    document = httpx.get(f"{service.url}/openapi.json").json()
    described = {
        (method.upper(), re.sub(r"\{\w+\}", "{}", path))
        for path, methods in document["paths"].items()
        for method in methods
    }
    assert described >= {
        ("POST", "/v1/events"),
        ("GET", "/v1/incidents"),
        ("GET", "/v1/incidents/{}"),
        ("GET", "/v1/incidents/{}/events"),
        ("GET", "/v1/incidents/{}/timeline"),
        ("POST", "/v1/incidents/{}/acknowledge"),
        ("POST", "/v1/incidents/{}/resolve"),
        ("POST", "/v1/incidents/{}/reopen"),
        ("POST", "/v1/incidents/{}/snooze"),
        ("POST", "/v1/incidents/{}/notes"),
        ("GET", "/v1/groups"),
        ("GET", "/v1/silences"),
        ("POST", "/v1/silences"),
        ("GET", "/v1/silences/{}"),
        ("PATCH", "/v1/silences/{}"),
        ("DELETE", "/v1/silences/{}"),
        ("POST", "/v1/silences/preview"),
        ("GET", "/v1/deliveries"),
        ("GET", "/v1/deliveries/{}"),
        ("POST", "/v1/deliveries/{}/redeliver"),
        ("GET", "/v1/dead-letters"),
        ("POST", "/v1/dead-letters/redeliver"),
        ("POST", "/v1/dead-letters/discard"),
        ("POST", "/v1/task-runs"),
        ("GET", "/v1/task-runs"),
        ("GET", "/v1/task-runs/{}"),
        ("POST", "/v1/task-runs/{}/replay"),
        ("POST", "/v1/processes/heartbeat"),
        ("GET", "/v1/channels"),
        ("POST", "/v1/channels/{}/test"),
        ("POST", "/v1/routes/test"),
        ("POST", "/v1/fingerprint"),
        ("GET", "/v1/stats"),
        ("GET", "/v1/keys"),
        ("POST", "/v1/keys"),
        ("DELETE", "/v1/keys/{}"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/metrics"),
        ("POST", "/v1/monitors/{}"),
        ("GET", "/v1/monitors"),
        ("POST", "/api/{}/envelope/"),
        ("POST", "/api/{}/store/"),
        ("POST", "/v1/ingest/{}"),
        ("POST", "/v1/logs"),
        ("POST", "/v1/traces"),
        ("POST", "/v1/metrics"),
        ("POST", "/v2/enqueue"),
        ("POST", "/v2/change/enqueue"),
        ("POST", "/api/v2/alerts"),
        ("GET", "/api/v2/alerts"),
        ("GET", "/api/v2/alerts/groups"),
        ("GET", "/api/v2/receivers"),
        ("GET", "/api/v2/status"),
        ("GET", "/api/v2/silences"),
        ("POST", "/api/v2/silences"),
        ("GET", "/api/v2/silence/{}"),
        ("DELETE", "/api/v2/silence/{}"),
    }
    assert "requestBody" in document["paths"]["/v1/events"]["post"]


def test_nothing_of_it_left_a_traceback_or_unbalanced_books(service: Service, tmp_path: Path) -> None:
    """After all of that it is ready, the log holds no defect, and the accounting balances."""
    assert httpx.get(f"{service.url}/readyz").status_code == 200
    assert "Traceback" not in service.log
    assert "request_failed" not in service.log
    assert service.settle()["balanced"]
