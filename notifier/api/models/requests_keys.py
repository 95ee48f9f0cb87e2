"""A key to make."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from notifier.api.models.requests_base import Acting, Name
from notifier.domain.key import Scope


class NewKey(Acting):
    """A key to make. Without `project` it is one of the caller's."""

    project: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")] | None = None
    name: Name = "unnamed"
    scopes: list[Scope] = Field(default=["ingest"], min_length=1)
