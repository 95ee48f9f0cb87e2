"""Fields and the base that all requests share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

IDS_AT_MOST = 1_000

# Something to read, and no control characters: they are in no name, and PostgreSQL refuses NUL.
_NAMED = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"

Name = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=_NAMED)]

LongName = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=_NAMED)]
"""Of a task or a service."""

MOMENT_CHARS = 64


class RequestModel(BaseModel):
    """The base of every body: unknown fields are refused, for a misspelt one would be ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Acting(RequestModel):
    """A command. `actor` is who gives it, beside the key."""

    actor: Name | None = None
