"""Shared fields, and the base of all requests."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StrictBool,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from notifier.settings.validation_errors import alternatives

IDS_AT_MOST = 1_000

# Visible, and without control characters, which PostgreSQL refuses in part (NUL).
_NAMED = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"

Name = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=_NAMED)]

LongName = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=_NAMED)]
"""The name of a task or a service."""

MOMENT_CHARS = 64

Flag = Annotated[
    StrictBool,
    BeforeValidator(lambda value: False if value is None else value),
    WithJsonSchema({"type": ["boolean", "null"]}),
]
"""A boolean. Null is false, as some languages write unset values; `1` and `"yes"` are refused."""


class RequestModel(BaseModel):
    """The base of all request bodies. Unknown fields are rejected, because a misspelled one would have no effect."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _known(cls, body: Any) -> Any:
        """The body. The error for an unknown field lists the known ones, and does not repeat the sender's name."""
        if cls.model_config.get("extra") != "forbid" or not isinstance(body, dict):
            return body
        fields = {field.alias or name for name, field in cls.model_fields.items()}
        for name in body.keys() - fields:
            near = alternatives(str(name), fields)
            raise PydanticCustomError(
                "unknown_field", "a field that is not known here; {near}", {"near": near}
            )
        return body


class Acting(RequestModel):
    """A command. `actor` names the person who gives it, in addition to the key."""

    actor: Name | None = None
