"""A key to create."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from notifier.api.models.requests_base import Acting, LongName, Name
from notifier.domain.key import DOORS_BY_ADDRESS, DoorName, Scope


def _fits_an_address(door: DoorName | None, info: ValidationInfo) -> DoorName | None:
    if door in DOORS_BY_ADDRESS and set(info.data.get("scopes", ())) != {"ingest"}:
        raise PydanticCustomError(
            "scopes", "a key for this door stands in an address: it has the scope `ingest` alone"
        )
    return door


class NewKey(Acting):
    """A key to create. The default `project` is the caller's.

    With `for`, it works for that sender's endpoint only. `service` is the default for events that name none.
    """

    project: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")] | None = None
    name: Name = "unnamed"
    scopes: list[Scope] = Field(default=["ingest"], min_length=1)
    # After the scopes, which it is validated against.
    door: Annotated[DoorName | None, AfterValidator(_fits_an_address)] = Field(default=None, alias="for")
    service: LongName | None = None
