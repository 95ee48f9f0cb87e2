"""The labels to test routes with."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from notifier.api.models.requests_base import RequestModel
from notifier.ingest import severity
from notifier.ingest.scrub import scrub

LABELS_AT_MOST = 100


def _labels(value: Any) -> Any:
    """The labels as in events: text without secrets, a normalized severity. Errors name a key by its position."""
    if not isinstance(value, dict):
        raise ValueError("labels are an object of strings")  # noqa: TRY004 - for pydantic
    if len(value) > LABELS_AT_MOST:
        raise ValueError(f"an event has at most {LABELS_AT_MOST} labels")
    labels = scrub({name: _label(index, label) for index, (name, label) in enumerate(value.items())})
    return severity.with_mapped_severity(
        {name: str(label).lower() if isinstance(label, bool) else label for name, label in labels.items()}
    )


def _label(index: int, value: Any) -> str | bool:
    if isinstance(value, str | bool):
        return value
    if isinstance(value, int | float):
        return str(value)
    raise ValueError(f"labels[{index}] must be a string, a number or a boolean")


class RouteTest(RequestModel):
    """The labels that an event would have."""

    labels: Annotated[
        dict[str, str],
        BeforeValidator(_labels),
        WithJsonSchema(
            {
                "type": "object",
                "maxProperties": LABELS_AT_MOST,
                "additionalProperties": {"type": ["string", "number", "boolean"]},
            }
        ),
    ]
