"""Fields and the base that all requests share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

IDS_AT_MOST = 1_000

# No control characters: they are in no name, and PostgreSQL refuses NUL.
Name = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")]

LongName = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""Of a task or a service."""

MOMENT_CHARS = 64


class RequestModel(BaseModel):
    """The base of every body: unknown fields are refused, for a misspelt one would be ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Acting(RequestModel):
    """A command. `actor` is who gives it, beside the key."""

    actor: Name | None = None
