"""The one JSON form of an incident (RULES.md#the-incident), in lists, webhooks and templates."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from notifier.api.models.responses_incidents import IncidentAnswer
from notifier.domain.incident import Incident
from notifier.domain.severity import Severity
from notifier.domain.state import State

INCIDENT = Incident(
    id="i",
    number=7,
    project="shop",
    environment="production",
    fingerprint="f",
    title="KeyError: 'x'",
    state=State.OPEN,
    severity=Severity.ERROR,
    labels={"service": "billing"},
    varying=("host",),
    count=3,
    first_seen=1_764_000_000_000,
    last_seen=1_764_000_000_001,
    resolved_at=1_764_000_000_002,
    latest_event={"message": "m"},
)
OF_THE_MESSAGE = ("reason", "actor", "flapping")


def test_the_api_describes_what_is_encoded() -> None:
    """The model has the fields of the incident's JSON in order, and validates from either."""
    document = INCIDENT.as_json()
    assert list(document) == list(IncidentAnswer.model_fields) == list(Incident.__struct_fields__)
    assert IncidentAnswer.model_validate(INCIDENT).model_dump(mode="json") == document
    assert IncidentAnswer.model_validate(document).model_dump(mode="json") == document


def test_a_webhook_s_schema_describes_it_too() -> None:
    """The webhook's schema has the API's properties, and those that a message adds."""
    schema = json.loads(files("notifier.channels").joinpath("webhook.schema.json").read_text())
    assert list(schema["$defs"]["incident"]["properties"]) == [
        *INCIDENT.as_json(),
        "reason",
        "actor",
        "flapping",
    ]


@pytest.mark.parametrize("resolved_at", [None, INCIDENT.resolved_at])
def test_its_json_is_read_back(resolved_at: int | None) -> None:
    """A stored snapshot is decoded to the same incident."""
    incident = Incident.from_json({**INCIDENT.as_json(), **({} if resolved_at else {"resolved_at": None})})
    assert incident.resolved_at == resolved_at
    assert Incident.from_json(incident.as_json()) == incident
