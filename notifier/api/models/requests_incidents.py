"""Acts on one incident or on many."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, WithJsonSchema, model_validator

from notifier.api.models.requests_base import IDS_AT_MOST, MOMENT_CHARS, Acting, Flag, Name
from notifier.oncall.actions import NOTE_CHARS
from notifier.oncall.search import MAX_QUERY_CHARS

Until = Annotated[
    str,
    Field(
        max_length=MOMENT_CHARS,
        description="RFC 3339 with an offset; within the next 100 years.",
        json_schema_extra={"format": "date-time"},
    ),
]


def _number(value: Any) -> Any:
    """A number as text, as in an address: with a single type, an error names the field and no alternatives."""
    return str(value) if type(value) is int and value > 0 else value


IncidentName = Annotated[
    Name,
    BeforeValidator(_number),
    WithJsonSchema({"anyOf": [TypeAdapter(Name).json_schema(), {"type": "integer", "minimum": 1}]}),
]
"""An id or a number."""


class Acknowledgement(Acting):
    """`until` is when the incident becomes open again. Without it, the acknowledgement stays until somebody reopens it.

    With `take_over`, it replaces another person's acknowledgement.
    """

    until: Until | None = None
    take_over: Flag = False


class Snooze(Acting):
    """`until` is when notifications may be sent again."""

    until: Until


class Note(Acting):
    """A note in the timeline."""

    text: Annotated[str, Field(min_length=1, max_length=NOTE_CHARS)]


def _only(name: str, other: str) -> dict[str, Any]:
    return {"required": [name], "properties": {other: {"type": "null"}, name: {"not": {"type": "null"}}}}


class Many(Acting):
    """Incidents, selected by exactly one of the two. `q` searches unresolved ones, as in the list."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [_only("ids", "q"), _only("q", "ids")]})

    ids: Annotated[list[IncidentName], Field(min_length=1, max_length=IDS_AT_MOST)] | None = None
    q: Annotated[str, Field(min_length=1, max_length=MAX_QUERY_CHARS)] | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.ids is None) == (self.q is None):
            raise ValueError("give one of `ids` (a list of ids or numbers) and `q` (a query)")
        return self


class ManyAcknowledged(Many):
    """`until` is when the incidents become open again. Without it, not before somebody reopens them."""

    until: Until | None = None


class ManySnoozed(Many):
    """`until` is when notifications may be sent again."""

    until: Until
