"""The selection of dead letters for a command."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, model_validator

from notifier.api.models.requests_base import IDS_AT_MOST, Acting, LongName, Name
from notifier.oncall.dead_letters import Selection

_SHAPES = {"ids": "array", "channel": "string", "task": "string"}


def _only(name: str) -> dict[str, Any]:
    """The schema of a body that has only this one of the three fields."""
    properties = {other: {"type": "null"} for other in _SHAPES} | {name: {"type": _SHAPES[name]}}
    return {"required": [name], "properties": properties}


class DeadLetters(Acting):
    """Dead letters, selected by exactly one of the three."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [_only("ids"), _only("channel"), _only("task")]})

    ids: Annotated[list[Name], Field(min_length=1, max_length=IDS_AT_MOST)] | None = None
    channel: Name | None = None
    task: LongName | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if sum(given is not None for given in (self.ids, self.channel, self.task)) != 1:
            raise ValueError("give one of `ids` (a list), `channel` and `task` (names)")
        return self

    @property
    def chosen(self) -> Selection:
        return Selection(ids=self.ids or (), channel=self.channel, task=self.task)
